"""The recipe of the model that ships, on the protocols that ask for languages nobody trained on.

A network of the recipe is trained on running baselines of streams, and so it is measured under every
normalisation. Beside it the same network is trained under each other normalisation too, as the baselines are.

Shapes: N rows, F features.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from cmlstream.trainer.calibration import fit_readout
from cmlstream.trainer.ensemble import Fitted, Progress
from cmlstream.trainer.evaluation import Predictions, predict
from cmlstream.trainer.export import without_front_end
from cmlstream.trainer.fitting import fit
from cmlstream.trainer.members import Member
from cmlstream.trainer.recipe import MEASURING_SEED, Plan
from cmlstream.trainer.settings import FitSettings
from cmlstream.trainer.table import FeatureTable, Normalisation, joined, normalise, prior_of
from cmlstream.trainer.training import TrainingSet, targets_of

from .networks import Point, Subject
from .protocol import Protocol, Split

OURS = "ours"
"""Trained in streams as the model that ships, whatever it is measured under."""

ALIKE = "ours, trained alike"
"""Trained under the normalisation that it is measured under."""

PROTOCOLS = (Protocol.LEAVE_ONE_OUT, Protocol.TRANSFER)


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """What ours is made of, beside the clips as they were recorded."""

    settings: FitSettings
    takes: tuple[FeatureTable, ...]
    """The source clips heard once more, under other conditions: to train on, never to measure by."""


@dataclass(frozen=True, slots=True, eq=False)
class OursTask:
    """One split to train on under one normalisation, with all of its seeds at once."""

    table: FeatureTable
    recipe: Recipe
    split: Split
    trained_under: Normalisation
    device: torch.device

    @property
    def networks(self) -> int:
        """How many are trained."""
        return len(self.split.seeds)

    @property
    def measured_under(self) -> tuple[Normalisation, ...]:
        """What it is asked under: a model that was trained in streams, whatever its user has."""
        return tuple(Normalisation) if self.trained_under is Normalisation.CAUSAL else (self.trained_under,)

    @property
    def cost(self) -> float:
        """Processor time it takes, in seconds of the machine it was measured on."""
        settings, networks = self.recipe.settings, self.networks
        clips = len(self.split.training) * (1 + len(self.recipe.takes))
        streams = settings.validation.draws if self.trained_under is Normalisation.CAUSAL else 0
        steps = settings.optimiser.epochs * clips / settings.optimiser.batch
        return networks * (STEP_S * steps + STREAM_S * streams * clips)


STEP_S = 6e-4
"""Of one network in a batch of five, measured."""

STREAM_S = 4.5e-5
"""Of playing a clip, with its windows, to a baseline."""


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What a network says of the clips that its split measures, before its confidence is calibrated."""

    subject: Subject
    trained_under: Normalisation
    split: Split
    predictions: Predictions


@dataclass(frozen=True, slots=True, eq=False)
class OursOutcome:
    """What the networks of a task say, and the curves of their training."""

    heard: list[Heard]
    curves: list[Point]


def ours_tasks(
    table: FeatureTable, splits: Sequence[Split], recipe: Recipe, device: torch.device
) -> Iterator[OursTask]:
    """A task for each split of a language or corpus that is left out, and each normalisation."""
    for split in splits:
        if split.protocol in PROTOCOLS:
            for normalisation in Normalisation:
                yield OursTask(table, recipe, split, normalisation, device)


def run(task: OursTask) -> OursOutcome:
    """Train the networks of a task, and ask them about the clips they never heard."""
    curves: list[Point] = []

    def keep(name: str, progress: Progress) -> None:
        curves.append(Point(name, progress))

    training = task.table.subset(task.split.training)
    members = list(_members(task, training))
    fitted = fit(members, task.recipe.settings, None, keep, task.device)
    for member, found in zip(members, fitted, strict=True):
        fit_readout(found.network, member.data)
    return OursOutcome(list(_ask(task, training, fitted)), curves)


def _ask(task: OursTask, training: FeatureTable, fitted: Sequence[Fitted]) -> Iterator[Heard]:
    prior, measured = prior_of(training), task.table.subset(task.split.tested)
    for normalisation in task.measured_under:
        scores_NF = normalise(measured, prior, normalisation, MEASURING_SEED)
        for seed, found in zip(task.split.seeds, fitted, strict=True):
            predictions = predict(without_front_end(found.network, prior), measured, scores_NF)
            yield Heard(_subject(task, normalisation, seed), task.trained_under, task.split, predictions)


def _subject(task: OursTask, normalisation: Normalisation, seed: int) -> Subject:
    method = OURS if task.trained_under is Normalisation.CAUSAL else ALIKE
    return Subject(method, task.split.protocol, normalisation, task.split.name, seed)


def _members(task: OursTask, training: FeatureTable) -> Iterator[Member]:
    if task.trained_under is Normalisation.CAUSAL:
        sets = [_in_streams(task, training, seed) for seed in task.split.seeds]
    else:
        sets = [all_at_once(task, training)] * task.networks
    for seed, data in zip(task.split.seeds, sets, strict=True):
        name = _subject(task, task.trained_under, seed).run
        yield Member(name, data, task.recipe.settings.loss, seed)


def _in_streams(task: OursTask, training: FeatureTable, seed: int) -> TrainingSet:
    """What `fit` trains on."""
    recipe = task.recipe
    plan = Plan(
        table=training,
        takes=recipe.takes,
        transfer=None,
        settings=recipe.settings,
        seed=seed,
        checkpoints=None,
        command="",
    )
    return plan.training_set(training)


def all_at_once(task: OursTask, training: FeatureTable) -> TrainingSet:
    """The same clips and takes without streams; each take is a corpus of its own, recorded otherwise."""
    tables = [training, *(take.of_clips(training.clips) for take in task.recipe.takes)]
    prior, table = prior_of(training), joined(tables)
    scores_NF = np.concatenate(
        [normalise(each, prior, task.trained_under, MEASURING_SEED) for each in tables]
    )
    targets = targets_of(table.clips, task.recipe.settings.loss.pairs)
    return TrainingSet(table, torch.from_numpy(scores_NF)[None], targets)
