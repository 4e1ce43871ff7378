"""The engine: every window that is due, of all streams, in one call of the model, on a thread of its own.

There is no timer: whenever the thread is free it takes what is due, so batches grow by themselves under
load. A region's descriptors grow from window to window, and its features update its speaker's baseline,
against which the next is judged: hence a batch holds one window of each speaker, and windows come in order.

Array names carry their shape: B windows, F features.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch

from cmlstream.models.baseline import Baseline
from cmlstream.models.contract import SAMPLE_RATE, Estimate
from cmlstream.models.errors import CmlstreamError, ModelError
from cmlstream.models.window import Window

from .meter import is_clipped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from cmlstream.models.archive import Archive
    from cmlstream.models.regions import Region

T = TypeVar("T")

OUT_OF_DOMAIN = 0.9
"""Novelty from which a region says nothing about the speaker's baseline."""


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """An estimate, and how much speech the baseline it was judged against had seen."""

    estimate: Estimate
    baseline_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A window to be estimated against a speaker's baseline."""

    window: Window
    baseline: Baseline
    result: asyncio.Future[Result]


def take_due(jobs: deque[Job]) -> list[Job]:
    """Take out of `jobs` all that may run together: the first of each speaker."""
    due: dict[Baseline, Job] = {}
    waiting = [job for job in jobs if due.setdefault(job.baseline, job) is not job]
    jobs.clear()
    jobs.extend(waiting)
    return list(due.values())


class Engine:
    """Estimates windows with one archive. `run` must be going for the futures of `submit` to complete."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self._follower = archive.regions()
        self._open: dict[Baseline, Region] = {}
        self._left: deque[Baseline] = deque()
        self._jobs: deque[Job] = deque()
        self._wake = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")

    async def warm(self) -> None:
        """Run the model once, so that no listener waits for what torch sets up at its first call."""
        # One thread: the model's matrices are too small to share, and threads would fight the event loop.
        await self._in_thread(torch.set_num_threads, 1)
        noise_T = np.random.default_rng(0).integers(-300, 300, SAMPLE_RATE).astype(np.int16)
        window = Window(0, 0, SAMPLE_RATE, SAMPLE_RATE, noise_T, final=True, speech_samples=0)
        ready = asyncio.get_running_loop().create_future()
        await self._in_thread(self._estimate, [Job(window, Baseline(self.archive.prior), ready)])

    def submit(self, window: Window, baseline: Baseline) -> asyncio.Future[Result]:
        """Queue a window; a speaker's windows must come in order. The caller bounds how many are waiting."""
        job = Job(window, baseline, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self._wake.set()
        return job.result

    def forget(self, baseline: Baseline) -> None:
        """Let go of a speaker's open region: no more of its windows come."""
        self._left.append(baseline)

    async def run(self) -> None:
        """Estimate what is submitted, until cancelled. Where the model fails, the futures of that call do."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while due := take_due(self._jobs):
                    await self._answer(due)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, due: Sequence[Job]) -> None:
        waiting = [job.result for job in due]
        try:
            results = await self._in_thread(self._estimate, due)
        except CmlstreamError as error:
            for future in waiting:
                if not future.cancelled():
                    future.set_exception(error)
            return
        for future, result in zip(waiting, results, strict=True):
            if not future.cancelled():
                future.set_result(result)

    async def _in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def _estimate(self, due: Sequence[Job]) -> list[Result]:
        while self._left:
            self._drop(self._left.popleft())
        try:
            estimates = self.archive.estimate(
                self._features(due),
                np.stack([job.baseline.mean_F for job in due]),
                np.stack([job.baseline.deviation_F for job in due]),
            )
        except (RuntimeError, torch.jit.Error) as error:  # whatever goes wrong inside TorchScript
            raise CmlstreamError(f"The model failed on {len(due)} windows: {error}") from error
        results = [
            Result(estimate, job.baseline.speech_s) for job, estimate in zip(due, estimates, strict=True)
        ]
        for job, estimate in zip(due, estimates, strict=True):
            _check_finite(estimate)
            if job.window.final:
                _learn(job, estimate)
        return results

    def _features(self, due: Sequence[Job]) -> NDArray[np.float32]:
        """Rolling windows share a call; a whole region has its own, or all would be padded to its length."""
        rolling = [row for row, job in enumerate(due) if not job.window.final]
        groups = [rolling] if rolling else []
        groups += [[row] for row, job in enumerate(due) if job.window.final]
        features_BF = np.empty((len(due), len(self.archive.card.feature_names)), np.float32)
        for rows in groups:
            windows = [due[row].window for row in rows]
            regions = [self._region(due[row]) for row in rows]
            self._follower.hear(regions, windows)
            for row in rows:
                if due[row].window.final:
                    del self._open[due[row].baseline]
            features_BF[rows] = self._follower.features(regions, windows)
        return features_BF

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


def _check_finite(estimate: Estimate) -> None:
    """Keep what is not a number from every event; JSON would make it null, as if nothing had been said."""
    told = (estimate.activation, estimate.valence, estimate.novelty, *estimate.emotion)
    if not (np.isfinite(told).all() and np.isfinite(estimate.embedding_D).all()):
        raise ModelError("The model answers with numbers that are not finite: fit or export it again.")


def _learn(job: Job, estimate: Estimate) -> None:
    """Count a finished region in its speaker's baseline, unless its features cannot be trusted."""
    if estimate.novelty < OUT_OF_DOMAIN and not is_clipped(job.window.samples):
        job.baseline.update(estimate.features_F, job.window.speech_samples / SAMPLE_RATE)
