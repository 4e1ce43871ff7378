from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from cmlstream.models.encoder import EncoderSettings
from cmlstream.models.errors import ModelError
from cmlstream.trainer.fitting import Fitted, Network, Progress, TrainingSet, fit, targets_of, training_set
from cmlstream.trainer.settings import FitSettings, OptimiserSettings, ValidationSettings
from cmlstream.trainer.table import prior_of
from tests.trainer.corpus import clip, invented_table

SETTINGS = FitSettings(
    encoder=EncoderSettings(hidden=(16,), latent=4, noise=0.5, dropout=0.2),
    optimiser=OptimiserSettings(epochs=6, patience=3, batch=16, averaging=0.8),
    validation=ValidationSettings(draws=2),
)


@pytest.fixture(scope="module")
def data() -> TrainingSet:
    table = invented_table()
    return training_set(table, prior_of(table), SETTINGS, 1)


class History:
    def __init__(self) -> None:
        self.epochs: list[Progress] = []

    def __call__(self, progress: Progress) -> None:
        self.epochs.append(progress)


def epochs(count: int) -> FitSettings:
    return msgspec.structs.replace(
        SETTINGS, optimiser=msgspec.structs.replace(SETTINGS.optimiser, epochs=count)
    )


def assert_same(one: Fitted, other: Fitted) -> None:
    assert one.epoch == other.epoch
    for name, value in one.network.state_dict().items():
        assert torch.equal(value, other.network.state_dict()[name]), name


def test_the_loss_goes_down(data: TrainingSet) -> None:
    history = History()
    fitted = fit(data, epochs(15), 1, None, None, history)
    losses = [progress.loss for progress in history.epochs]
    assert fitted.epoch == len(losses) == 15
    assert np.mean(losses[-3:]) < losses[0] - 0.2


def test_a_seed_decides_everything_and_global_chance_nothing(data: TrainingSet) -> None:
    torch.manual_seed(1)
    one = fit(data, SETTINGS, 7, None, None, History())
    torch.manual_seed(2)
    again = fit(data, SETTINGS, 7, None, None, History())
    other = fit(data, SETTINGS, 8, None, None, History())
    assert_same(one, again)
    assert not torch.equal(one.network.head.emotion.weight, other.network.head.emotion.weight)


def test_training_leaves_global_chance_alone(data: TrainingSet) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    fit(data, epochs(1), 1, None, None, History())
    assert torch.equal(torch.rand(1), expected)


def first_epochs_best(network: Network) -> float:
    return -network.head.emotion.weight.square().sum().item()


@pytest.mark.parametrize("judge", [None, first_epochs_best])
def test_a_resumed_run_ends_as_an_uninterrupted_one(
    data: TrainingSet, tmp_path: Path, judge: Callable[[Network], float] | None
) -> None:
    whole = fit(data, epochs(5), 3, judge, None, History())
    fit(data, epochs(2), 3, judge, tmp_path / "run.pt", History())
    rest = History()
    resumed = fit(data, epochs(5), 3, judge, tmp_path / "run.pt", rest)
    assert rest.epochs[0].epoch == 3
    assert_same(whole, resumed)
    assert [path.name for path in tmp_path.iterdir()] == ["run.pt"]


class BreakError(Exception):
    pass


def test_an_interrupted_run_loses_one_epoch_at_most(data: TrainingSet, tmp_path: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.epoch == 3:
            raise BreakError

    with pytest.raises(BreakError):
        fit(data, epochs(5), 3, None, tmp_path / "run.pt", interrupt)
    rest = History()
    resumed = fit(data, epochs(5), 3, None, tmp_path / "run.pt", rest)
    assert rest.epochs[0].epoch == 3
    assert_same(fit(data, epochs(5), 3, None, None, History()), resumed)


CHANGES: dict[str, Callable[[TrainingSet], tuple[TrainingSet, FitSettings, int]]] = {
    "seed": lambda data: (data, epochs(2), 4),
    "features": lambda data: (replace(data, scores_KNF=data.scores_KNF + 0.1), epochs(2), 3),
    "labels": lambda data: (
        replace(data, targets=replace(data.targets, emotion_B=data.targets.emotion_B.flip(0))),
        epochs(2),
        3,
    ),
    "encoder": lambda data: (
        data,
        msgspec.structs.replace(epochs(2), encoder=EncoderSettings(hidden=(8,), latent=4)),
        3,
    ),
    "learning rate": lambda data: (
        data,
        msgspec.structs.replace(epochs(2), optimiser=OptimiserSettings(epochs=2, learning_rate=0.1)),
        3,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_checkpoint_of_another_run_is_refused(data: TrainingSet, tmp_path: Path, change: str) -> None:
    fit(data, epochs(1), 3, None, tmp_path / "run.pt", History())
    other, settings, seed = CHANGES[change](data)
    with pytest.raises(ModelError, match="is of another run"):
        fit(other, settings, seed, None, tmp_path / "run.pt", History())


def test_a_damaged_checkpoint_is_told(data: TrainingSet, tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    fit(data, epochs(1), 3, None, path, History())
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ModelError, match="is damaged"):
        fit(data, epochs(2), 3, None, path, History())


def test_batches_of_a_few_clips_train_too(data: TrainingSet) -> None:
    small = msgspec.structs.replace(epochs(1), optimiser=OptimiserSettings(epochs=1, batch=4))
    history = History()
    fit(data, small, 3, None, None, history)
    assert np.isfinite(history.epochs[0].loss)


def test_a_run_stops_when_nothing_improves_and_keeps_the_best(data: TrainingSet) -> None:
    scores = iter([0.1, 0.5, 0.4, 0.5, 0.3, 0.9])
    history = History()
    kept: list[torch.Tensor] = []

    def judge(network: Network) -> float:
        kept.append(network.head.emotion.weight.clone())
        return next(scores)

    fitted = fit(data, SETTINGS, 1, judge, None, history)
    assert [progress.score for progress in history.epochs] == [0.1, 0.5, 0.4, 0.5, 0.3]
    assert fitted.epoch == 2
    assert torch.equal(fitted.network.head.emotion.weight, kept[1])


def test_an_epoch_takes_one_piece_of_every_clip(data: TrainingSet) -> None:
    taken_NF = data.sample(0, np.random.default_rng(0))
    assert len(taken_NF) == len(data.table.clips)
    kinds = []
    for number, taken_F in enumerate(taken_NF):
        rows = np.flatnonzero(data.table.clip_N == number)
        (row,) = [row for row in rows if torch.equal(data.scores_KNF[0, row], taken_F)]
        kinds.append(data.table.whole_N[row])
    assert 0.3 < np.mean(kinds) < 0.7


def test_published_labels_take_precedence_over_the_circumplex() -> None:
    known = targets_of(
        (clip(emotion="anger", activation=3.0), clip(emotion="anger"), clip(emotion="calm")), "all"
    )
    assert known.activation_B[0] == 3.0
    assert known.activation_B[1] > 4
    assert known.activation_B[2].isnan()
    assert known.valence_B[0] == known.valence_B[1]
    assert known.emotion_B.tolist() == [0, 0, -1]


@pytest.mark.parametrize(("pairs", "groups"), [("all", 1), ("corpus", 2), ("speaker", 3)])
def test_pairs_are_made_within_groups(pairs: str, groups: int) -> None:
    known = targets_of((clip("a"), clip("b"), clip("c", corpus="there"), clip("a")), pairs)
    assert len(known.group_B.unique()) == groups
    assert known.group_B[0] == known.group_B[3]
