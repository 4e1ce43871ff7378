"""The microphone as a source of audio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.errors import InputError

from .base import Chunk, Source
from .capture import capturing
from .newest import NewestQueue
from .portaudio import Microphone, devices

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

__all__ = ["Microphone", "MicrophoneSource", "NoMicrophoneError", "choose", "devices"]

HELD_SAMPLES = 2 * SAMPLE_RATE
"""Kept for a reader that is busy; older audio is no longer live."""
FIRST_LIMIT_S = 5.0
"""From opening to the first audio: sound servers wake suspended devices."""
STALL_LIMIT_S = 2.0
"""Without audio for so long, the device is gone."""


class NoMicrophoneError(InputError):
    """No input device at all on this machine."""


class MicrophoneSource(Source):
    """A microphone, by part of its name, by its index, or with None the system's default.

    `channel` picks one, counted from 1; otherwise they are mixed. A reader that falls behind by more than 2 s
    loses the oldest audio, which shows in `dropped_samples` and as a jump in the chunks' `start`.

    Making one looks for the device: raises NoMicrophoneError where there is none at all, InputError where
    the one wanted is missing or PyAudio is not installed.
    """

    paced = True

    def __init__(self, wanted: str | None = None, *, channel: int | None = None) -> None:
        self._microphone = choose(devices(), wanted)
        self._channel = channel
        self.description = f"microphone {self._microphone.name}"

    async def chunks(self) -> AsyncGenerator[Chunk, None]:
        """Yield about 20 ms at a time, from now on, until closed.

        Raises InputError where the device cannot be opened and where it sends nothing, not even silence.
        """
        queue = NewestQueue(HELD_SAMPLES)
        async with capturing(self._microphone, self._channel, queue):
            limit_s = FIRST_LIMIT_S
            while True:
                try:
                    chunk = await asyncio.wait_for(queue.get(), limit_s)
                except TimeoutError:
                    raise InputError(
                        f"microphone {self._microphone.name!r} sent nothing for {limit_s:.0f} s: "
                        "check that it is plugged in, or name another from `cmlstream devices`"
                    ) from None
                self.dropped_samples = queue.dropped_samples
                limit_s = STALL_LIMIT_S
                yield chunk


def choose(microphones: list[Microphone], wanted: str | None) -> Microphone:
    """Return the device that `wanted` names: index, name or part of it in any case, None for the default.

    A whole name goes before a part, and earlier devices before later ones.
    """
    if not microphones:
        raise NoMicrophoneError("this machine has no microphone: plug one in, or name a file or `sample`")
    if wanted is None:
        return next((microphone for microphone in microphones if microphone.is_default), microphones[0])
    candidates = (
        [one for one in microphones if str(one.index) == wanted]
        + [one for one in microphones if one.name.casefold() == wanted.casefold()]
        + [one for one in microphones if wanted.casefold() in one.name.casefold()]
    )
    if not candidates:
        listed = ", ".join(f"{one.index} {one.name!r}" for one in microphones)
        raise InputError(f"there is no microphone {wanted!r}: name one of {listed}")
    return candidates[0]
