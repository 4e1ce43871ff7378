"""Several processes that train together, as `torchrun` starts them: each takes its share of the members.

There is nothing to do for a caller who runs alone: without `torchrun` the share of the one process is all.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import torch
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


def own_file(path: Path) -> Path:
    """The name of this process's own file where every process writes one."""
    if not _joined():
        return path
    return path.with_stem(f"{path.stem}-{rank() + 1}-of-{distributed.get_world_size()}")


def device() -> torch.device:
    """What this process trains on: a graphics card of its own where there is one."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())


def shared_out(items: Sequence[Item], work: Callable[[Sequence[Item]], list[Result]]) -> list[Result]:
    """Do each process's share of the work and give every process all results, in the order of the items."""
    if not _joined():
        return work(items)
    size = distributed.get_world_size()
    share = items[rank() :: size]
    done = work(share) if share else []
    gathered: list[list[Result]] = [[] for _ in range(size)]
    distributed.all_gather_object(gathered, done)
    return [gathered[number % size][number // size] for number in range(len(items))]


def _joined() -> bool:
    return distributed.is_available() and distributed.is_initialized()
