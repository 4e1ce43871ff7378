"""The thread that decodes media into a queue, and comes back to a stream that broke off."""

from __future__ import annotations

import logging
import time
from contextlib import closing
from typing import TYPE_CHECKING

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.stream.backoff import Backoff
from cmlstream.stream.seldom import SeldomLog

from .convert import Converter
from .decoder import MediaError
from .newest import EndOfAudio

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from .decoder import Decoded, Decoder
    from .newest import NewestQueue

PIECE_S = 0.5
"""Queued at a time at most: some containers hold a minute in one packet."""

_broken = SeldomLog(logging.getLogger(__name__))


class Feed:
    """Keeps `queue` filled from `decoder`, and from what `reopen` returns when live media broke off or ended.

    The time between is lost audio, as long as the clock on the wall says. Other media end the queue. Once
    `stopping` is set the thread ends as soon as the library returns to it.
    """

    def __init__(
        self,
        reopen: Callable[[], Decoder],
        channel: int | None,
        queue: NewestQueue,
        stopping: threading.Event,
    ) -> None:
        self._reopen = reopen
        self._channel = channel
        self._queue = queue
        self._stopping = stopping
        self._backoff = Backoff()
        self._converter: Converter | None = None
        self._format: tuple[int, int] | None = None
        """Rate in Hz and channels."""
        self._heard_s = time.monotonic()
        self._is_back = False

    def run(self, decoder: Decoder) -> None:
        """Decode until the media ends for good or `stopping` is set."""
        try:
            connected: Decoder | None = decoder
            while connected is not None:
                with closing(connected):
                    reason = self._play(connected)
                connected = self._reconnect(reason) if connected.is_live else None
        except Exception as error:  # noqa: BLE001 - raised where the queue is read
            self._queue.finish(error)
        else:
            self._queue.finish(EndOfAudio())

    def _play(self, decoder: Decoder) -> str:
        """Queue what is decoded until it ends, and return why it did; only what is not live may not break."""
        reason = "ended"
        try:
            for decoded in decoder.decoded():
                if self._stopping.is_set():
                    break
                self._hear(decoded)
        except MediaError as error:
            if not decoder.is_live:
                raise
            reason = error.reason
        self._flush()
        return reason

    def _reconnect(self, reason: str) -> Decoder | None:
        """Try until it is there again; return None when told to stop, or when it has become a recording."""
        self._is_back = True
        while True:
            wait_s = self._backoff.next_s()
            if self._stopping.wait(wait_s):
                return None
            _broken.warning("A media stream %s: connecting again", reason)
            try:
                decoder = self._reopen()
            except MediaError as error:
                reason = error.reason
                continue
            if decoder.is_live:
                return decoder
            decoder.close()
            return None

    def _hear(self, decoded: Decoded) -> None:
        now_s = time.monotonic()
        lost_s = decoded.lost_s
        if self._is_back:
            self._is_back = False
            self._backoff.reset()
            # At least a sample: what was heard before does not go on here.
            lost_s = max(now_s - self._heard_s - len(decoded.frames_TC) / decoded.rate, 1 / SAMPLE_RATE)
        self._heard_s = now_s
        if lost_s:
            self._flush()
            self._queue.skip(round(lost_s * SAMPLE_RATE))
        self._queue_frames(decoded)

    def _queue_frames(self, decoded: Decoded) -> None:
        converter = self._converter_for(decoded)
        piece_frames = round(PIECE_S * decoded.rate)
        for begin in range(0, len(decoded.frames_TC), piece_frames):
            self._queue.put(converter.push(decoded.frames_TC[begin : begin + piece_frames]))

    def _converter_for(self, decoded: Decoded) -> Converter:
        """Return the converter in use, or a new one where rate or channels have changed."""
        channels = decoded.frames_TC.shape[1]
        if self._converter is None or self._format != (decoded.rate, channels):
            self._flush()
            self._converter = Converter(decoded.rate, channels, self._channel)
            self._format = (decoded.rate, channels)
        return self._converter

    def _flush(self) -> None:
        if self._converter is not None:
            self._queue.put(self._converter.flush())
