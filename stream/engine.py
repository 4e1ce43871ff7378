"""The engine: every window that is due, of all streams, in one call of the model, on a thread of its own.

Whenever the thread is free it takes what is due, so batches grow by themselves under load. A region's
descriptors grow from window to window, and its features update its speaker's baseline, against which the next
is judged: hence a batch holds one window of each speaker, and windows come in order.
"""

from __future__ import annotations

import asyncio
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch

from cmlstream.models.baseline import Baseline
from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.errors import CmlstreamError, ModelError
from cmlstream.models.window import Window

from .due import Job, JobQueue, Turn
from .meter import is_clipped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cmlstream.models.archive import Archive
    from cmlstream.models.contract import Estimate
    from cmlstream.models.regions import Region

T = TypeVar("T")

OUT_OF_DOMAIN = 0.9
"""Novelty from which a region says nothing about the speaker's baseline."""

MOST_WINDOWS = 32
"""In one call. More together save nothing (1.3 ms a window at 32 as at 64), and all wait for the last."""

CALL_SPACING_S = 0.02
"""From the begin of a call to the next, unless windows were left behind.

A call takes 4 ms, and 1.3 ms more for each window. The pause spares 200 conversations a quarter of the
processor time, for at most as much delay; a single stream, at four windows a second, seldom meets it.
"""

ANSWERS_AT_ONCE = 4
"""Those who wait publish as soon as they are told: all of them in a row would hold up the loop."""


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """An estimate, and how much speech the baseline it was judged against had seen."""

    estimate: Estimate
    baseline_s: float


