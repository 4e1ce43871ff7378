"""How the program reaches Redis: a client from a URL, its address without secrets, and why it refuses.

No text made here holds a user name, a password or the URL. redis-py's own messages can quote a command,
and with it an event, so they are never passed on. Imported late, since redis takes 0.15 s.
"""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis import exceptions as refusals
from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from cmlstream.models.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REPLY_TIMEOUT_S = 2.0
"""How long Redis may take to connect or to answer before it counts as away."""
FIRST_RETRY_S, LONGEST_RETRY_S = 0.05, 2.0
CONNECTIONS = 8
CONNECTIONS_TO_NODE = 10_000
"""No limit in practice: where a pool for a cluster is exhausted it does not wait, it fails."""
URL_FORM = "redis://USER:PASSWORD@HOST:PORT/DATABASE (rediss:// for TLS, ?cluster=true for a Redis Cluster)"
CHECK_ADDRESS = "check host and port, and whether it speaks TLS (rediss://) or not (redis://)"
PERMISSIONS = (
    "~cmlstream:* &cmlstream:* +@connection +@scripting +@stream +@sortedset +@pubsub +set +pexpire "
    "+cluster|slots"
)

Client = Redis | RedisCluster
Command = tuple[str | bytes | float, ...]
Failure = refusals.RedisError | refusals.RedisClusterException | OSError
FAILURES = (refusals.RedisError, refusals.RedisClusterException, OSError)
"""What a command raises when Redis is away, slow or unwilling; TimeoutError is an OSError."""


def open_client(url: str) -> Client:
    """Return a client that answers within REPLY_TIMEOUT_S or raises, and leaves trying again to its caller.

    Nothing is sent yet. The protocol is RESP2, which every Redis, fork and proxy understands. With
    `cluster=true` in its query the URL names any node of a Redis Cluster, which tells of the others; what
    else stands in the URL, such as credentials and TLS, holds for all of them.

    Raises:
        ServiceError: `url` is not the URL of a Redis.

    """
    try:
        plain_url, is_cluster = _split_cluster(url)
        return _open_cluster(plain_url) if is_cluster else _open_single(plain_url)
    except (ValueError, TypeError, refusals.RedisClusterException):
        # The original message may quote a part of the password, where that holds a character like "/".
        scheme = url.partition("://")[0] if "://" in url else ""
        found = f"one that begins with {scheme}://" if scheme.isalnum() else "something else"
        raise ServiceError(
            f"the Redis URL must look like {URL_FORM}, with special characters percent-encoded; found {found}"
        ) from None


def _split_cluster(url: str) -> tuple[str, bool]:
    """Return the URL without the option that redis-py does not know, and what that says."""
    parts = urlsplit(url)
    options = parse_qsl(parts.query, keep_blank_values=True)
    said = [value.lower() for name, value in options if name == "cluster"]
    if not said:
        return url, False
    if said not in (["true"], ["false"]):
        raise ValueError("cluster is either true or false")
    others = urlencode([option for option in options if option[0] != "cluster"])
    return parts._replace(query=others).geturl(), said == ["true"]


def _open_single(url: str) -> Redis:
    pool = BlockingConnectionPool.from_url(
        url,
        protocol=2,
        max_connections=CONNECTIONS,
        socket_timeout=REPLY_TIMEOUT_S,
        socket_connect_timeout=REPLY_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
    pool.connection_class(**pool.connection_kwargs)  # shows misspelt options in the URL's query
    return Redis.from_pool(pool)


def _open_cluster(url: str) -> RedisCluster:
    return RedisCluster.from_url(
        url,
        protocol=2,
        max_connections=CONNECTIONS_TO_NODE,
        socket_timeout=REPLY_TIMEOUT_S,
        socket_connect_timeout=REPLY_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )


async def ask(client: Client, *command: str | bytes | float, **options: Any) -> Any:
    """Send one command and return its answer; raises one of FAILURES."""
    with _closed_meanwhile():
        return await client.execute_command(*command, **options)


async def ask_together(client: Client, commands: Sequence[Command]) -> list[Any]:
    """Send commands in one round trip to each node; returns their answers, an error in place of one.

    Where a node does not answer within REPLY_TIMEOUT_S, all that it was told has that error; it may have
    done it nonetheless. What other nodes answered stays.
    """
    parts: dict[str, list[int]] = {}
    for index, command in enumerate(commands):
        parts.setdefault(node_of(client, _key_of(command)), []).append(index)
    if len(parts) == 1:
        return await _ask_node(client, commands)
    asked = (_ask_node(client, [commands[index] for index in part]) for part in parts.values())
    answers = dict(
        pair
        for part, found in zip(parts.values(), await asyncio.gather(*asked), strict=True)
        for pair in zip(part, found, strict=True)
    )
    return [answers[index] for index in range(len(commands))]


async def _ask_node(client: Client, commands: Sequence[Command]) -> list[Any]:
    pipeline = client.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)
    try:
        async with asyncio.timeout(REPLY_TIMEOUT_S):
            with _closed_meanwhile():
                return await pipeline.execute(raise_on_error=False)
    except FAILURES as failure:
        return [failure] * len(commands)


