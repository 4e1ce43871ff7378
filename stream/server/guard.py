"""Who may reach the server: which address it binds to, and which Host and Origin a request may carry.

Any web page a user visits can send requests to 127.0.0.1, and through a name that its owner lets resolve to
127.0.0.1 (DNS rebinding) it can even read the answers. So a request must name this server in `Host`, and what
a browser sends on behalf of another origin is refused. Over TLS the certificate says whose name it is: a name
that leads here without being ours never gets as far as a request.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cmlstream.models.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_DEFAULT_PORTS = {"http": 80, "https": 443}
_AUTHORITY = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9._-]{1,253}))(?::(?P<port>[0-9]{1,5}))?"
)
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/@]+)")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a page comes from, in the three parts that browsers compare.

    `host` is in lower case, IPv6 without brackets.
    """

    scheme: str
    host: str
    port: int


def is_loopback(host: str) -> bool:
    """Return whether `host` is a name or address that only this machine can reach, by its spelling alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_wildcard(host: str) -> bool:
    """Return whether `host` stands for every address of this machine."""
    address = _parse_address(host)
    return address is not None and address.is_unspecified


@dataclass(frozen=True, slots=True)
class Protection:
    """What keeps strangers out."""

    tokens: bool = False
    encrypted: bool = False
    insecure: bool = False
    """The user said that nothing needs to."""

    @property
    def missing(self) -> list[str]:
        """The options of `cmlstream serve` that would complete it."""
        options = {"--tokens": self.tokens, "--certificate": self.encrypted}
        return [option for option, given in options.items() if not given and not self.insecure]


def check_bind(host: str, protection: Protection) -> None:
    """Raise ConfigurationError where listening on `host` would let other machines in unasked."""
    if protection.missing and not is_loopback(host):
        raise ConfigurationError(
            f"Host {host!r} can be reached from other machines: listen on 127.0.0.1, or let `cmlstream "
            f"serve` protect it with {' and '.join(protection.missing)}, or add --insecure if everyone on "
            "that network may read the events and send audio."
        )


def parse_origin(text: str) -> Origin | None:
    """Return the origin in `text`, or None where it is not of the form http://host:port."""
    match = _ORIGIN.fullmatch(text)
    return _parse_authority(match["authority"], match["scheme"]) if match else None


def parse_allowed_origins(texts: Iterable[str]) -> frozenset[Origin]:
    """Return the origins a configuration lists; raises ConfigurationError for one that is none."""
    origins = {text: parse_origin(text) for text in texts}
    for text, origin in origins.items():
        if origin is None:
            raise ConfigurationError(
                f"Allowed origin {text!r} is not of the form https://host or http://host:port."
            )
    return frozenset(origin for origin in origins.values() if origin is not None)


@dataclass(frozen=True, slots=True)
class Guard:
    """Judges the headers of every request. `host` and `port` are what the server is bound to."""

    host: str
    port: int
    allowed: frozenset[Origin] = frozenset()
    scheme: Literal["http", "https"] = "http"
    """What the server speaks itself, whatever a proxy before it does."""

    def refusal(self, hosts: Sequence[str], origins: Sequence[str]) -> str | None:
        """Return why a request with these Host and Origin headers is refused, or None where it is not."""
        if len(hosts) != 1 or len(origins) > 1:
            return "A request must carry one Host and at most one Origin."
        addressed = _parse_authority(hosts[0], self.scheme)
        if addressed is None or not self._is_ours(addressed):
            return f"The Host of this request does not name this server: open {self._address()} instead."
        if origins and not self._is_welcome(parse_origin(origins[0]), addressed):
            return "Pages of another origin may not use this server, unless it is one of the allowed origins."
        return None

    def _is_ours(self, addressed: Origin) -> bool:
        if self.scheme == "https":
            return True
        if any((addressed.host, addressed.port) in _spellings(origin) for origin in self.allowed):
            return True
        return addressed.port == self.port and (
            is_loopback(addressed.host) or self._answers_to(addressed.host)
        )

    def _answers_to(self, host: str) -> bool:
        """Return whether `host` is what we are bound to: for 0.0.0.0 any address, as none can be rebound."""
        if not is_wildcard(self.host):
            return host == self.host.lower()
        return _parse_address(host) is not None

    def _is_welcome(self, origin: Origin | None, addressed: Origin) -> bool:
        return origin is not None and (origin == addressed or origin in self.allowed)

    def _address(self) -> str:
        host = "127.0.0.1" if is_wildcard(self.host) else self.host
        return f"{self.scheme}://{bracketed(host)}:{self.port}/"


def bracketed(host: str) -> str:
    """Return `host` as it is written in a URL: IPv6 in square brackets."""
    return f"[{host}]" if ":" in host else host


def _parse_authority(text: str, scheme: str) -> Origin | None:
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        return None
    six = match["six"]
    host = six or match["name"]
    if six and _parse_address(six) is None:
        return None
    port = int(match["port"]) if match["port"] else _DEFAULT_PORTS[scheme]
    return Origin(scheme, host.lower(), port) if port <= 65_535 else None


def _spellings(origin: Origin) -> set[tuple[str, int]]:
    """Return the hosts and ports by which `origin` is addressed; Host says nothing of the scheme."""
    spelled = {(origin.host, origin.port)}
    if origin.port == _DEFAULT_PORTS[origin.scheme]:
        spelled.add((origin.host, _DEFAULT_PORTS["http"]))
    return spelled


def _parse_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
