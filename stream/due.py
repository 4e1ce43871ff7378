"""The windows that wait for the model, speaker by speaker."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from cmlstream.models.baseline import Baseline
    from cmlstream.models.window import Window

    from .engine import Result


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A window to be estimated against a speaker's baseline."""

    window: Window
    baseline: Baseline
    result: asyncio.Future[Result]


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """What one call does: it lets go of speakers that have left, and estimates windows, one a speaker."""

    left: set[Baseline]
    jobs: list[Job]


class JobQueue:
    """Every speaker's windows in order, and the speakers in the order in which they began to wait.

    It is not bounded itself: each pipeline bounds what it submits.
    """

    def __init__(self) -> None:
        self._waiting: dict[Baseline, deque[Job]] = {}
        self._leaving: set[Baseline] = set()
        self._jobs = 0

    def __len__(self) -> int:
        return self._jobs

    def put(self, job: Job) -> None:
        """Put a window behind those of its speaker."""
        self._waiting.setdefault(job.baseline, deque()).append(job)
        self._jobs += 1

    def leave(self, baseline: Baseline) -> None:
        """Note that no more windows of this speaker come than those that wait; then it has left."""
        self._leaving.add(baseline)

    def take(self, most: int) -> Turn | None:
        """Take out what may run together, or None where there is nothing: the first window of each speaker.

        Of up to `most` speakers; whoever has more windows waits behind the others. Windows that nobody waits
        for any longer are left out.
        """
        jobs: list[Job] = []
        behind: dict[Baseline, deque[Job]] = {}
        while self._waiting and len(jobs) < most:
            baseline = next(iter(self._waiting))
            queue = self._waiting.pop(baseline)
            job = self._first(queue)
            if job is not None:
                jobs.append(job)
            if queue:
                behind[baseline] = queue
        self._waiting |= behind
        left = self._leaving.difference(self._waiting, (job.baseline for job in jobs))
        self._leaving -= left
        return Turn(left, jobs) if left or jobs else None

    def _first(self, queue: deque[Job]) -> Job | None:
        while queue:
            job = queue.popleft()
            self._jobs -= 1
            if not job.result.cancelled():
                return job
        return None
