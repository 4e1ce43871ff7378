"""What programs push to a sender: bytes or arrays, cut into messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from cmlstream.models.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Buffer

    from cmlstream.stream.ingest import Format

    from .outbox import Payload

    Audio = bytes | bytearray | memoryview | NDArray[np.int16] | NDArray[np.float32] | NDArray[np.uint8]

PIECE_BYTES = 32_768
"""Longer audio is sent in several messages: servers limit their length, and a lost link repeats less."""

_SAMPLE_BYTES: dict[Format, int] = {"pcm_s16le": 2, "pcm_f32le": 4, "mulaw": 1}
_ELEMENTS: dict[Format, str] = {"pcm_s16le": "h", "pcm_f32le": "f", "mulaw": "B"}
"""The letter that the buffer protocol has for each."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """What the bytes of a sender are."""

    encoding: Format = "pcm_s16le"
    rate: int = 16_000
    """Hz."""
    channels: int = 1
    """Interleaved; the server mixes them, unless one is picked."""
    channel: int | None = None
    """The one to listen to, counted from 1."""

    @property
    def frame_bytes(self) -> int:
        """One sample of every channel."""
        return _SAMPLE_BYTES[self.encoding] * self.channels


PLAIN = AudioFormat()


def pieces(audio: Audio, form: AudioFormat) -> Iterator[Payload]:
    """Return the audio as messages of whole frames, copied only where it could still change.

    Raises InputError where it is not of the format, or ends inside a frame.
    """
    whole = _as_bytes(audio, form)
    step = max(PIECE_BYTES // form.frame_bytes, 1) * form.frame_bytes
    if len(whole) <= step:
        return iter((whole,) if whole else ())
    view = memoryview(whole)
    return (view[start : start + step] for start in range(0, len(whole), step))


def _as_bytes(audio: Audio, form: AudioFormat) -> bytes:
    # Before Python 3.12 numpy's arrays do not say that they are buffers.
    whole = audio if isinstance(audio, bytes) else _copied(memoryview(cast("Buffer", audio)), form)
    if len(whole) % form.frame_bytes:
        raise InputError(
            f"{len(whole)} bytes were pushed, which is no multiple of {form.frame_bytes}: push whole frames"
        )
    return whole


def _copied(view: memoryview, form: AudioFormat) -> bytes:
    if view.format not in {"B", _ELEMENTS[form.encoding]}:
        raise InputError(
            f"an array of elements {view.format!r} was pushed as {form.encoding}: convert it to "
            f"{_ELEMENTS[form.encoding]!r}, or name another encoding"
        )
    return view.tobytes()
