"""From clips to a finished archive: folds by speaker, calibration, the final fit, the card.

What the folds' measured speakers show sets the temperature and is reported. The median of the folds' best
epochs is how long the final network trains, on all clips.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch

from cmlstream.models.affect import AffectModel, Calibration
from cmlstream.models.affect import prior_of as prior_of_model
from cmlstream.models.baseline import FeaturePrior

from .calibration import fit_readout, novelty_of, temperature_of
from .evaluation import Figures, Predictions, joined, measure, measure_groups, predict, selection_score
from .export import card_of, export, whole_model, without_front_end
from .fitting import CPU, Fitted, Member, Report, fit
from .folds import Fold, speaker_folds
from .network import Network
from .processes import rank
from .settings import FitSettings
from .table import FeatureTable, Normalisation, normalise, prior_of
from .training import training_set

MEASURING_SEED = 1
"""Of the order in which clips are played to the causal baseline when a model is measured."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What to fit, and what with."""

    table: FeatureTable
    transfer: FeatureTable | None
    """Clips that play no part in fitting and are measured once at the end."""
    settings: FitSettings
    seed: int
    checkpoints: Path | None
    command: str
    """What was typed, for the card."""
    device: torch.device = CPU
    """Where networks are trained."""


@dataclass(frozen=True, slots=True, eq=False)
class FoldResult:
    """What a fold's network says of speakers it never saw."""

    measured: FeatureTable
    predictions: Predictions
    epoch: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """A written archive and what was measured on the way."""

    sha256: str
    unseen_speakers: Figures
    transfer: dict[str, Figures]


def fit_archive(plan: Plan, output: Path, report: Report) -> Outcome:
    """Run all folds and the final fit, and write the archive; of several processes the first one writes."""
    results = _run_folds(plan, report)
    clips = [clip for result in results for clip in result.measured.clips]
    predictions = joined([result.predictions for result in results])
    temperature = temperature_of(predictions, np.array([clip.emotion_number for clip in clips]))
    epochs = round(float(np.median([result.epoch for result in results])))
    model = _final_model(plan, epochs, temperature, report)
    unseen = measure(clips, joined([_calibrated_on_others(results, held) for held in results]))
    transfer = {} if plan.transfer is None else measure_each_corpus(model, plan.transfer)
    card = card_of(model, plan.table, plan.settings.card, _metrics(unseen, transfer), plan.command)
    return Outcome(export(model, card, output) if rank() == 0 else "", unseen, transfer)


def _calibrated_on_others(results: Sequence[FoldResult], held: FoldResult) -> Predictions:
    """A fold's predictions under the temperature of the other folds, so that calibration is measured too."""
    others = [result for result in results if result is not held]
    truth_N = np.array([clip.emotion_number for result in others for clip in result.measured.clips])
    return held.predictions.cooled(temperature_of(joined([result.predictions for result in others]), truth_N))


def measure_each_corpus(model: AffectModel, table: FeatureTable) -> dict[str, Figures]:
    """Figures of every corpus in a table, its clips played to the causal baseline."""
    scores_NF = normalise(table, prior_of_model(model), Normalisation.CAUSAL, MEASURING_SEED)
    predictions = predict(model, table, scores_NF)
    return measure_groups(table.clips, predictions, [clip.corpus for clip in table.clips])


def _run_folds(plan: Plan, report: Report) -> list[FoldResult]:
    """Train a network on each fold, all at once, and ask each about the speakers it never saw."""
    folds = speaker_folds(plan.table.clips, plan.settings.validation.folds, plan.seed)
    members = [_member(plan, f"fold {number + 1}", fold) for number, fold in enumerate(folds)]
    fitted = _fit(plan, "folds", members, plan.settings, report)
    results = []
    for fold, member, found in zip(folds, members, fitted, strict=True):
        fit_readout(found.network, member.data)
        measured = plan.table.subset(fold.measured)
        predictions = _predict(found.network, prior_of(member.data.table), measured)
        results.append(FoldResult(measured, predictions, found.epoch))
    return results


def _member(plan: Plan, name: str, fold: Fold) -> Member:
    training = plan.table.subset(fold.training)
    stopping = plan.table.subset(fold.stopping)
    prior = prior_of(training)
    stopping_NF = normalise(stopping, prior, Normalisation.CAUSAL, MEASURING_SEED)

    def judge(network: Network) -> float:
        model = without_front_end(network, prior)
        return selection_score(measure(stopping.clips, predict(model, stopping, stopping_NF)))

    data = training_set(training, prior, plan.settings, plan.seed)
    return Member(name, data, plan.settings.loss, plan.seed, judge)


def _predict(network: Network, prior: FeaturePrior, table: FeatureTable) -> Predictions:
    scores_NF = normalise(table, prior, Normalisation.CAUSAL, MEASURING_SEED)
    return predict(without_front_end(network, prior), table, scores_NF)


def _final_model(plan: Plan, epochs: int, temperature: float, report: Report) -> AffectModel:
    prior = prior_of(plan.table)
    data = training_set(plan.table, prior, plan.settings, plan.seed)
    optimiser = msgspec.structs.replace(plan.settings.optimiser, epochs=epochs)
    settings = msgspec.structs.replace(plan.settings, optimiser=optimiser)
    member = Member("final", data, plan.settings.loss, plan.seed)
    (fitted,) = _fit(plan, "final", [member], settings, report)
    fit_readout(fitted.network, data)
    slope, offset = novelty_of(data.scores_KNF.flatten(0, 1).numpy())
    return whole_model(fitted.network, prior, Calibration(temperature, slope, offset))


def _fit(
    plan: Plan, name: str, members: Sequence[Member], settings: FitSettings, report: Report
) -> list[Fitted]:
    checkpoint = plan.checkpoints and plan.checkpoints / f"{name}.pt"
    return fit(members, settings, checkpoint, report, plan.device)


def _metrics(unseen: Figures, transfer: dict[str, Figures]) -> dict[str, float]:
    groups = {"unseen_speakers": unseen} | {f"transfer_{name}": figures for name, figures in transfer.items()}
    return {
        f"{group}_{name}": round(value, 4)
        for group, figures in groups.items()
        for name, value in _named(figures)
        if value is not None
    }


def _named(figures: Figures) -> Sequence[tuple[str, float | None]]:
    return [
        ("clips_of_four_classes", figures.classified),
        ("clips_with_labels", figures.activation.n),
        ("uar", figures.uar),
        ("ece", figures.ece),
        ("activation_pearson", figures.activation.pearson),
        ("activation_ccc", figures.activation.ccc),
        ("valence_pearson", figures.valence.pearson),
        ("valence_ccc", figures.valence.ccc),
    ]
