"""Work for several processes at once, whose results come in order.

Unlike those of the standard library's pools, these can be ended at any moment: each has a pipe of its own, so
that none is killed while it holds a lock that we wait for, and each ends by itself when we are gone.
"""

from __future__ import annotations

import signal
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cmlstream.models.errors import CmlstreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from multiprocessing.context import SpawnProcess

Job = TypeVar("Job")
Result = TypeVar("Result")

AHEAD = 4
"""Jobs for each process that may be finished before the one whose result is due: what is held is bounded."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A process and our end of its pipe."""

    process: SpawnProcess
    pipe: Connection[Any, Any]


def in_order(
    work: Callable[[Job], Result], jobs: Sequence[Job], processes: int
) -> Generator[Result, None, None]:
    """Yield `work(job)` for each job, in the order of the jobs; `work` is a module's function.

    With one process that is this one. More are spawned, since torch's threads do not survive a fork; Ctrl-C
    does not reach them, and they end with the generator: close it.

    Raises CmlstreamError where a process cannot be started, or ends of itself; why is on standard error.
    """
    if processes == 1:
        yield from map(work, jobs)
        return
    with _hired(work, processes) as workers:
        yield from _Dispatch(workers, jobs).results()


@contextmanager
def _hired(work: Callable[[Job], Result], processes: int) -> Iterator[list[Worker]]:
    workers: list[Worker] = []
    try:
        with _without_interrupts():
            for _ in range(processes):
                workers.append(_hire(work))  # noqa: PERF401 - those hired before one fails are ended, too
        yield workers
    finally:
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            worker.process.join()
            worker.pipe.close()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Put off Ctrl-C; processes started meanwhile never hear it."""
    # Started by the first process, it would lift the block.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _hire(work: Callable[[Job], Result]) -> Worker:
    spawn = get_context("spawn")
    try:
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=_serve, args=(theirs, work), daemon=True)
        process.start()
    except OSError as error:
        raise CmlstreamError(
            f"No further process can be started ({error.strerror}): raise this limit, or end other programs."
        ) from error
    theirs.close()
    return Worker(process, ours)


def _serve(pipe: Connection[Any, Any], work: Callable[[Job], Result]) -> None:
    """Work, in a process of its own, until nobody is at the other end of the pipe."""
    with suppress(EOFError, ConnectionError):
        while True:
            pipe.send(work(pipe.recv()))


class _Dispatch(Generic[Job, Result]):
    """Who is at which job, and the results that are not due yet."""

    def __init__(self, workers: Sequence[Worker], jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._ahead = AHEAD * len(workers)
        self._idle = list(workers)
        self._busy: dict[int, Worker] = {}
        self._given = 0
        self._done: dict[int, Result] = {}

    def results(self) -> Iterator[Result]:
        for due in range(len(self._jobs)):
            self._give(due)
            while due not in self._done:
                self._take()
                self._give(due)
            yield self._done.pop(due)

    def _give(self, due: int) -> None:
        until = min(len(self._jobs), due + self._ahead)
        while self._idle and self._given < until:
            worker = self._busy[self._given] = self._idle.pop()
            # One that has ended is noticed when its result is taken.
            with suppress(ConnectionError):
                worker.pipe.send(self._jobs[self._given])
            self._given += 1

    def _take(self) -> None:
        ready = wait([worker.pipe for worker in self._busy.values()])
        for number, worker in list(self._busy.items()):
            if worker.pipe in ready:
                self._done[number] = _received(worker)
                self._idle.append(self._busy.pop(number))


def _received(worker: Worker) -> Any:
    try:
        return worker.pipe.recv()
    except (EOFError, ConnectionError):
        raise _ended(worker) from None


def _ended(worker: Worker) -> CmlstreamError:
    worker.process.join()
    if worker.process.exitcode == -signal.SIGKILL:
        return CmlstreamError("A process was killed, most likely for want of memory: give fewer long files.")
    return CmlstreamError(
        f"A process ended with exit code {worker.process.exitcode}: report what it printed."
    )
