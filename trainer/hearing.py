"""What the front end hears of clips under a condition: features of regions on all cores, cached.

A clip is heard as a part of a long stream: some seconds of pause come before it, and the change is made to
the pause as well. So the voice activity has got used to the noise of a place before the voice sets in, as it
has in all but the first seconds of a stream.

Shapes: T samples, N regions, F features.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cmlstream.models.contract import REGION_MINIMUM_SAMPLES, SAMPLE_RATE, Samples
from cmlstream.models.egemaps import FEATURE_NAMES
from cmlstream.models.regions import RegionFeatures
from cmlstream.models.window import cut

from . import changes, conditions
from .aside import written_aside
from .conditions import Condition, seed_of
from .features import code_version, version_of
from .pieces import PADDING_DEVIATION, front_end, read_clip
from .workers import on_all_cores

LEAD_IN_SAMPLES = 3 * SAMPLE_RATE
TAIL_SAMPLES = SAMPLE_RATE // 2


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """The regions of one clip, in order; none where the voice activity let nothing through."""

    features_NF: NDArray[np.float32]
    speech_s_N: NDArray[np.float64]

    @property
    def longest(self) -> NDArray[np.float32]:
        """The features of the region with the most speech, which stands for the clip."""
        longest_F: NDArray[np.float32] = self.features_NF[self.speech_s_N.argmax()]
        return longest_F


@dataclass(frozen=True, slots=True)
class _Task:
    path: Path
    condition: Condition
    place: Path


def hear(
    paths: Sequence[Path],
    conditions: Sequence[Condition],
    cache_directory: Path,
    on_clip: Callable[[], None],
) -> list[list[Heard]]:
    """What is heard of each clip, under one condition after another; `on_clip` is called as each is done.

    Raises:
        InputError: a clip cannot be read.
        CmlstreamError: a process was killed.

    """
    cache_directory.mkdir(parents=True, exist_ok=True)
    tasks = [
        [_Task(path, condition, cache_directory / _key(path, condition)) for path in paths]
        for condition in conditions
    ]
    missing = [task for of_condition in tasks for task in of_condition if not task.place.exists()]
    for _ in range(len(paths) * len(conditions) - len(missing)):
        on_clip()
    for _ in on_all_cores(_keep, missing):
        on_clip()
    return [[_load(task.place) for task in of_condition] for of_condition in tasks]


def heard_of(samples_T: Samples, condition: Condition, seed: int) -> Heard:
    """The regions of one clip in its stream, under a condition."""
    changed_T = condition.made_of(_in_a_pause(samples_T), seed)
    regions = [region for region in cut(changed_T) if len(region.samples) >= REGION_MINIMUM_SAMPLES]
    features = list(RegionFeatures(front_end()).follow(regions))
    return Heard(
        features_NF=np.concatenate(features) if features else np.empty((0, len(FEATURE_NAMES)), np.float32),
        speech_s_N=np.array([region.speech_samples / SAMPLE_RATE for region in regions]),
    )


def _in_a_pause(samples_T: Samples) -> Samples:
    pause_T = np.random.default_rng(0).normal(0, PADDING_DEVIATION, LEAD_IN_SAMPLES + TAIL_SAMPLES)
    before_T, after_T = np.split(np.rint(pause_T).astype(np.int16), [LEAD_IN_SAMPLES])
    return np.concatenate([before_T, samples_T, after_T])


def _keep(task: _Task) -> None:
    heard = heard_of(read_clip(task.path), task.condition, seed_of(task.path))
    with written_aside(task.place) as file:
        np.savez(file, features_NF=heard.features_NF, speech_s_N=heard.speech_s_N)


def _key(path: Path, condition: Condition) -> str:
    parts = (path.read_bytes(), code_version(), _version(), condition.name, condition.material)
    content = b"\0".join(part if isinstance(part, bytes) else part.encode() for part in parts)
    return f"{hashlib.sha256(content).hexdigest()}.heard.npz"


@cache
def _version() -> str:
    """A hash of the code that changes audio."""
    return version_of([Path(changes.__file__), Path(conditions.__file__), Path(__file__)])


def _load(place: Path) -> Heard:
    with np.load(place) as arrays:
        return Heard(arrays["features_NF"], arrays["speech_s_N"])
