"""How the program reaches Redis: a client from a URL, its address without secrets, and why it refuses.

No text made here holds a user name, a password or the URL. redis-py's own messages can quote a command,
and with it an event, so they are never passed on. Imported late, since redis takes 0.15 s.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from redis import exceptions as refusals
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from cmlstream.models.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator

REPLY_TIMEOUT_S = 2.0
"""How long Redis may take to connect or to answer before it counts as away."""
CONNECTIONS = 8
URL_FORM = "redis://USER:PASSWORD@HOST:PORT/DATABASE (rediss:// for TLS)"
CHECK_ADDRESS = "check host and port, and whether it speaks TLS (rediss://) or not (redis://)"
PERMISSIONS = "~cmlstream:* &cmlstream:* +@connection +@scripting +@stream +@sortedset +@pubsub +set +pexpire"

Failure = refusals.RedisError | OSError
FAILURES = (refusals.RedisError, OSError)
"""What a command raises when Redis is away, slow or unwilling; TimeoutError is an OSError."""


def open_client(url: str) -> Redis:
    """Return a client that answers within REPLY_TIMEOUT_S or raises, and leaves trying again to its caller.

    Nothing is sent yet. The protocol is RESP2, which every Redis, fork and proxy understands.

    Raises:
        ServiceError: `url` is not the URL of a Redis.

    """
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            protocol=2,
            max_connections=CONNECTIONS,
            socket_timeout=REPLY_TIMEOUT_S,
            socket_connect_timeout=REPLY_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        pool.connection_class(**pool.connection_kwargs)  # shows misspelt options in the URL's query
    except (ValueError, TypeError):
        # The original message may quote a part of the password, where that holds a character like "/".
        scheme = url.partition("://")[0] if "://" in url else ""
        found = f"one that begins with {scheme}://" if scheme.isalnum() else "something else"
        raise ServiceError(
            f"the Redis URL must look like {URL_FORM}, with special characters percent-encoded; found {found}"
        ) from None
    return Redis.from_pool(pool)


def address_of(url: str) -> str:
    """Return host:port (or the socket's path) of a URL that `open_client` accepted."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    host = parts.hostname or "localhost"
    return f"{f'[{host}]' if ':' in host else host}:{parts.port or 6379}"


def why(failure: Failure) -> str:
    """Return what stands between us and Redis, and the remedy, as the rest of "Redis at HOST:PORT ..."."""
    for cause in _causes(failure):
        match cause:
            case ssl.SSLCertVerificationError():
                return (
                    f"shows a certificate that cannot be verified ({cause.verify_message}): "
                    "name its authority with ?ssl_ca_certs=FILE in the URL"
                )
            case ssl.SSLError():
                return "does not speak TLS: write redis:// in place of rediss://"
            case socket.gaierror():
                return "has a host name that cannot be resolved: correct it in the URL"
    return _why_refused(failure)


def _why_refused(failure: Failure) -> str:
    """Return the same for what Redis itself, or the connection to it, answered."""
    match failure:
        case refusals.AuthenticationError():
            return f"refuses the user name or password, or demands them: write them as in {URL_FORM}"
        case refusals.NoPermissionError():
            return f"does not permit this user to publish: its administrator must grant {PERMISSIONS}"
        case refusals.ReadOnlyError():
            return "is a read-only replica: name its primary in the URL"
        case refusals.BusyLoadingError():
            return "is still loading its data: try again when it is ready"
        case refusals.OutOfMemoryError():
            return "is full: raise its maxmemory, or let it evict"
        case refusals.ResponseError():
            # Behind a comma Redis may quote what we sent.
            return f"answers: {str(failure).partition(',')[0]}"
        case refusals.TimeoutError() | TimeoutError():
            return f"does not answer within {REPLY_TIMEOUT_S:g} s: {CHECK_ADDRESS}"
        case _ if _never_reached(failure):
            return "cannot be reached: start it, name another in the URL, or let `embedded` run a private one"
        case refusals.InvalidResponse():
            return f"does not speak as Redis does: {CHECK_ADDRESS}"
        case _:
            return "hangs up: see its log, and check whether it speaks TLS (rediss://) or not (redis://)"


def _never_reached(failure: Failure) -> bool:
    """Tell a peer that was never reached (the system's error is a cause) from one that hung up."""
    return any(
        isinstance(cause, OSError) and not isinstance(cause, ConnectionResetError | BrokenPipeError)
        for cause in _causes(failure)
    )


def _causes(failure: BaseException | None) -> Iterator[BaseException]:
    while failure is not None:
        yield failure
        failure = failure.__cause__ or failure.__context__
