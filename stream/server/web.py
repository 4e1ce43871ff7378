"""Plain HTTP on the server's port: the page, the schema documents, and whether all is well."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import formatdate
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from websockets.datastructures import Headers
from websockets.http11 import Response

from cmlstream.stream.asyncapi import asyncapi_document
from cmlstream.stream.schema import event_schema

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

    from websockets.http11 import Request

_MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)

_NOT_FOUND = (
    "There is nothing here; there are: /, /client.js, /schema.json and what /asyncapi.json describes."
)

_EVERY_RESPONSE = {
    "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # The page and the program that serves it belong together: an old copy would meet a new wire.
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Document:
    """Something that can be fetched."""

    media_type: str
    body: bytes


def answer(request: Request) -> Response:
    """Return the response to a plain request for the page or a schema document."""
    document = _documents().get(request.path.partition("?")[0])
    if request.method not in {"GET", "HEAD"}:
        refused = refuse(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET and HEAD are answered here.")
        refused.headers["Allow"] = "GET, HEAD"
        return refused
    if document is None:
        return refuse(HTTPStatus.NOT_FOUND, _NOT_FOUND)
    return _respond(HTTPStatus.OK, document, with_body=request.method == "GET")


def show(request: Request, document: Document) -> Response:
    """Return the response to a plain request for a document that is made anew each time."""
    return _respond(HTTPStatus.OK, document, with_body=request.method != "HEAD")


def done() -> Response:
    """Return the answer to a request that was carried out and has nothing to show."""
    headers = Headers()
    headers["Date"] = formatdate(usegmt=True)
    headers["Connection"] = "close"
    return Response(HTTPStatus.NO_CONTENT.value, HTTPStatus.NO_CONTENT.phrase, headers, b"")


def report(request: Request, trouble: str | None) -> Response:
    """Return the answer to a health check: that all is well, or what is not."""
    status = HTTPStatus.SERVICE_UNAVAILABLE if trouble else HTTPStatus.OK
    said = Document("text/plain", f"{trouble or 'ok'}\n".encode())
    return _respond(status, said, with_body=request.method != "HEAD")


def refuse(status: HTTPStatus, sentence: str) -> Response:
    """Return an answer that says in one sentence what is wrong."""
    return _respond(status, Document("text/plain", f"{sentence}\n".encode()))


def share(response: Response, origin: str | None) -> Response:
    """Let pages of `origin`, which the guard has let in, read `response`: so they can import the client."""
    if origin is not None:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        response.headers["Vary"] = "Origin"
    return response


def protect(response: Response) -> None:
    """Add to any response what keeps browsers from misusing it."""
    for name, value in _EVERY_RESPONSE.items():
        if name not in response.headers:
            response.headers[name] = value


def _respond(status: HTTPStatus, document: Document, *, with_body: bool = True) -> Response:
    headers = Headers()
    headers["Date"] = formatdate(usegmt=True)
    headers["Content-Type"] = f"{document.media_type}; charset=utf-8"
    headers["Content-Length"] = str(len(document.body))
    headers["Connection"] = "close"
    return Response(status.value, status.phrase, headers, document.body if with_body else b"")


@cache
def _documents() -> Mapping[str, Document]:
    """Return everything there is by its path. Nothing else is ever read, so no path can lead outside."""
    page = {f"/{entry.name}": _page_part(entry) for entry in (files("cmlstream.stream") / "page").iterdir()}
    return {
        "/": page.pop("/index.html"),
        "/schema.json": Document("application/schema+json", event_schema()),
        "/asyncapi.json": Document("application/json", asyncapi_document()),
        **page,
    }


def _page_part(entry: Traversable) -> Document:
    return Document(_MEDIA_TYPES[PurePosixPath(entry.name).suffix], entry.read_bytes())