def _key_of(command: Command) -> str:
    return str(command[3] if command[0] in ("EVAL", "EVALSHA") else command[1])


def node_of(client: Client, key: str) -> str:
    """Return the name of the node that serves a key, as far as is known; without a cluster all have one."""
    if isinstance(client, RedisCluster):
        with suppress(refusals.SlotNotCoveredError):
            return getattr(client.get_node_from_key(key), "name", "")
    return ""


def is_node_away(failure: Exception) -> bool:
    """Tell the failure of a node, which all its streams share, from a refusal of what was asked."""
    return not isinstance(failure, refusals.ResponseError)


@contextmanager
def _closed_meanwhile() -> Iterator[None]:
    """Name what redis-py trips over when one task's failure closes all connections to a cluster.

    A connection that another task is just opening then lacks its writer.
    """
    try:
        yield
    except AttributeError as failure:
        raise refusals.ConnectionError("the connection was closed while it was opened") from failure


async def look_again(client: Client) -> None:
    """Make the client of a cluster ask again which node serves what: after a failure its pipelines do not.

    Connections stay as they are until they are used again, since other tasks may be waiting for answers.
    """
    if isinstance(client, RedisCluster):
        with suppress(*FAILURES), _closed_meanwhile():
            await client.nodes_manager.initialize()


def pauses_s() -> Iterator[float]:
    """Yield ever longer pauses, each shortened at random so that many nodes do not come back as one."""
    pause_s = FIRST_RETRY_S
    while True:
        yield pause_s * random.uniform(0.5, 1.0)
        pause_s = min(2 * pause_s, LONGEST_RETRY_S)


def address_of(url: str) -> str:
    """Return host:port (or the socket's path) of a URL that `open_client` accepted."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    host = parts.hostname or "localhost"
    return f"{f'[{host}]' if ':' in host else host}:{parts.port or 6379}"


def why(failure: Exception) -> str:
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
    return _why_refused(_beneath_cluster(failure))


def _beneath_cluster(failure: Exception) -> Exception:
    """Return what a node said, or what became of its connection, where the cluster's client wraps it."""
    for cause in _causes(failure):
        if isinstance(cause, FAILURES) and not isinstance(cause, refusals.RedisClusterException):
            return cause
    return failure


def _why_refused(failure: Exception) -> str:
    """Return the same for what Redis itself, or the connection to it, answered."""
    match failure:
        case refusals.AuthenticationError():
            return f"refuses the user name or password, or demands them: write them as in {URL_FORM}"
        case refusals.NoPermissionError():
            return f"does not permit this user all that is needed: its administrator must grant {PERMISSIONS}"
        case refusals.ClusterDownError() | refusals.SlotNotCoveredError() | refusals.RedisClusterException():
            return "is a cluster in which not every slot is served: bring its nodes back"
        case refusals.MovedError():
            return "is one node of a cluster: write ?cluster=true in the URL"
        case refusals.ResponseError() if "cluster support disabled" in str(failure):
            return "is not a cluster: leave ?cluster=true out of the URL"
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
            return "cannot be reached: check that it runs there, or name another in the URL"
        case refusals.InvalidResponse():
            return f"does not speak as Redis does: {CHECK_ADDRESS}"
        case _:
            return "hangs up: see its log, and check whether it speaks TLS (rediss://) or not (redis://)"


def _never_reached(failure: Exception) -> bool:
    """Tell a peer that was never reached (the system's error is a cause) from one that hung up."""
    return any(
        isinstance(cause, OSError) and not isinstance(cause, ConnectionResetError | BrokenPipeError)
        for cause in _causes(failure)
    )


def _causes(failure: BaseException | None) -> Iterator[BaseException]:
    while failure is not None:
        yield failure
        failure = failure.__cause__ or failure.__context__
