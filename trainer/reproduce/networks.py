"""Train networks of the paper's size on splits, all variants and seeds of a task at once, and score them.

Shapes: N clips, F features, D latent dimensions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import msgspec
import numpy as np
import torch

from cmlstream.trainer.ensemble import Fitted, Progress
from cmlstream.trainer.fitting import fit
from cmlstream.trainer.losses import VARIANTS, Variant
from cmlstream.trainer.members import Member
from cmlstream.trainer.settings import FitSettings
from cmlstream.trainer.table import FeatureTable, Normalisation, Scores
from cmlstream.trainer.training import TrainingSet, targets_of

from .material import labels_of, one_region_each, scores_of
from .protocol import Protocol, Split
from .scoring import Score, latent_means, latent_readers, read_out, score

CURVE_EVERY = 10
"""Epochs between the points of a curve that is kept."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What was measured: which method, trained on what, normalised how, with which seed."""

    method: str
    """A variant of the loss, or the name of a baseline."""
    protocol: Protocol
    normalisation: Normalisation
    trained_on: str
    seed: int

    @property
    def run(self) -> str:
        """Its name in a list of runs."""
        return f"{self.protocol}/{self.normalisation}/{self.trained_on}/{self.method}/{self.seed}"


@dataclass(frozen=True, slots=True)
class Measured:
    """What one method, trained once, is worth on each language."""

    subject: Subject
    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One epoch of a run, for its curve."""

    run: str
    progress: Progress


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Splits to train on under one normalisation: every variant, with every seed of each split, at once."""

    table: FeatureTable
    normalisation: Normalisation
    splits: tuple[Split, ...]
    settings: FitSettings
    device: torch.device

    @property
    def networks(self) -> int:
        """How many are trained."""
        return len(VARIANTS) * sum(len(split.seeds) for split in self.splits)

    @property
    def cost(self) -> float:
        """Processor time it takes, in seconds of the machine it was measured on."""
        return sum(len(VARIANTS) * len(split.seeds) * self._cost_of_one(split) for split in self.splits)

    def _cost_of_one(self, split: Split) -> float:
        clips = len(split.training)
        steps = self.settings.optimiser.epochs * clips / self.settings.optimiser.batch
        return STEP_S * steps + READER_S * clips * (clips + len(split.tested))


STEP_S = 180e-6
"""Of one network in a batch of thirty, measured."""

READER_S = 2e-8
"""Of fitting the readers to a latent and reading it, per pair of clips."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a task found, and the curves of its runs."""

    measured: list[Measured]
    curves: list[Point]


def run(task: Task) -> Outcome:
    """Train and score everything that a task asks for."""
    curves: list[Point] = []

    def keep(name: str, progress: Progress) -> None:
        if progress.epoch % CURVE_EVERY == 0 or progress.epoch in (1, progress.epochs):
            curves.append(Point(name, progress))

    jobs = [job for split in task.splits for job in _jobs(task, split)]
    fitted = fit([job.member for job in jobs], task.settings, None, keep, task.device)
    labels, readers = labels_of(task.table.clips), latent_readers()
    measured = []
    for job, found in zip(jobs, fitted, strict=True):
        latent_ND = _embed(found, job.scores_NF)
        means = latent_means(latent_ND[job.split.tested], job.variant)
        readings = replace(read_out(latent_ND, labels, job.split, readers), means=means)
        measured.append(Measured(job.subject, tuple(score(readings, labels, job.split))))
    return Outcome(measured, curves)


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """A member, and what is needed to score it."""

    member: Member
    subject: Subject
    split: Split
    variant: Variant
    scores_NF: Scores


def _jobs(task: Task, split: Split) -> Iterator[_Job]:
    scores_NF = scores_of(task.table, split, task.normalisation)
    regions = one_region_each(task.table).subset(split.training)
    data = TrainingSet(
        table=regions,
        scores_KNF=torch.from_numpy(scores_NF[np.sort(split.training)])[None],
        targets=targets_of(regions.clips, task.settings.loss.pairs),
    )
    for variant in VARIANTS:
        loss = msgspec.structs.replace(task.settings.loss, variant=variant)
        for seed in split.seeds:
            subject = Subject(variant, split.protocol, task.normalisation, split.name, seed)
            yield _Job(Member(subject.run, data, loss, seed), subject, split, variant, scores_NF)


def _embed(fitted: Fitted, scores_NF: Scores) -> Scores:
    with torch.inference_mode():
        latent_ND: Scores = fitted.network.autoencoder.encoder(torch.from_numpy(scores_NF)).numpy()
    return latent_ND


def tasks_of(
    table: FeatureTable, splits: Sequence[Split], settings: FitSettings, device: torch.device
) -> Iterator[Task]:
    """The splits, those of a seed's folds together: about as many networks each as run best at once."""
    for normalisation in Normalisation:
        for _, together in groupby(splits, _belongs_to):
            yield Task(table, normalisation, tuple(together), settings, device)


def _belongs_to(split: Split) -> tuple[Protocol, int | str]:
    return split.protocol, split.seeds[0] if len(split.seeds) == 1 else split.name
