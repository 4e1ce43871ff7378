"""What a server's `error` to a sender means: come again, or give up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cmlstream.models.errors import ServiceError
from cmlstream.stream.ingest import Refusal
from cmlstream.stream.plain import plain

from .failures import ConnectionLost

if TYPE_CHECKING:
    from cmlstream.stream.ingest import Refused

_FINAL = {
    *(refusal.code for refusal in Refusal if refusal.is_final),
    # Two senders that each took the stream back would do so for ever.
    Refusal.TAKEN_OVER.code,
}
_REMEDIES = {
    Refusal.UNAUTHORIZED.code: " Give one in CMLSTREAM_TOKEN or with --token-file.",
    Refusal.FORBIDDEN.code: " Give one with the scope `ingest`.",
}


def judge_refusal(said: Refused, server: str) -> ConnectionLost | ServiceError:
    """Return what to raise: whether trying again can help, or not; `server` is its name for people."""
    code, message = plain(said.code), plain(said.message)
    if code not in _FINAL:
        return ConnectionLost(f"{message.removesuffix('.')} [{code}]")
    return ServiceError(f"The server {server} refuses ({code}): {message}{_REMEDIES.get(code, '')}")
