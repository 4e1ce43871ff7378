"""A thread that captures from one microphone into a queue."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.errors import InputError

from .convert import Converter
from .portaudio import Microphone, load, session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from .newest import NewestQueue

BUFFER_S = 0.02
OPENING_LIMIT_S = 10.0
"""Bluetooth headsets take seconds to wake."""
CLOSING_LIMIT_S = 1.0
"""A frozen sound server never lets go; then its thread is left behind."""


@asynccontextmanager
async def capturing(
    microphone: Microphone, channel: int | None, queue: NewestQueue
) -> AsyncGenerator[None, None]:
    """Fill `queue` from `microphone` until the context ends, then release the device.

    Raises InputError where the device cannot be opened.
    """
    opened: Future[None] = Future()
    released = threading.Event()
    # A daemon: a device that hangs must not keep the program from ending.
    thread = threading.Thread(
        target=_capture, args=(microphone, channel, queue, opened, released), name="microphone", daemon=True
    )
    thread.start()
    try:
        try:
            await asyncio.wait_for(asyncio.wrap_future(opened), OPENING_LIMIT_S)
        except TimeoutError:
            raise InputError(
                f"microphone {microphone.name!r} did not open within {OPENING_LIMIT_S:.0f} s: "
                "plug it in anew, or restart the sound server"
            ) from None
        yield
    finally:
        queue.close()
        released.set()
        await asyncio.to_thread(thread.join, CLOSING_LIMIT_S)


class Capture:
    """What PortAudio calls with every buffer, on a thread of its own: converts it and queues it."""

    def __init__(self, converter: Converter, rate: int, channels: int, queue: NewestQueue) -> None:
        self._converter = converter
        self._rate = rate
        self._channels = channels
        self._queue = queue
        self._expected_s: float | None = None

    def __call__(
        self, recorded: bytes, frame_count: int, times: Mapping[str, float], status: int
    ) -> tuple[None, int]:
        """Take one buffer of int16 frames and tell PortAudio to go on."""
        captured_s = times["input_buffer_adc_time"]
        if status & load().paInputOverflow and self._expected_s is not None:
            self._queue.skip(max(0, round((captured_s - self._expected_s) * SAMPLE_RATE)))
        self._expected_s = captured_s + frame_count / self._rate
        frames_TC = np.frombuffer(recorded, np.int16).reshape(-1, self._channels)
        self._queue.put(self._converter.push(frames_TC))
        return None, load().paContinue


def _capture(
    microphone: Microphone,
    channel: int | None,
    queue: NewestQueue,
    opened: Future[None],
    released: threading.Event,
) -> None:
    opened.set_running_or_notify_cancel()
    try:
        with session() as audio:
            stream = _open(audio, microphone, channel, queue)
            opened.set_result(None)
            released.wait()
            stream.close()
    except InputError as error:
        opened.set_exception(error)


def _open(audio: Any, microphone: Microphone, channel: int | None, queue: NewestQueue) -> Any:
    """Open at 16 kHz if the device can, else at its own rate, with no more channels than are needed."""
    needed = min(1 if channel is None else max(2, channel), microphone.channels)
    reasons = []
    for rate, channels in dict.fromkeys(
        (
            (SAMPLE_RATE, needed),
            (microphone.default_rate, needed),
            (microphone.default_rate, microphone.channels),
        )
    ):
        try:
            return audio.open(
                rate=rate,
                channels=channels,
                format=load().paInt16,
                input=True,
                input_device_index=microphone.index,
                frames_per_buffer=round(BUFFER_S * rate),
                stream_callback=Capture(Converter(rate, channels, channel), rate, channels, queue),
            )
        except OSError as error:
            reasons.append(error.strerror or str(error))
    raise InputError(
        f"microphone {microphone.name!r} cannot be opened ({reasons[-1]}): "
        "close other programs that use it, or name another from `cmlstream devices`"
    )
