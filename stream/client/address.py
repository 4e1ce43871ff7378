"""Where a server or a Redis is, from the URL that a user was given or copied."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from cmlstream.models.errors import ConfigurationError
from cmlstream.stream.server.guard import bracketed, is_loopback

WEBSOCKET_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
REDIS_SCHEMES = frozenset({"redis", "rediss"})
_DEFAULT_PORTS = {"ws": 80, "wss": 443}
_FORMS = "ws://HOST:PORT, wss://HOST:PORT"


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """One endpoint of a server, without secrets."""

    scheme: str
    """`ws` or `wss`."""
    host: str
    port: int
    path: str
    parameters: tuple[tuple[str, str], ...] = ()
    """What the query of the URL asked for, in its order."""

    @property
    def name(self) -> str:
        """The server in a sentence for people."""
        return f"{bracketed(self.host)}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine, where no proxy of the environment leads."""
        return is_loopback(self.host)

    def url(self, parameters: tuple[tuple[str, str], ...] = ()) -> str:
        """Return the URL to open, with `parameters` after its own."""
        # The colon of a cursor may stand as it is; three characters for it would make long queries longer.
        query = urlencode([*self.parameters, *parameters], quote_via=quote, safe=":*")
        return f"{self.scheme}://{self.name}{self.path}{'?' if query else ''}{query}"


def is_redis(url: str) -> bool:
    """Return whether `url` names a Redis and no server of ours."""
    return url.partition(":")[0].lower() in REDIS_SCHEMES


def parse_server(url: str, endpoint: str) -> ServerAddress:
    """Return where `endpoint` (such as `/v1/events`) of the server at `url` is.

    `url` may name the server alone, a folder behind a proxy, or the endpoint itself with a query; http and
    https stand for ws and wss.

    Raises ConfigurationError where `url` is not the URL of a server, or holds a secret: it would be seen in
    lists of processes and in logs.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        parameters = tuple(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise ConfigurationError(f"The address of the server is malformed: write {_FORMS}.") from None
    scheme = WEBSOCKET_SCHEMES.get(parts.scheme.lower())
    if scheme is None or not host:
        raise ConfigurationError(
            f"The address of the server begins with {url.partition('//')[0][:20]!r}: write {_FORMS}."
        )
    if (
        parts.password is not None
        or parts.username is not None
        or any(key == "token" for key, _ in parameters)
    ):
        raise ConfigurationError(
            "The address of the server holds a secret, which others could see: give the token apart from it."
        )
    path = parts.path.rstrip("/")
    path = path if path.endswith(endpoint) else path + endpoint
    return ServerAddress(scheme, host, port or _DEFAULT_PORTS[scheme], path, parameters)
