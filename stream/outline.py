"""What every event has, of whatever type and version: enough to place it and to tell what is missing."""

from __future__ import annotations

import msgspec

from .events import KINDS, WIRE_VERSION, Envelope, decode

FAILURES = (msgspec.DecodeError, UnicodeDecodeError)
"""What decoding raises where something is no event."""


class Outline(Envelope, frozen=True, kw_only=True, tag=False):
    """An event of any type, also of one that only a newer version knows."""

    type: str
    first_seq: int | None = None
    """The first one missing, in a `gap`."""


_decoder: msgspec.json.Decoder[Outline] = msgspec.json.Decoder(Outline)


def outlined(payload: bytes) -> Outline | None:
    """Return the outline of the event in `payload`; None where that is no event."""
    try:
        outline = _decoder.decode(payload)
        if outline.type in KINDS and outline.v <= WIRE_VERSION:
            decode(payload)
    except FAILURES:
        return None
    return outline
