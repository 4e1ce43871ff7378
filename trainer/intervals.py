"""How far a figure may be trusted: 95 % intervals over other speakers as these.

Clips of one speaker are alike, so not clips but speakers are drawn, with replacement and with all of their
clips (percentile intervals: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13). Drawn
are the speakers whose clips decide the figure: those of a known class, or those with a label. Every draw is
measured as if its clips were all there is: ranked anew, binned anew, averaged over the classes that it holds.

A draw holds fewer different clips than were measured and looks a little less calibrated, so the interval of
the calibration error lies towards the high side.

Shapes: D draws, N clips, S speakers, K figures.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from cmlstream.models.contract import EMOTIONS

from .evaluation import Predictions, activation_of, answers_of, measure, valence_of
from .figures import Agreement, Figures, Interval
from .manifest import Clip
from .samples import Answers, Followed, Sample, once, speakers_of
from .weighted import Vector

PERCENTILES = (2.5, 97.5)

CELLS_AT_ONCE = 400_000
"""Draws times clips that are counted at a time: what a processor's cache holds."""


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How often speakers are drawn, and the seed of the draws."""

    draws: int = 1000
    seed: int = 1


def measure_with_intervals(clips: Sequence[Clip], predictions: Predictions, bootstrap: Bootstrap) -> Figures:
    """The figures of `measure`, each with its interval beside it; null where one speaker alone decides."""
    figures = measure(clips, predictions)
    answers = answers_of(clips, predictions)
    uar, wa, ece, auroc, *recalls = intervals(answers, bootstrap)
    return msgspec.structs.replace(
        figures,
        uar_interval=uar,
        wa_interval=wa,
        ece_interval=ece,
        auroc_interval=auroc,
        recall_interval=_of_shared_classes(answers, recalls),
        activation=_bounded(figures.activation, activation_of(clips, predictions), bootstrap),
        valence=_bounded(figures.valence, valence_of(clips, predictions), bootstrap),
    )


def intervals(sample: Sample, bootstrap: Bootstrap) -> list[Interval | None]:
    """The interval of each of a sample's figures; None where no draw decides it or only one person speaks."""
    if speakers_of(sample) < 2:
        return [None for _ in once(sample)]
    figures_DK = np.concatenate([sample.figures(weights_DN) for weights_DN in draws(sample, bootstrap)])
    return [_between(figures_D[np.isfinite(figures_D)]) for figures_D in figures_DK.T]


def draws(sample: Sample, bootstrap: Bootstrap) -> Iterator[Vector]:
    """How often each clip counts, in as many draws at a time as a cache holds."""
    speakers_S, speaker_N = np.unique(sample.speaker_N, return_inverse=True)
    at_once = max(1, CELLS_AT_ONCE // len(speaker_N))
    generator = np.random.default_rng(bootstrap.seed)
    alike_S = np.full(len(speakers_S), 1 / len(speakers_S))
    for first in range(0, bootstrap.draws, at_once):
        size = min(at_once, bootstrap.draws - first)
        times_DS = generator.multinomial(len(speakers_S), alike_S, size)
        yield times_DS.astype(np.float64)[:, speaker_N]


def _between(figures_D: Vector) -> Interval | None:
    if not len(figures_D):
        return None
    lowest, highest = np.percentile(figures_D, PERCENTILES)
    return float(lowest), float(highest)


def _bounded(agreement: Agreement, followed: Followed, bootstrap: Bootstrap) -> Agreement:
    pearson, spearman, ccc = intervals(followed, bootstrap)
    return msgspec.structs.replace(
        agreement, pearson_interval=pearson, spearman_interval=spearman, ccc_interval=ccc
    )


def _of_shared_classes(answers: Answers, recalls: Sequence[Interval | None]) -> dict[str, Interval | None]:
    """The intervals of the classes that occur; None for one that a single speaker speaks in."""
    speakers = [
        len(np.unique(answers.speaker_N[answers.truth_N == number])) for number in range(len(EMOTIONS))
    ]
    return {
        emotion: interval if count > 1 else None
        for emotion, interval, count in zip(EMOTIONS, recalls, speakers, strict=True)
        if count
    }
