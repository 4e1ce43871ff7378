"""Clips to features on all cores, cached.

The cache knows a clip by the hash of its bytes and of the code that turns them into features, so neither a
changed file nor a changed front end finds stale rows.
"""

import ast
import hashlib
import inspect
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from cmlstream.models import contract
from cmlstream.models.contract import Samples
from cmlstream.models.errors import ConfigurationError, CorpusError, InputError

from . import pieces
from .aside import ENDING, written_aside
from .conditions import CLEAN, Condition, seed_of
from .manifest import Clip
from .pieces import Pieces, pieces_of, read_clip
from .table import FeatureTable, stack
from .workers import on_all_cores

BEHIND_FEATURES = ("affect", "archive", "baseline", "encoder")
"""Modules of `cmlstream.models` that no feature passes through: a change to them leaves the cache valid."""

ABANDONED_S = 3600
"""Nothing takes an hour to write."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A clip that gave no features, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class _Job:
    path: Path
    condition: Condition
    place: Path


def default_cache() -> Path:
    """Where features are kept between runs, after the XDG base directory convention."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "cmlstream" / "features"


def extract(
    clips: Sequence[Clip],
    cache_directory: Path,
    on_clip: Callable[[], None],
    condition: Condition = CLEAN,
) -> tuple[FeatureTable, list[Problem]]:
    """The features of all clips that can be read, under a condition, and a problem for each that cannot.

    `on_clip` is called as each clip is done. Each clip is kept as it is done: who is interrupted loses only
    the clips under way.

    Raises:
        CorpusError: no clip gave any features.
        ConfigurationError: the cache cannot be written.
        CmlstreamError: a process was killed.

    """
    with _writable(cache_directory):
        cache_directory.mkdir(parents=True, exist_ok=True)
        _clear(cache_directory)
    places = [_place(clip.path, condition, cache_directory) for clip in clips]
    held = [_load(place) for place in places]
    missing = [number for number, pieces_of_clip in enumerate(held) if pieces_of_clip is None]
    for _ in range(len(clips) - len(missing)):
        on_clip()
    jobs = [_Job(clips[number].path, condition, places[number]) for number in missing]
    problems = [problem for problem in _compute(jobs, on_clip) if problem is not None]
    for number in missing:
        held[number] = _load(places[number])
    found = [(clip, pieces) for clip, pieces in zip(clips, held, strict=True) if pieces is not None]
    if not found:
        raise CorpusError(f"None of the {len(clips)} clips gave features; the first: {problems[0].reason}")
    return stack([clip for clip, _ in found], [pieces for _, pieces in found]), problems


@cache
def code_version() -> str:
    """A hash of all code that stands between a clip's bytes and its features."""
    models = Path(inspect.getfile(contract)).parent
    sources = [source for source in sorted(models.rglob("*.py")) if source.stem not in BEHIND_FEATURES]
    return version_of([Path(inspect.getfile(pieces)), *sources])


def version_of(sources: Sequence[Path]) -> str:
    """A hash of what these files compute: comments and layout play no part."""
    together = hashlib.sha256()
    for source in sources:
        together.update(ast.dump(ast.parse(source.read_text())).encode())
    return together.hexdigest()


@cache
def _version(condition: Condition) -> str:
    """What the features under a condition depend on, beside the recording."""
    if condition == CLEAN:
        return code_version()
    trainer = Path(pieces.__file__).parent
    sources = [trainer / "changes.py", trainer / "conditions.py", trainer / "takes.py"]
    sources += sorted((trainer / "invented").glob("*.py"))
    return f"{code_version()} {condition.name} {condition.material} {version_of(sources)}"


def _place(path: Path, condition: Condition, directory: Path) -> Path:
    """Where the features of a recording are kept; of one that cannot be read, nowhere that exists."""
    try:
        # A pipe would be waited for.
        content = path.read_bytes() if path.is_file() else None
    except OSError:
        content = None
    if content is None:
        return directory / "unreadable"
    return directory / f"{hashlib.sha256(content + _version(condition).encode()).hexdigest()}.npz"


def _compute(jobs: Sequence[_Job], on_clip: Callable[[], None]) -> Iterator[Problem | None]:
    for problem in on_all_cores(_keep_features, jobs):
        on_clip()
        yield problem


def _keep_features(job: _Job) -> Problem | None:
    path = job.path
    if not path.is_file():
        return Problem(path, f"{path} is not a file.")
    try:
        computed = pieces_of(_heard(path, job.condition))
    except InputError as error:
        return Problem(path, str(error))
    except (ArithmeticError, LookupError, MemoryError, RuntimeError, ValueError) as error:
        # One odd recording must not end the work on all others.
        return Problem(path, f"{path} gave no features ({type(error).__name__}: {error}).")
    if computed is None:
        return Problem(path, f"{path} holds no half second of speech.")
    _keep(computed, job.place)
    return None


def _heard(path: Path, condition: Condition) -> Samples:
    samples_T = read_clip(path)
    return samples_T if condition == CLEAN else condition.made_of(samples_T, seed_of(path))


def _keep(computed: Pieces, place: Path) -> None:
    with _writable(place.parent), written_aside(place) as file:
        np.savez(
            file,
            features_NF=computed.features_NF,
            speech_s_N=computed.speech_s_N,
            whole_N=computed.whole_N,
        )


def _load(place: Path) -> Pieces | None:
    """What is kept of a recording; None where that is nothing, or damaged."""
    try:
        with place.open("rb") as file, np.load(file) as arrays:
            return Pieces(arrays["features_NF"], arrays["speech_s_N"], arrays["whole_N"])
    except (OSError, EOFError, KeyError, ValueError, BadZipFile):
        return None


def _clear(directory: Path) -> None:
    """Delete what processes left that were killed while they wrote; one that writes now is left alone."""
    for aside in directory.glob(f"*{ENDING}"):
        with suppress(FileNotFoundError):
            if time.time() - aside.stat().st_mtime > ABANDONED_S:
                aside.unlink()


@contextmanager
def _writable(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"The cache {directory} cannot be written ({error.strerror}): name another with --cache."
        ) from error
