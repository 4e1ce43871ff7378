"""The forms in which a subscriber can have an event: with or without its embedding and its features.

The default form is encoded when an event is published; the others when a subscriber first wants them, once
for all who do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from .events import Affect, SpeechEnded, decode, encode
from .outline import FAILURES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .events import Event, Message


@dataclass(frozen=True, slots=True)
class Form:
    """Which of the long fields an event has."""

    embedding: bool = True
    features: bool = False


DEFAULT_FORM = Form()


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """The features behind an estimate, kept small: most are never asked for.

    `pairs_PF` holds two rows: the raw values, and their standard scores against the baseline.
    """

    names: tuple[str, ...]
    pairs_PF: NDArray[np.float32]

    def told(self) -> dict[str, tuple[float, float]]:
        """Return value and standard score by name, with the digits that float32 has."""
        values, scores = ([float(f"{value:.7g}") for value in row] for row in self.pairs_PF.tolist())
        return dict(zip(self.names, zip(values, scores, strict=True), strict=True))


def payload(message: Message, form: Form) -> bytes:
    """Return the message as JSON in UTF-8, in `form`."""
    if form == DEFAULT_FORM or not isinstance(message.event, Affect | SpeechEnded):
        return message.payload
    found = message.forms.get(form)
    if found is None:
        found = message.forms[form] = encode(_formed(message.event, message.features, form))
    return found


def without_embedding(payload: bytes) -> bytes:
    """Return an encoded event without its embedding; as it is where this version cannot read it."""
    try:
        event = decode(payload)
    except FAILURES:
        return payload
    if not isinstance(event, Affect | SpeechEnded):
        return payload
    return encode(msgspec.structs.replace(event, embedding=msgspec.UNSET))


def _formed(event: Affect | SpeechEnded, features: Features | None, form: Form) -> Event:
    return msgspec.structs.replace(
        event,
        embedding=event.embedding if form.embedding else msgspec.UNSET,
        features=features.told() if features and form.features else msgspec.UNSET,
    )
