"""The order in which recorded sessions come again: a stream's one after the other, streams side by side."""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from cmlstream.stream.events import Message

from .reading import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .reading import Damage, RecordedSession


@dataclass(frozen=True, slots=True, eq=False)
class Cue:
    """Something of a recording, and the wall time in seconds at which it had been heard."""

    at_s: float
    item: Message | Damage


def timeline(sessions: Iterable[RecordedSession]) -> Iterator[Cue]:
    """Yield what the sessions hold, by the time at which the audio of each event ended.

    Opens the file of a session when its time has come, so that any number of them can be replayed. Blocks,
    and raises OSError.
    """
    by_stream: defaultdict[str, list[RecordedSession]] = defaultdict(list)
    for session in sessions:
        by_stream[session.stream].append(session)
    waiting = deque(sorted(by_stream.values(), key=lambda one: one[0].started_ms))
    order = count()
    going: list[tuple[float, int, Cue, Iterator[Cue]]] = []

    def go_on(cues: Iterator[Cue]) -> None:
        cue = next(cues, None)
        if cue is not None:
            heapq.heappush(going, (cue.at_s, next(order), cue, cues))

    while waiting or going:
        if waiting and (not going or waiting[0][0].started_ms / 1000 <= going[0][0]):
            go_on(_one_after_the_other(waiting.popleft()))
        else:
            _, _, cue, cues = heapq.heappop(going)
            yield cue
            go_on(cues)


def _one_after_the_other(sessions: Iterable[RecordedSession]) -> Iterator[Cue]:
    """Yield what a stream's sessions hold; time stands still where one is late, as a region's end is."""
    at_s = 0.0
    for session in sessions:
        at_s = max(at_s, session.started_ms / 1000)
        for item in read(session.path):
            if isinstance(item, Message):
                at_s = max(at_s, item.event.end_time.timestamp())
            yield Cue(at_s, item)
