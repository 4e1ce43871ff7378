"""Streams that are spoken live to a server, and what its followers make of them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.errors import InputError
from cmlstream.stream.client import follow, open_sender
from cmlstream.stream.events import Gap, SpeechEnded, StreamEnded
from tests.signals import quiet_noise, speech_like

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from cmlstream.models.contract import Samples
    from cmlstream.stream.client import Sender
    from cmlstream.stream.events import Event

PIECE_SAMPLES = SAMPLE_RATE // 10
SPEECH_T = np.concatenate([quiet_noise(0.3), np.tile(speech_like(2.0, seed=5), 30)])
"""Someone who does not stop for a minute."""
CALM_T = np.concatenate(
    [quiet_noise(0.3), speech_like(1.8, seed=21, level_dbfs=-30), quiet_noise(0.6), speech_like(0.8, seed=22)]
)
"""Two regions, the first of them in a low voice."""


@asynccontextmanager
async def speaking(
    url: str, streams: Iterable[str], samples_T: Samples = SPEECH_T
) -> AsyncIterator[dict[str, Sender]]:
    """Speak in all `streams` at once, in real time; leaving stops in the middle, without an `end`."""
    async with AsyncExitStack() as stack:
        senders = {
            stream: await stack.enter_async_context(open_sender(url, stream=stream)) for stream in streams
        }
        talking = asyncio.create_task(_talk(list(senders.values()), samples_T))
        stack.callback(talking.cancel)
        yield senders


async def _talk(senders: list[Sender], samples_T: Samples) -> None:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    # A test may end its streams meanwhile.
    with suppress(InputError):
        for start in range(0, len(samples_T), PIECE_SAMPLES):
            for sender in senders:
                sender.push_newest(samples_T[start : start + PIECE_SAMPLES])
            await asyncio.sleep(began_s + (start + PIECE_SAMPLES) / SAMPLE_RATE - loop.time())


async def pieces(samples_T: Samples) -> AsyncIterator[Samples]:
    """Cut audio into messages of 0.1 s, as fast as they are taken."""
    for start in range(0, len(samples_T), PIECE_SAMPLES):
        yield samples_T[start : start + PIECE_SAMPLES]


class Heard:
    """What a follower got, stream by stream."""

    def __init__(self) -> None:
        self.events: dict[str, list[Event]] = defaultdict(list)

    def has(self, kind: type[Event], streams: Iterable[str], sessions: int = 1) -> bool:
        """Whether an event of this kind came in so many sessions of each of the streams."""
        return all(len(self._sessions_with(kind, stream)) == sessions for stream in streams)

    def _sessions_with(self, kind: type[Event], stream: str) -> set[str]:
        return {event.session for event in self.events[stream] if isinstance(event, kind)}

    def sessions(self, stream: str) -> Iterator[list[Event]]:
        """Return the events of each session of a stream, in the order in which they came."""
        return (list(events) for _, events in groupby(self.events[stream], lambda event: event.session))

    async def collect(self, events: AsyncIterator[Event]) -> None:
        async for event in events:
            self.events[event.stream].append(event)


@asynccontextmanager
async def hearing(url: str, **asked: Any) -> AsyncIterator[Heard]:
    """Follow all streams from the beginning."""
    heard = Heard()
    async with aclosing(follow(url, since=0, **asked)) as events:
        collecting = asyncio.create_task(heard.collect(events))
        try:
            yield heard
        finally:
            collecting.cancel()
            await asyncio.wait({collecting})


def assert_whole(events: list[Event], *, reason: str | None) -> None:
    """A session without a hole or a repeat that ended for `reason`; None: it was cut off."""
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert not any(isinstance(event, Gap) for event in events)
    if reason is not None:
        assert isinstance(events[-1], StreamEnded)
        assert events[-1].reason == reason


def last_region(events: list[Event]) -> SpeechEnded:
    return [event for event in events if isinstance(event, SpeechEnded)][-1]
