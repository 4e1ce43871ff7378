"""How the samples of a message are written, and what they say.

Shapes: T frames, C channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cmlstream.models.contract import Samples
    from cmlstream.stream.ingest import Format


def _mulaw_values() -> Samples:
    """What each of the 256 bytes of mu-law stands for, as int16 (ITU-T G.711, table 2a)."""
    code = ~np.arange(256, dtype=np.uint8)
    magnitude = ((code & 0x0F).astype(np.int32) * 2 + 33 << (code >> 4 & 0x07)) - 33
    return np.where(code & 0x80, -magnitude * 4, magnitude * 4).astype(np.int16)


_MULAW = _mulaw_values()
_SAMPLE_BYTES = {"pcm_s16le": 2, "pcm_f32le": 4, "mulaw": 1}


def sample_bytes(format_: Format) -> int:
    """Return how many bytes one sample takes."""
    return _SAMPLE_BYTES[format_]


def decode_frames(
    message: bytes, format_: Format, frames: int, channels: int
) -> Samples | NDArray[np.float32]:
    """Return the first `frames` of `message` as frames_TC, in place where the format allows."""
    count = frames * channels
    match format_:
        case "pcm_s16le":
            return np.frombuffer(message, "<i2", count).astype(np.int16, copy=False).reshape(-1, channels)
        case "pcm_f32le":
            return np.frombuffer(message, "<f4", count).astype(np.float32, copy=False).reshape(-1, channels)
        case "mulaw":
            return _MULAW[np.frombuffer(message, np.uint8, count)].reshape(-1, channels)
