"""`POST /v1/streams/NAME/new-speaker`: someone else speaks from here on, says whoever may send its audio."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from cmlstream.stream.ingest import Refusal

from . import web
from .streams import SenderRefusedError
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
    return _begin_speaker(asked[1], presented(request.headers), receiving)


def _begin_speaker(stream: str, secret: str | None, receiving: Receiving) -> Response:
    grant = receiving.tokens.grant_for(secret)
    if grant is None:
        receiving.metrics.refused(Refusal.UNAUTHORIZED.code)
        refused = web.refuse(HTTPStatus.UNAUTHORIZED, "The token is missing or not known here.")
        refused.headers["WWW-Authenticate"] = "Bearer"
        return refused
    if Scope.INGEST not in grant.scopes:
        return _forbid("This token does not allow to control a stream.", receiving)
    try:
        is_there = receiving.streams.change_speaker(stream, grant.name)
    except SenderRefusedError as error:
        return _forbid(str(error), receiving)
    if not is_there:
        return web.refuse(HTTPStatus.NOT_FOUND, "There is no live stream of that name on this server.")
    return web.done()


def _forbid(sentence: str, receiving: Receiving) -> Response:
    receiving.metrics.refused(Refusal.FORBIDDEN.code)
    return web.refuse(HTTPStatus.FORBIDDEN, sentence)
