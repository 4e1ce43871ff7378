"""Several processes that train together, as `torchrun` starts them: each takes its share of the members.

There is nothing to do for a caller who runs alone: without `torchrun` the share of the one process is all.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from torch import distributed

Item = TypeVar("Item")
Result = TypeVar("Result")

PATIENCE = timedelta(days=2)
"""How long processes wait for one that has the longest run, or the features, still to do."""


@contextmanager
def together() -> Iterator[None]:
    """Join the processes that `torchrun` started, if it did, for as long as this lasts."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    distributed.init_process_group("gloo", timeout=PATIENCE)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def rank() -> int:
    """The number of this process; 0 is the one that speaks and writes."""
    return distributed.get_rank() if _joined() else 0


@contextmanager
def first_then_others() -> Iterator[None]:
    """Let process 0 do something alone, then the others, who find its results in a cache."""
    if rank() > 0:
        distributed.barrier()
    yield
    if rank() == 0 and _joined():
        distributed.barrier()


def shared_out(
    items: Sequence[Item], work: Callable[[Sequence[Item], Callable[[Path], Path]], list[Result]]
) -> list[Result]:
    """Do each process's share of the work and give every process all results, in the order of the items.

    `work` gets its share, and what tells files of this process from those of others.
    """
    if not _joined():
        return work(items, lambda path: path)
    size, mine = distributed.get_world_size(), distributed.get_rank()
    share = items[mine::size]
    suffix = f"-{mine + 1}-of-{size}"
    done = work(share, lambda path: path.with_stem(path.stem + suffix)) if share else []
    gathered: list[list[Result]] = [[] for _ in range(size)]
    distributed.all_gather_object(gathered, done)
    return [gathered[number % size][number // size] for number in range(len(items))]


def _joined() -> bool:
    return distributed.is_available() and distributed.is_initialized()
