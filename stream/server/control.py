"""`POST /v1/streams/NAME/new-speaker`: someone else speaks from here on, says whoever may send audio."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from . import web
from .tokens import Scope, presented

if TYPE_CHECKING:
    from websockets.http11 import Request, Response

    from .receiving import Receiving

_NEW_SPEAKER = re.compile(r"/v1/streams/([^/]+)/new-speaker")


def control(request: Request, path: str, receiving: Receiving) -> Response | None:
    """Do what a request to `path` asks for and return the answer; None where it asks for nothing like it."""
    asked = _NEW_SPEAKER.fullmatch(path)
    if asked is None:
        return None
    if request.method != "POST":
        refused = web.refuse(HTTPStatus.METHOD_NOT_ALLOWED, "Only POST is answered here.")
        refused.headers["Allow"] = "POST"
        return refused
    grant = receiving.tokens.grant_for(presented(request.headers))
    if grant is None:
        refused = web.refuse(HTTPStatus.UNAUTHORIZED, "The token is missing or not known here.")
        refused.headers["WWW-Authenticate"] = "Bearer"
        return refused
    if Scope.INGEST not in grant.scopes:
        return web.refuse(HTTPStatus.FORBIDDEN, "This token does not allow to control a stream.")
    if not receiving.streams.change_speaker(asked[1]):
        return web.refuse(HTTPStatus.NOT_FOUND, "There is no live stream of that name on this server.")
    return web.done()
