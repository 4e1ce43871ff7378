"""The same work on many things, in processes on all cores."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process, resource_tracker
from threading import Thread
from typing import TypeVar

import torch

from cmlstream.models.errors import CmlstreamError

Job = TypeVar("Job")
Result = TypeVar("Result")


def on_all_cores(work: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[Result]:
    """Yield `work(job)` for each job, in the order of the jobs; `work` is a module's function.

    Ctrl-C does not reach the processes: what they are at is finished, and nothing else is begun.

    Raises:
        CmlstreamError: a process cannot be started, or was killed.

    """
    if not jobs:
        return
    cores = len(os.sched_getaffinity(0))
    # Spawned, not forked: torch's threads do not survive a fork.
    pool = ProcessPoolExecutor(min(cores, len(jobs)), get_context("spawn"), _begin)
    try:
        yield from _begun(pool, work, jobs)
    except BrokenProcessPool as error:
        raise CmlstreamError(
            "A process that computes was killed, most likely for want of memory: close other programs and "
            "run the same command again."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begun(pool: ProcessPoolExecutor, work: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[Result]:
    try:
        with _without_interrupts():
            return pool.map(work, jobs)
    except OSError as error:
        raise CmlstreamError(
            f"No further process can be started ({error.strerror}): raise this limit, or end other programs."
        ) from error


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


def _begin() -> None:
    torch.set_num_threads(1)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End when the parent was killed: the pool's own processes would wait for work for ever."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