class Engine:
    """Estimates windows with one archive. `run` must be going for the futures of `submit` to complete.

    `on_call` is told of every call, on the event loop: how many windows it took, and how many seconds.
    """

    def __init__(self, archive: Archive, on_call: Callable[[int, float], None] | None = None) -> None:
        self.archive = archive
        self._on_call = on_call
        self._follower = archive.regions()
        self._open: dict[Baseline, Region] = {}
        self._queue = JobQueue()
        self._wake = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")

    @property
    def waiting(self) -> int:
        """How many windows wait, those of the call that is going left out."""
        return len(self._queue)

    async def warm(self) -> None:
        """Run the model once, so that no listener waits for what torch sets up at its first call.

        Once is enough: without TorchScript's optimiser the first call of a batch size takes no longer than
        the next (42 to 48 ms for 32 windows, first or fifth), so that batches need no padding either.
        """
        # One thread: the model's matrices are too small to share, and threads would fight the event loop.
        await self._in_thread(torch.set_num_threads, 1)
        noise_T = np.random.default_rng(0).integers(-300, 300, SAMPLE_RATE).astype(np.int16)
        window = Window(0, 0, SAMPLE_RATE, SAMPLE_RATE, noise_T, final=True, speech_samples=0)
        ready = asyncio.get_running_loop().create_future()
        job = Job(window, Baseline(self.archive.prior), ready)
        (answer,) = await self._in_thread(self._take_turn, Turn(set(), [job]))
        if isinstance(answer, Exception):
            raise answer

    def submit(self, window: Window, baseline: Baseline) -> asyncio.Future[Result]:
        """Queue a window; a speaker's windows must come in order. The caller bounds how many are waiting.

        The future gets a CmlstreamError where this window fails. Cancelling it takes the window back.
        """
        job = Job(window, baseline, asyncio.get_running_loop().create_future())
        self._queue.put(job)
        self._wake.set()
        return job.result

    def forget(self, baseline: Baseline) -> None:
        """Let go of a speaker's open region after the windows that wait: no more come."""
        self._queue.leave(baseline)
        self._wake.set()

    async def run(self) -> None:
        """Estimate what is submitted, until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while turn := self._queue.take(MOST_WINDOWS):
                    next_s = loop.time() + CALL_SPACING_S
                    is_behind = bool(self._queue)
                    await self._answer(turn)
                    if not is_behind:
                        await asyncio.sleep(next_s - loop.time())
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, turn: Turn) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        answers = await self._in_thread(self._take_turn, turn)
        if turn.jobs and self._on_call:
            self._on_call(len(turn.jobs), loop.time() - began_s)
        for number, (job, answer) in enumerate(zip(turn.jobs, answers, strict=True)):
            if number % ANSWERS_AT_ONCE == 0:
                await asyncio.sleep(0)
            if job.result.cancelled():
                continue
            if isinstance(answer, CmlstreamError):
                job.result.set_exception(answer)
            else:
                job.result.set_result(answer)

    async def _in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def _take_turn(self, turn: Turn) -> list[Result | CmlstreamError]:
        for baseline in turn.left:
            self._drop(baseline)
        return self._estimate(turn.jobs)

    def _estimate(self, jobs: Sequence[Job]) -> list[Result | CmlstreamError]:
        """Estimate all at once; if that fails, by halves: only the windows that fail alone get none."""
        if not jobs:
            return []
        try:
            estimates = self._estimates(jobs)
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait for it must hear
            if len(jobs) > 1:
                half = len(jobs) // 2
                return self._estimate(jobs[:half]) + self._estimate(jobs[half:])
            self._drop(jobs[0].baseline)
            return [_failure(error)]
        return [self._settle(job, estimate) for job, estimate in zip(jobs, estimates, strict=True)]

    def _estimates(self, jobs: Sequence[Job]) -> list[Estimate]:
        windows = [job.window for job in jobs]
        regions = [self._region(job) for job in jobs]
        self._follower.hear(regions, windows)
        return self.archive.estimate(
            self._follower.features(regions, windows),
            np.stack([job.baseline.mean_F for job in jobs]),
            np.stack([job.baseline.deviation_F for job in jobs]),
        )

    def _settle(self, job: Job, estimate: Estimate) -> Result | CmlstreamError:
        if job.window.final:
            del self._open[job.baseline]
        result = Result(estimate, job.baseline.speech_s)
        try:
            _check_finite(estimate)
            if job.window.final:
                _learn(job, estimate)
        except Exception as error:  # noqa: BLE001 - the same
            return _failure(error)
        return result

    def _region(self, job: Job) -> Region:
        """The region that the window belongs to; one of the speaker's that never ended gives way."""
        region = self._open.get(job.baseline)
        if region is None or region.start != job.window.region_start:
            self._drop(job.baseline)
            region = self._open[job.baseline] = self._follower.begin(job.window.region_start)
        return region

    def _drop(self, baseline: Baseline) -> None:
        region = self._open.pop(baseline, None)
        if region is not None:
            self._follower.forget(region)


def _failure(error: Exception) -> CmlstreamError:
    """What is told to whoever waits for a window that fails."""
    if isinstance(error, CmlstreamError):
        return error
    # TorchScript tells its whole traceback; what went wrong is its last line.
    *_, reason = f"{type(error).__name__}: {error}".strip().splitlines()
    failure = CmlstreamError(f"The model failed on a window ({reason}).")
    failure.__cause__ = error
    return failure


def _check_finite(estimate: Estimate) -> None:
    """Keep what is not a number from every event; JSON would make it null, as if nothing had been said."""
    told = (estimate.activation, estimate.valence, estimate.novelty, *estimate.emotion)
    if not (all(map(math.isfinite, told)) and np.isfinite(estimate.embedding_D).all()):
        raise ModelError("The model answers with numbers that are not finite: fit or export it again.")


def _learn(job: Job, estimate: Estimate) -> None:
    """Count a finished region in its speaker's baseline, unless its features cannot be trusted."""
    if estimate.novelty < OUT_OF_DOMAIN and not is_clipped(job.window.samples):
        job.baseline.update(estimate.features_F, job.window.speech_samples / SAMPLE_RATE)
