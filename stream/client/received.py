"""From the bytes of a message to an event, or to the insight that this version does not know it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from cmlstream.models.errors import ServiceError
from cmlstream.stream.events import KINDS, WIRE_VERSION, decode

from .cursors import Outline

if TYPE_CHECKING:
    from cmlstream.stream.events import Event

    from .cursors import Cursors

_outline: msgspec.json.Decoder[Outline] = msgspec.json.Decoder(Outline)
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """An event as it came."""

    event: Event
    payload: bytes


class Receiver:
    """Decodes what arrives and leaves out what is repeated.

    An event of a type that this version does not know is left out too, and its type told once in the log:
    a newer server may tell more, and what is known of it still holds.
    """

    def __init__(self, cursors: Cursors, peer: str) -> None:
        self._cursors = cursors
        self._peer = peer
        self._unknown: set[str] = set()

    def take(self, payload: bytes) -> Received | None:
        """Return the event in `payload` unless it is repeated or of an unknown type.

        Raises ServiceError where it is no event, or one whose meaning has changed.
        """
        outline = self._outlined(payload)
        if not self._cursors.advance(outline):
            return None
        if outline.type not in KINDS:
            self._note_unknown(outline.type)
            return None
        try:
            return Received(decode(payload), payload)
        except msgspec.DecodeError:
            raise self._misunderstood(outline.v) from None

    def _outlined(self, payload: bytes) -> Outline:
        try:
            return _outline.decode(payload)
        except msgspec.DecodeError:
            raise self._misunderstood(WIRE_VERSION) from None

    def _note_unknown(self, event_type: str) -> None:
        if event_type not in self._unknown and len(self._unknown) < 100:
            self._unknown.add(event_type)
            _logger.warning("%s tells %.40a, which this version does not know", self._peer, event_type)

    def _misunderstood(self, version: int) -> ServiceError:
        if version > WIRE_VERSION:
            return ServiceError(
                f"{self._peer} speaks version {version} of the events and this program {WIRE_VERSION}: "
                "update this program."
            )
        return ServiceError(f"{self._peer} sends something else than events: check the address.")
