from collections import Counter
from dataclasses import replace
from statistics import fmean

import numpy as np
import pytest
import torch

from cmlstream.models.encoder import EncoderSettings
from cmlstream.trainer.reproduce.ours import (
    ALIKE,
    OURS,
    Heard,
    OursTask,
    Recipe,
    all_at_once,
    ours_tasks,
    run,
)
from cmlstream.trainer.reproduce.protocol import SEEDS, Protocol, all_splits
from cmlstream.trainer.reproduce.scoring import recall
from cmlstream.trainer.settings import FitSettings, OptimiserSettings, ValidationSettings
from cmlstream.trainer.table import FeatureTable, Normalisation
from cmlstream.trainer.takes import in_take
from tests.trainer.reproduce.languages import languages_table

SETTINGS = FitSettings(
    encoder=EncoderSettings(hidden=(16,), latent=4),
    optimiser=OptimiserSettings(epochs=12, batch=32, learning_rate=0.01, averaging=0.5),
    validation=ValidationSettings(by="language", draws=2),
)
TABLE = languages_table()
SPLITS = all_splits(TABLE.clips)


def take_of(table: FeatureTable) -> FeatureTable:
    """The source clips once more, but for the first, all of them much louder."""
    sources = [number for number, clip in enumerate(table.clips) if clip.role == "source"]
    chosen = table.subset(sources[1:])
    clips = tuple(in_take(clip, 1) for clip in chosen.clips)
    return replace(chosen, clips=clips, features_NF=chosen.features_NF + 20)


def with_paths(table: FeatureTable) -> FeatureTable:
    clips = tuple(
        replace(clip, path=clip.path.with_name(f"{number}.flac")) for number, clip in enumerate(table.clips)
    )
    return replace(table, clips=clips)


def tasks_of(table: FeatureTable, takes: tuple[FeatureTable, ...] = ()) -> list[OursTask]:
    return list(ours_tasks(table, SPLITS, Recipe(SETTINGS, takes), torch.device("cpu")))


def task_of(
    table: FeatureTable, name: str, under: Normalisation, takes: tuple[FeatureTable, ...] = ()
) -> OursTask:
    (task,) = [
        task for task in tasks_of(table, takes) if (task.split.name, task.trained_under) == (name, under)
    ]
    return task


def heard_by(found: list[Heard], normalisation: Normalisation) -> dict[int, np.ndarray]:
    return {
        one.subject.seed: one.predictions.emotion_NE
        for one in found
        if one.subject.normalisation is normalisation
    }


def test_every_language_left_out_is_trained_for_under_every_normalisation() -> None:
    found = Counter((task.split.protocol, task.split.name, task.trained_under) for task in tasks_of(TABLE))
    names = [
        (Protocol.LEAVE_ONE_OUT, "all but de"),
        (Protocol.LEAVE_ONE_OUT, "all but en"),
        (Protocol.TRANSFER, "all"),
    ]
    assert found == Counter((*name, normalisation) for name in names for normalisation in Normalisation)
    assert all(task.networks == 5 and task.cost > 0 for task in tasks_of(TABLE))


def test_what_is_trained_in_streams_is_asked_under_every_normalisation() -> None:
    task = task_of(TABLE, "all", Normalisation.CAUSAL)
    outcome = run(task)
    subjects = [one.subject for one in outcome.heard]
    assert Counter(subject.normalisation for subject in subjects) == dict.fromkeys(Normalisation, 5)
    assert {subject.method for subject in subjects} == {OURS}
    assert {point.progress.epoch for point in outcome.curves} == set(range(1, 13))
    answers = heard_by(outcome.heard, Normalisation.CAUSAL)
    assert set(answers) == set(SEEDS)
    truth_T = np.array([TABLE.clips[number].emotion_number for number in task.split.tested])
    recalls = [recall(emotion_TE.argmax(1), truth_T) or 0.0 for emotion_TE in answers.values()]
    assert fmean(recalls) > 0.75  # of invented emotions, that lie far apart
    assert not np.array_equal(answers[SEEDS[0]], answers[SEEDS[1]])


@pytest.mark.parametrize("normalisation", [Normalisation.CORPUS, Normalisation.NONE])
def test_what_is_trained_otherwise_is_asked_as_it_was_trained(normalisation: Normalisation) -> None:
    outcome = run(task_of(TABLE, "all but de", normalisation))
    assert {one.subject.normalisation for one in outcome.heard} == {normalisation}
    assert {one.subject.method for one in outcome.heard} == {ALIKE}


def test_the_labels_of_what_is_measured_teach_nothing() -> None:
    transfer = [replace(clip, emotion="anger", activation=1.0, valence=5.0) for clip in TABLE.clips]
    clips = tuple(
        other if clip.role == "transfer" else clip for clip, other in zip(TABLE.clips, transfer, strict=True)
    )
    answers = [
        heard_by(run(task_of(table, "all", Normalisation.NONE)).heard, Normalisation.NONE)
        for table in (TABLE, replace(TABLE, clips=clips))
    ]
    for seed in SEEDS:
        np.testing.assert_array_equal(answers[0][seed], answers[1][seed])


def test_takes_are_trained_on_and_each_is_a_corpus_of_its_own() -> None:
    table = with_paths(TABLE)
    task = task_of(table, "all but en", Normalisation.CORPUS, (take_of(table),))
    training = table.subset(task.split.training)
    data = all_at_once(task, training)
    german = sum(clip.language == "de" for clip in table.clips)
    assert len(data.table.clips) == 2 * german - 1  # the first clip is German, and not in the take
    take_N = np.array([clip.speaker.endswith("(take 1)") for clip in data.table.clips])[data.table.clip_N]
    for of_take in (False, True):
        rows_N = (take_N == of_take) & data.table.whole_N
        np.testing.assert_allclose(data.scores_KNF[0].numpy()[rows_N].mean(0), 0, atol=1e-4)
    alone = task_of(table, "all but en", Normalisation.CORPUS)
    for heard, without in zip(run(task).heard, run(alone).heard, strict=True):
        assert len(heard.predictions.emotion_NE) == len(task.split.tested)
        assert not np.array_equal(heard.predictions.emotion_NE, without.predictions.emotion_NE)
