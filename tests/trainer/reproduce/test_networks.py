from collections import Counter

import pytest
import torch

from cmlstream.trainer.losses import VARIANTS
from cmlstream.trainer.reproduce.baselines import CS, GAMMAS, METHOD, baseline_task
from cmlstream.trainer.reproduce.baselines import run as run_baselines
from cmlstream.trainer.reproduce.networks import Task, run, tasks_of
from cmlstream.trainer.reproduce.protocol import SEEDS, Protocol, all_splits
from cmlstream.trainer.settings import paper_settings
from cmlstream.trainer.table import Normalisation
from tests.trainer.reproduce.languages import languages_table

TABLE = languages_table()
SPLITS = all_splits(TABLE.clips)
TASKS = list(tasks_of(TABLE, SPLITS, paper_settings(2), torch.device("cpu")))


def test_every_variant_seed_and_normalisation_is_trained_on_every_split_once() -> None:
    trained = Counter(
        (split.protocol, split.name, seed, task.normalisation)
        for task in TASKS
        for split in task.splits
        for seed in split.seeds
    )
    expected = [
        (split.protocol, split.name, seed, normalisation)
        for split in SPLITS
        for seed in split.seeds
        for normalisation in Normalisation
    ]
    assert trained == Counter(expected)
    assert {task.networks for task in TASKS} == {30}
    assert all(task.cost > 0 for task in TASKS)


def task_of(protocol: Protocol) -> Task:
    return next(task for task in TASKS if task.splits[0].protocol is protocol)


@pytest.mark.parametrize("protocol", [Protocol.APART, Protocol.TRANSFER])
def test_a_task_scores_every_network_it_trains(protocol: Protocol) -> None:
    task = task_of(protocol)
    outcome = run(task)
    subjects = [measured.subject for measured in outcome.measured]
    assert Counter(subject.method for subject in subjects) == dict.fromkeys(VARIANTS, 5)
    assert len(set(subjects)) == 30
    for measured in outcome.measured:
        everywhere = measured.scores[0]
        assert everywhere.uar is not None
        assert everywhere.activation is not None
        assert everywhere.mean_valence is not None
    assert len({measured.scores for measured in outcome.measured}) > 20
    assert {point.progress.epoch for point in outcome.curves} == {1, 2}
    assert {point.run for point in outcome.curves} == {subject.run for subject in subjects}


def test_baselines_are_chosen_on_the_source_languages_and_measured_once() -> None:
    task = baseline_task(TABLE, SPLITS, Normalisation.CORPUS)
    assert {split.protocol for split in task.choosing} == {Protocol.LEAVE_ONE_OUT}
    assert sum(split.seeds == (SEEDS[0],) for split in task.splits) == 10
    outcome = run_baselines(task)
    assert [choice.target for choice in outcome.choices] == ["emotion", "activation", "valence"]
    assert all(choice.c in CS and choice.gamma in GAMMAS for choice in outcome.choices)
    assert {measured.subject.method for measured in outcome.measured} == {METHOD}
    (transfer,) = [one for one in outcome.measured if one.subject.protocol is Protocol.TRANSFER]
    assert transfer.scores[0].uar is not None
    assert transfer.scores[0].uar > 0.9  # the invented emotions lie far apart


def test_with_one_source_language_baselines_are_chosen_by_folds() -> None:
    one = languages_table()
    table = one.subset([number for number, clip in enumerate(one.clips) if clip.language != "en"])
    task = baseline_task(table, all_splits(table.clips), Normalisation.NONE)
    assert {split.protocol for split in task.choosing} == {Protocol.APART}
