"""A model's robustness as it is written: all conditions, and what is demanded held against what was found."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from cmlstream.models.archive import Archive

from .adaptation import ADAPTED_S, ADAPTING_S
from .conditions import CLEAN, TELEPHONE, Condition
from .hearing import hear
from .manifest import Clip
from .robustness import Robustness, StagesOf, measure_all

MODERATE_GAINS = ("gain -10 dB", "gain -6 dB", "gain +6 dB")
COSTLY = ("noise 10 dB", TELEPHONE.name)

ACTIVATION_MEAN = 0.02
ACTIVATION_PERCENTILE_95 = 0.05
LOST_POINTS = 5.0


class Mark(msgspec.Struct, frozen=True):
    """One demand on a model that ships, with its baseline adapted and over all clips."""

    demand: str
    found: float
    """The worst of the conditions that it is about."""
    most: float
    met: bool


class RobustnessReport(msgspec.Struct, frozen=True):
    """What `cmlstream-train robustness` finds."""

    model: str
    seed: int
    adapting_s: float
    """Seconds of speech that the stream has heard at least before a clip counts as adapting."""
    adapted_s: float
    conditions: dict[str, StagesOf]
    marks: tuple[Mark, ...]


def report_of(
    archive: Archive,
    clips: Sequence[Clip],
    conditions: Sequence[Condition],
    cache_directory: Path,
    seed: int,
    on_clip: Callable[[], None],
) -> RobustnessReport:
    """Hear all clips under all conditions and compare; `on_clip` is called for each clip and condition."""
    paths = [clip.path for clip in clips]
    clean, *changed = hear(paths, [CLEAN, *conditions], cache_directory, on_clip)
    by_name = {condition.name: heard for condition, heard in zip(conditions, changed, strict=True)}
    found = measure_all(archive, clips, clean, by_name, seed)
    name = f"{archive.card.name} {archive.card.version}"
    return RobustnessReport(name, seed, ADAPTING_S, ADAPTED_S, found, tuple(marks_of(found)))


def marks_of(conditions: Mapping[str, StagesOf]) -> Iterator[Mark]:
    """Every demand that these conditions decide."""
    adapted = {name: stages.adapted.overall for name, stages in conditions.items()}
    yield from _marks_of_gain([adapted[name] for name in MODERATE_GAINS if name in adapted])
    for name in COSTLY:
        if name in adapted and (lost := adapted[name].lost_points) is not None:
            yield _mark(f"points of UAR lost to {name}", [lost], LOST_POINTS)


def _marks_of_gain(gains: Sequence[Robustness]) -> Iterator[Mark]:
    shifts = [found.activation for found in gains if found.activation is not None]
    if shifts:
        yield _mark(
            "shift of activation from -10 to +6 dB, mean", (shift.mean for shift in shifts), ACTIVATION_MEAN
        )
        yield _mark(
            "shift of activation from -10 to +6 dB, 95th percentile",
            (shift.percentile_95 for shift in shifts),
            ACTIVATION_PERCENTILE_95,
        )


def _mark(demand: str, found: Iterable[float], most: float) -> Mark:
    worst = max(found)
    return Mark(demand, worst, most, worst <= most)
