"""From clips to a finished archive: folds, calibration, the final fit, the card.

What the folds' measured clips show, of speakers or of languages left out, sets the temperature and is
reported. The median of the folds' best epochs is how long the final network trains, on all clips.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import torch

from cmlstream.models.affect import AffectModel, Calibration
from cmlstream.models.affect import prior_of as prior_of_model
from cmlstream.models.baseline import FeaturePrior
from cmlstream.models.contract import ModelCard

from .calibration import fit_readout, temperature_of
from .ensemble import Fitted
from .evaluation import Figures, Predictions, measure, measure_groups, predict, selection_score
from .evaluation import joined as joined_predictions
from .export import card_of, export, whole_model, without_front_end
from .features import default_cache
from .finished import NAME as FINISHED
from .finished import write_finished
from .fitting import CPU, Report, fit
from .folds import Fold, language_folds, speaker_folds
from .members import Member
from .network import Network
from .novelty import fit_novelty, invented_features
from .processes import rank
from .settings import FitSettings
from .table import FeatureTable, Normalisation, against_prior, joined, normalise, prior_of
from .training import TrainingSet, training_set

MEASURING_SEED = 1
"""Of the order in which clips are played to the causal baseline when a model is measured."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What to fit, and what with."""

    table: FeatureTable
    takes: tuple[FeatureTable, ...]
    """The clips heard once more, under other conditions: to train on, never to measure by."""
    transfer: FeatureTable | None
    """Clips that play no part in fitting and are measured once at the end."""
    settings: FitSettings
    seed: int
    checkpoints: Path | None
    command: str
    """What was typed, for the card."""
    device: torch.device = CPU
    """Where networks are trained."""
    cache: Path = field(default_factory=default_cache)
    """Where features are kept."""

    def folds(self) -> list[Fold]:
        """Who is held back."""
        clips = self.table.clips
        if self.settings.validation.by == "language":
            return language_folds(clips)
        return speaker_folds(clips, self.settings.validation.folds, self.seed)

    def training_set(self, training: FeatureTable) -> TrainingSet:
        """Some of the clips to train on, in all takes, scored against the prior of those as recorded."""
        takes = [take.of_clips(training.clips) for take in self.takes]
        return training_set(joined([training, *takes]), prior_of(training), self.settings, self.seed)


@dataclass(frozen=True, slots=True, eq=False)
class FoldResult:
    """What a fold's network says of clips of speakers it never heard."""

    measured: FeatureTable
    predictions: Predictions
    epoch: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """A written archive and what was measured on the way."""

    sha256: str
    unseen: dict[str, Figures]
    """Of all clips as the folds measured them, and of each language."""
    transfer: dict[str, Figures]


def fit_archive(plan: Plan, output: Path, report: Report) -> Outcome:
    """Run all folds and the final fit, and write the archive; of several processes the first one writes."""
    results = _run_folds(plan, report)
    predictions = joined_predictions([result.predictions for result in results])
    truth_N = np.array([clip.emotion_number for result in results for clip in result.measured.clips])
    epochs = round(float(np.median([result.epoch for result in results])))
    model = _final_model(plan, epochs, temperature_of(predictions, truth_N), report)
    unseen = _unseen(plan, results)
    transfer = {} if plan.transfer is None else measure_each_corpus(model, plan.transfer)
    metrics = _metrics(unseen | {f"transfer {name}": figures for name, figures in transfer.items()})
    card = card_of(model, plan.table, plan.settings.card, metrics, plan.command)
    return Outcome(_write(plan, model, card, output) if rank() == 0 else "", unseen, transfer)


def _write(plan: Plan, model: AffectModel, card: ModelCard, output: Path) -> str:
    if plan.checkpoints:
        write_finished(plan.checkpoints / FINISHED, model, plan.settings.encoder, card)
    return export(model, card, output)


def _unseen(plan: Plan, results: Sequence[FoldResult]) -> dict[str, Figures]:
    """Figures of the clips that the folds held back: all together, and each language."""
    clips = [clip for result in results for clip in result.measured.clips]
    predictions = joined_predictions([_calibrated_on_others(results, held) for held in results])
    languages = measure_groups(clips, predictions, [clip.language for clip in clips])
    unseen = f"unseen {plan.settings.validation.by}s"
    everything = {unseen: measure(clips, predictions)}
    # Of speakers held back the language was heard: it must not look like one that was not.
    return everything | {f"{unseen} {name}": figures for name, figures in languages.items()}


