"""Where media comes from, in two forms: for the library that opens it, and for people to read."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from cmlstream.models.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

OVER_HTTP = frozenset({"http", "https"})

REACHED_THROUGH = {
    "http": "http,https,httpproxy,tcp,tls,crypto",
    "https": "http,https,httpproxy,tcp,tls,crypto",
    "rtsp": "rtp,srtp,udp,tcp",
    "rtsps": "rtp,srtp,udp,tcp,tls",
    "rtp": "rtp,udp",
    "srt": "srt",
    "tcp": "tcp",
    "udp": "udp",
}
"""By scheme, the protocols that what is played may lead to: no playlist reads files of this machine."""

CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
"""Where Debian and Alpine keep the authorities, for a Python that does not say."""


@dataclass(frozen=True, slots=True)
class MediaAddress:
    """One piece or stream of media. A URL may hold a password or a token, so only `shown` is printed."""

    url: str = field(repr=False)
    shown: str
    scheme: str

    @property
    def options(self) -> dict[str, str]:
        """What FFmpeg's demuxers and protocols are told."""
        options = {"protocol_whitelist": REACHED_THROUGH.get(self.scheme, self.scheme)}
        if self.scheme != "file":
            # In microseconds; half a second tells the codec, and its audio is that much late.
            options["analyzeduration"] = "500000"
        if self.scheme in OVER_HTTP:
            # A file that breaks off is resumed where it broke, without a loss. Of HLS, FFmpeg verifies who
            # sends the playlist, but even so not who sends the segments.
            options |= {"reconnect": "1", "tls_verify": "1", "ca_file": _authorities()}
        if self.scheme in {"rtsp", "rtsps"}:
            options |= {"rtsp_flags": "prefer_tcp"}
        if self.scheme == "udp":
            options |= {"overrun_nonfatal": "1"}
        return options


def at_url(url: str) -> MediaAddress:
    """Return the address of a URL; raises InputError where it is none that can be listened to."""
    parts = _split(url)
    if parts.scheme not in REACHED_THROUGH:
        known = " ".join(f"{scheme}://" for scheme in REACHED_THROUGH)
        raise InputError(
            f"{_shown(parts)} is a URL that cannot be listened to: use one of {known}, or the path of a file"
        )
    if not parts.hostname or not url.isprintable() or " " in url:
        raise InputError(f"{_shown(parts)} is no complete URL: write {parts.scheme}://HOST:PORT/PATH")
    return MediaAddress(url, _shown(parts), parts.scheme)


def in_file(path: Path) -> MediaAddress:
    """Return the address of a file on this machine."""
    return MediaAddress(f"file:{path}", f"file {path.name}", "file")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port, parts.hostname
    except ValueError:
        raise InputError(
            f"a URL that begins with {url.partition('://')[0]}:// is malformed: "
            "check its host and its port, a number up to 65535"
        ) from None
    return parts


def _shown(parts: SplitResult) -> str:
    """Return the URL without what may be secret: user, password, query and fragment."""
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def _authorities() -> str:
    """Return the authorities that Python trusts; the file that PyAV's TLS would read may not exist here."""
    return ssl.get_default_verify_paths().cafile or CERTIFICATES
