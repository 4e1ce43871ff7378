"""`cmlstream features`: eGeMAPS of whole files as a table, in batches, on all cores.

This process plans, collects and writes; torch is loaded where a batch is described.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import soundfile
from rich.console import Console
from rich.progress import track

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.errors import InputError

from .processes import in_order
from .tables import opened, table_for

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from pathlib import Path

    from .tables import Level, Rows

BATCH_FILES = 16
BATCH_SAMPLES = BATCH_FILES * 30 * SAMPLE_RATE
"""Of a padded batch, which bounds its memory; a longer file goes alone."""
WINDOW_BATCHES = 4
"""Batches' worth of files sorted by length at a time: padding costs time, results out of order memory."""
SAMPLES_PER_PROCESS = 150 * SAMPLE_RATE
"""About a second of work: a process with less is not worth the second or two that it takes to start."""


@dataclass(frozen=True, slots=True)
class Job:
    """A batch for one process."""

    paths: tuple[Path, ...]
    level: Level
    encode: Callable[[Rows], Any]


def write_features(paths: Sequence[Path], output: Path | None, level: Level) -> None:
    """Write the rows of each file to `output`, CSV or Parquet, or to standard output, in `paths`' order.

    A file that cannot be read is left out, and the rest is written all the same; the InputError raised at the
    end names all of those. Raises ConfigurationError where `output` names no kind of table.
    """
    kind = table_for(output)
    failures: list[str] = []
    with opened(output) as sink, closing(_described(paths, level, kind.encode)) as described:
        table = kind(sink)
        for rows in _shown(described, len(paths)):
            if isinstance(rows, InputError):
                failures.append(str(rows))
            else:
                table.write(rows)
        if len(failures) == len(paths):
            raise InputError("; ".join(failures))
        table.close()
    if failures:
        raise InputError("; ".join(failures))


def plan(samples: Sequence[int]) -> list[tuple[int, ...]]:
    """Divide files of these lengths into batches of about equal ones, each file named by its place.

    Only files that stand near each other come together.
    """
    return [batch for window in _windows(samples) for batch in _batches(window, samples)]


def _windows(samples: Sequence[int]) -> Iterator[list[int]]:
    """Places in their order, cut into stretches of a few batches' worth of files and of audio."""
    window: list[int] = []
    held_samples = 0
    for place, length in enumerate(samples):
        full = len(window) == WINDOW_BATCHES * BATCH_FILES
        if window and (full or held_samples + length > WINDOW_BATCHES * BATCH_SAMPLES):
            yield window
            window, held_samples = [], 0
        window.append(place)
        held_samples += length
    yield window


def _batches(window: list[int], samples: Sequence[int]) -> Iterator[tuple[int, ...]]:
    batch: tuple[int, ...] = ()
    for place in sorted(window, key=samples.__getitem__):
        if len(batch) == BATCH_FILES or (batch and (len(batch) + 1) * samples[place] > BATCH_SAMPLES):
            yield batch
            batch = ()
        batch += (place,)
    yield batch


def _described(
    paths: Sequence[Path], level: Level, encode: Callable[[Rows], Any]
) -> Generator[Any, None, None]:
    """Yield what each file gave, encoded rows or an InputError, in the order of `paths`."""
    samples = [_samples(path) for path in paths]
    batches = plan(samples)
    jobs = [Job(tuple(paths[place] for place in batch), level, encode) for batch in batches]
    due = 0
    waiting: dict[int, Any] = {}
    with closing(in_order(_do, jobs, _processes(sum(samples), len(jobs)))) as results:
        for batch, outcomes in zip(batches, results, strict=True):
            waiting.update(zip(batch, outcomes, strict=True))
            while due in waiting:
                yield waiting.pop(due)
                due += 1


def _processes(samples: int, batches: int) -> int:
    return max(1, min(len(os.sched_getaffinity(0)), batches, samples // SAMPLES_PER_PROCESS))


def _do(job: Job) -> list[Any]:
    from .describe import describe

    outcomes = describe(job.paths, job.level)
    return [one if isinstance(one, InputError) else job.encode(one) for one in outcomes]


def _samples(path: Path) -> int:
    """The length at 16 kHz by the file's header; 0 of one that cannot be read, which is told in its turn."""
    try:
        return round(soundfile.info(path).duration * SAMPLE_RATE) if os.path.isfile(path) else 0
    except (soundfile.LibsndfileError, TypeError, UnicodeEncodeError):
        return 0


def _shown(described: Iterable[Any], files: int) -> Iterable[Any]:
    """Count the files on a bar, where somebody watches."""
    hidden = not sys.stderr.isatty()
    return track(described, "features", total=files, console=Console(stderr=True), disable=hidden)
