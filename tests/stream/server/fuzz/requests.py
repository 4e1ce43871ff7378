"""Requests that no websocket comes of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .wire import request

if TYPE_CHECKING:
    from random import Random

WRONG_HEADERS: dict[str, tuple[str | None, ...]] = {
    "Sec_WebSocket_Key": (None, "", "short", "!" * 24, "A" * 24, "A" * 4_000),
    "Sec_WebSocket_Version": (None, "", "8", "12", "99", "13, 13", "x"),
    "Upgrade": (None, "", "h2c", "web socket", "\x80"),
    "Connection": (None, "", "close", "keep-alive"),
    "Host": (None, "", "evil.example", "127.0.0.1:1", "a" * 4_000, "[::", "@"),
    "Origin": ("http://evil.example", "null", "", "file://", "x" * 4_000),
}
WRONG_PATHS = (
    "/",
    "/v1/",
    "/v1/ingest/",
    "//v1/ingest",
    "/v1/INGEST",
    "/%00",
    "/..",
    "/v1/events?since=x",
    "/v1/events?since=-1",
    "/v1/events?type=x",
    "/v1/events?stream=%ff",
    "/v1/events?stream=" + "a" * 100,
    "/v1/events?stream=" + "a" * 9_000,
    "/v1/events?a=b",
    "/v1/events?&=&",
)
WRONG_METHODS = (b"POST", b"HEAD", b"get", b"PRI", b"", b"\0", b"G E T")
WRONG_VERSIONS = (b"HTTP/1.0", b"HTTP/2", b"HTTP/0.9", b"", b"HTTP/1.1 more")
WRONG_LINE_ENDS = (b"\n\n", b"\0\r\n", b"\r\n \r\n")
WRONG_LINES = (
    b"no colon",
    b": no name",
    b"a b: c",
    b"a\xff: b",
    b"a: \0",
    b"X: " + b"y" * 9_000,
    b"X: " + b"y" * 70_000,
    b"X: y\r\n" * 129,
    b"Host: 127.0.0.1",
    b"Content-Length: 5\r\n\r\nhello",
    b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0",
)
NO_REQUESTS = (
    b"GET " + b"/" * 9_000 + b" HTTP/1.1\r\n\r\n",
    b"GET " + b"/" * 100_000 + b" HTTP/1.1\r\n\r\n",
    b"\r\n" * 50,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)


def wrong_request(random: Random, port: int) -> bytes:
    """Return one of them."""
    good = request(port)
    header = random.choice(list(WRONG_HEADERS))
    return random.choice(
        (
            request(port, **{header: random.choice(WRONG_HEADERS[header])}),
            request(port, random.choice(WRONG_PATHS)),
            good.replace(b"GET", random.choice(WRONG_METHODS)),
            good.replace(b"HTTP/1.1", random.choice(WRONG_VERSIONS)),
            good.replace(b"\r\n", random.choice(WRONG_LINE_ENDS), 2),
            good[:-2] + random.choice(WRONG_LINES) + b"\r\n\r\n",
            random.choice(NO_REQUESTS),
        )
    )
