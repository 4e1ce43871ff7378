"""The server: audio and events over websockets and the page over HTTP, on one port.

Stopping happens in this order: no new connections, streams are ended and their last events published (a node
has done so before), what is queued is delivered, open websockets are closed with 1001 and the reason, and
whoever does not answer in time is cut off. It takes a few seconds at most.
"""

from __future__ import annotations

import errno
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cmlstream.models.errors import ConfigurationError, ServiceError
from cmlstream.stream.ingest import INGEST_PATH

from .following import EVENTS_PATH
from .guard import Guard, Protection, bracketed, check_bind, is_wildcard, parse_allowed_origins
from .patience import Patience
from .reception import Reception
from .tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cmlstream.stream.sinks.hub import Hub

    from .receiving import Receiving
    from .tls import Certificate


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where to listen, whom to let in, and how long to be patient."""

    host: str = "127.0.0.1"
    port: int = 8765
    """0 takes any free port."""
    insecure: bool = False
    """Allow an address that other machines can reach without tokens or TLS."""
    allowed_origins: tuple[str, ...] = ()
    """Other origins whose pages may use this server, such as https://affect.example.org."""
    subscribers: int = 1_000
    """How many may follow at once; more are answered 503."""
    tokens: Tokens = field(default_factory=Tokens.none)
    certificate: Certificate | None = None
    """With one the server speaks TLS."""
    patience: Patience = field(default_factory=Patience)
    send_buffer_bytes: int = 131_072
    """The kernel's share of a subscriber's queue, which by itself grows to megabytes: uncounted old news."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server can be reached from this machine."""

    host: str
    port: int
    encrypted: bool = False

    @property
    def page_url(self) -> str:
        """The address to open in a browser."""
        return f"{'https' if self.encrypted else 'http'}://{self._authority}/"

    @property
    def events_url(self) -> str:
        """The address to follow all events at."""
        return f"{self._websocket}{EVENTS_PATH}"

    @property
    def ingest_url(self) -> str:
        """The address to send audio to."""
        return f"{self._websocket}{INGEST_PATH}"

    @property
    def _websocket(self) -> str:
        return f"{'wss' if self.encrypted else 'ws'}://{self._authority}"

    @property
    def _authority(self) -> str:
        return f"{bracketed(self.host)}:{self.port}"


@asynccontextmanager
async def serve(
    hub: Hub, settings: ServerSettings, receiving: Receiving | None = None
) -> AsyncIterator[Address]:
    """Serve the events of `hub`, and take audio by `receiving`, while the context lasts; yield where.

    Leaving the context ends the streams and closes the hub, where that has not happened yet, so that every
    subscriber gets what is queued for it.

    Raises ConfigurationError where the address may not or cannot be listened on, ServiceError where the port
    is taken or reserved.
    """
    encrypted = settings.certificate is not None
    check_bind(settings.host, Protection(not settings.tokens.open_to_all, encrypted, settings.insecure))
    allowed = parse_allowed_origins(settings.allowed_origins)
    listener = listen(settings)
    address = Address(_reachable(settings.host), listener.getsockname()[1], encrypted)
    guard = Guard(settings.host, address.port, allowed, "https" if encrypted else "http")
    reception = Reception(hub, guard, settings, receiving)
    async with reception.opened(listener):
        yield address


def _reachable(host: str) -> str:
    """Return `host`, or what stands for "every address" seen from here."""
    return "localhost" if is_wildcard(host) else host


def listen(settings: ServerSettings) -> socket.socket:
    """Return the socket to accept subscribers on. Raises as `serve` does."""
    family, address = _resolve(settings.host, settings.port)
    try:
        listener = socket.create_server(address, family=family, dualstack_ipv6=settings.host == "::")
    except OSError as error:
        raise _explained(error, settings) from error
    # Accepted sockets inherit these. asyncio turns Nagle's algorithm off only on sockets it made itself, and
    # an event that waits for the acknowledgement of the one before comes 40 ms late.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, settings.send_buffer_bytes)
    return listener


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    """Return the one address to listen on, IPv4 where a name has both: two sockets could not share port 0."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ConfigurationError(
            f"Host {host!r} cannot be resolved: name an address of this machine."
        ) from error
    family, _, _, _, sockaddr = min(found, key=lambda one: one[0] != socket.AF_INET)
    return family, (str(sockaddr[0]), port)


def _explained(error: OSError, settings: ServerSettings) -> ConfigurationError | ServiceError:
    where = f"Port {settings.port} on {settings.host}"
    if error.errno == errno.EADDRINUSE:
        return ServiceError(
            f"{where} is taken by another program: stop that one, choose another with --port, or let "
            "--port 0 find a free one."
        )
    if error.errno == errno.EACCES:
        return ServiceError(
            f"{where} is reserved for the administrator: choose one from 1024 up with --port."
        )
    return ConfigurationError(
        f"{where} cannot be listened on ({error.strerror}): --host must be an address of this machine."
    )
