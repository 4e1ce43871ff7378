"""Clips to features on all cores, cached.

The cache knows a clip by the hash of its bytes and of the code that turns them into features, so neither a
changed file nor a changed front end finds stale rows.
"""

import ast
import hashlib
import inspect
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from cmlstream.models import contract
from cmlstream.models.errors import CorpusError, InputError

from . import pieces
from .manifest import Clip
from .pieces import Pieces, pieces_of, read_clip
from .table import FeatureTable, stack

BEHIND_FEATURES = ("affect", "archive", "baseline", "encoder")
"""Modules of `cmlstream.models` that no feature passes through: a change to them leaves the cache valid."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A clip that gave no features, and why."""

    path: Path
    reason: str


def default_cache() -> Path:
    """Where features are kept between runs, after the XDG base directory convention."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "cmlstream" / "features"


def extract(
    clips: Sequence[Clip], cache_directory: Path, on_clip: Callable[[], None]
) -> tuple[FeatureTable, list[Problem]]:
    """The features of all clips that can be read, and a problem for each that cannot.

    `on_clip` is called as each clip is done.

    Raises:
        CorpusError: no clip gave any features.

    """
    cache_directory.mkdir(parents=True, exist_ok=True)
    held = [_held(clip.path, cache_directory) for clip in clips]
    missing = [(clip.path, place) for clip, place in zip(clips, held, strict=True) if not place.exists()]
    for _ in range(len(clips) - len(missing)):
        on_clip()
    problems = list(_compute(missing, on_clip)) if missing else []
    found = [(clip, place) for clip, place in zip(clips, held, strict=True) if place.exists()]
    if not found:
        raise CorpusError(f"None of the {len(clips)} clips gave features; the first: {problems[0].reason}")
    return stack([clip for clip, _ in found], [_load(place) for _, place in found]), problems


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


def _held(path: Path, directory: Path) -> Path:
    """Where the features of a recording are kept; of one that cannot be read, nowhere that exists."""
    try:
        content = path.read_bytes()
    except OSError:
        return directory / "unreadable"
    return directory / f"{hashlib.sha256(content + code_version().encode()).hexdigest()}.npz"


def _compute(missing: Sequence[tuple[Path, Path]], on_clip: Callable[[], None]) -> Iterator[Problem]:
    # Spawned, not forked: torch's threads do not survive a fork.
    spawn = get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=spawn, initializer=_one_thread) as pool:
        for problem in pool.map(_keep_features, *zip(*missing, strict=True), chunksize=8):
            on_clip()
            if problem is not None:
                yield problem


def _one_thread() -> None:
    torch.set_num_threads(1)


def _keep_features(path: Path, place: Path) -> Problem | None:
    try:
        computed = pieces_of(read_clip(path))
    except InputError as error:
        return Problem(path, str(error))
    if computed is None:
        return Problem(path, f"{path} holds no half second of speech.")
    aside = place.with_suffix(f".{os.getpid()}.part")
    with aside.open("wb") as file:
        np.savez(
            file,
            features_NF=computed.features_NF,
            speech_s_N=computed.speech_s_N,
            whole_N=computed.whole_N,
        )
    aside.replace(place)
    return None


def _load(place: Path) -> Pieces:
    with np.load(place) as arrays:
        return Pieces(arrays["features_NF"], arrays["speech_s_N"], arrays["whole_N"])