def _calibrated_on_others(results: Sequence[FoldResult], held: FoldResult) -> Predictions:
    """A fold's predictions under the temperature of the other folds, so that calibration is measured too."""
    others = [result for result in results if result is not held]
    truth_N = np.array([clip.emotion_number for result in others for clip in result.measured.clips])
    return held.predictions.cooled(
        temperature_of(joined_predictions([result.predictions for result in others]), truth_N)
    )


def measure_each_corpus(model: AffectModel, table: FeatureTable) -> dict[str, Figures]:
    """Figures of every corpus in a table, its clips played to the causal baseline."""
    scores_NF = normalise(table, prior_of_model(model), Normalisation.CAUSAL, MEASURING_SEED)
    predictions = predict(model, table, scores_NF)
    return measure_groups(table.clips, predictions, [clip.corpus for clip in table.clips])


def _run_folds(plan: Plan, report: Report) -> list[FoldResult]:
    """Train a network on each fold, all at once, and ask each about the clips it never heard."""
    folds = plan.folds()
    members = [_member(plan, fold) for fold in folds]
    fitted = _fit(plan, "folds", members, plan.settings, report)
    results = []
    for fold, member, found in zip(folds, members, fitted, strict=True):
        fit_readout(found.network, member.data)
        measured = plan.table.subset(fold.measured)
        prior = prior_of(plan.table.subset(fold.training))
        results.append(FoldResult(measured, _predict(found.network, prior, measured), found.epoch))
    return results


def _member(plan: Plan, fold: Fold) -> Member:
    training = plan.table.subset(fold.training)
    stopping = plan.table.subset(fold.stopping)
    prior = prior_of(training)

    def judge(network: Network) -> float:
        return selection_score(measure(stopping.clips, _predict(network, prior, stopping)))

    judged = judge if len(fold.stopping) else None
    return Member(fold.name, plan.training_set(training), plan.settings.loss, plan.seed, judged)


def _predict(network: Network, prior: FeaturePrior, table: FeatureTable) -> Predictions:
    scores_NF = normalise(table, prior, Normalisation.CAUSAL, MEASURING_SEED)
    return predict(without_front_end(network, prior), table, scores_NF)


def _final_model(plan: Plan, epochs: int, temperature: float, report: Report) -> AffectModel:
    prior = prior_of(plan.table)
    data = plan.training_set(plan.table)
    optimiser = msgspec.structs.replace(plan.settings.optimiser, epochs=epochs)
    settings = msgspec.structs.replace(plan.settings, optimiser=optimiser)
    member = Member("final", data, plan.settings.loss, plan.seed)
    (fitted,) = _fit(plan, "final", [member], settings, report)
    fit_readout(fitted.network, data)
    return whole_model(fitted.network, prior, _calibration(plan, prior, temperature))


def _calibration(plan: Plan, prior: FeaturePrior, temperature: float) -> Calibration:
    causal_NF = normalise(plan.table, prior, Normalisation.CAUSAL, MEASURING_SEED)
    speech = [against_prior(table.features_NF, prior) for table in (plan.table, *plan.takes)]
    sounds = invented_features(plan.cache)
    others = [against_prior(features_NF, prior) for features_NF in (sounds.music_NF, sounds.noise_NF)]
    found = fit_novelty([*speech, causal_NF], others)
    return Calibration(
        temperature, tuple(found.linear_F.tolist()), tuple(found.square_F.tolist()), found.offset
    )


def _fit(
    plan: Plan, name: str, members: Sequence[Member], settings: FitSettings, report: Report
) -> list[Fitted]:
    checkpoint = plan.checkpoints and plan.checkpoints / f"{name}.pt"
    return fit(members, settings, checkpoint, report, plan.device)


def _metrics(groups: dict[str, Figures]) -> dict[str, float]:
    return {
        f"{group.replace(' ', '_')}_{name}": round(value, 4)
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
        ("auroc", figures.auroc),
        ("activation_pearson", figures.activation.pearson),
        ("activation_ccc", figures.activation.ccc),
        ("valence_pearson", figures.valence.pearson),
        ("valence_ccc", figures.valence.ccc),
    ]
