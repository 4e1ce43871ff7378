"""Follows every stream of the load, and says how long after its audio each rolling estimate came."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.stream.events import Affect, Gap, SpeechEnded, SpeechStarted, Status, StreamStarted, decode
from tests.stream.load.senders import RAMP_S, start_s

if TYPE_CHECKING:
    import asyncio

    from cmlstream.stream.events import Event


@dataclass(slots=True)
class Followed:
    """What came of a run."""

    delays_ms: list[float] = field(default_factory=list)
    events: int = 0
    holes: int = 0
    """Jumps in `seq`, and gaps."""
    regions: int = 0
    speech_s: float = 0.0
    dropped: dict[str, int] = field(default_factory=dict)
    """By stream: samples dropped, events skipped and updates thinned, as `status` counts them."""


class Follower:
    """Takes events as they arrive; streams are called load-NUMBER and begin as the senders do."""

    def __init__(self, streams: int, starts_s: float) -> None:
        self.followed = Followed()
        self._starts_s = {f"load-{number}": start_s(starts_s, number, streams) for number in range(streams)}
        self._counts_from_s = starts_s + RAMP_S
        self._region_starts: dict[str, int] = {}
        self._last_seq: dict[str, int] = {}
        self._hop_samples = SAMPLE_RATE // 4

    def take(self, event: Event, arrived_s: float) -> None:
        """Count one event."""
        followed = self.followed
        followed.events += 1
        if event.seq is not None:
            followed.holes += event.seq != self._last_seq.get(event.stream, 0) + 1
            self._last_seq[event.stream] = event.seq
        match event:
            case StreamStarted():
                self._hop_samples = event.hop_ms * SAMPLE_RATE // 1000
            case SpeechStarted():
                self._region_starts[event.stream] = event.start_sample
            case Affect():
                if arrived_s >= self._counts_from_s:
                    followed.delays_ms.append(1000 * (arrived_s - self._due_s(event)))
            case SpeechEnded():
                self._region_starts[event.stream] = event.end_sample
                followed.regions += 1
                followed.speech_s += event.speech_s
            case Status():
                lost = event.dropped_samples + event.skipped_events + event.thinned_updates
                followed.dropped[event.stream] = lost
            case Gap():
                followed.holes += 1
            case _:
                pass

    def _due_s(self, event: Affect) -> float:
        """When the hop's last sample was spoken: the grid point on or after the end of its speech."""
        region_start = self._region_starts[event.stream]
        hops = -(-(event.end_sample - region_start) // self._hop_samples)
        return self._starts_s[event.stream] + (region_start + hops * self._hop_samples) / SAMPLE_RATE


async def follow(url: str, follower: Follower, ready: asyncio.Event) -> None:
    """Feed `follower` until cancelled or hung up on."""
    async with connect(url, proxy=None, max_queue=None) as socket:
        ready.set()
        async for payload in socket:
            follower.take(decode(payload), time.monotonic())
