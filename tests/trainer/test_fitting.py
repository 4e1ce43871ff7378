from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from cmlstream.models.encoder import EncoderSettings
from cmlstream.models.errors import ModelError
from cmlstream.trainer.ensemble import Fitted, Progress
from cmlstream.trainer.fitting import Report, fit
from cmlstream.trainer.losses import VARIANTS
from cmlstream.trainer.members import Judge, Member
from cmlstream.trainer.network import Network
from cmlstream.trainer.settings import FitSettings, LossSettings, OptimiserSettings, ValidationSettings
from cmlstream.trainer.table import prior_of
from cmlstream.trainer.training import TrainingSet, training_set
from tests.trainer.corpus import invented_table

SETTINGS = FitSettings(
    encoder=EncoderSettings(hidden=(16,), latent=4, noise=0.5, dropout=0.2),
    optimiser=OptimiserSettings(epochs=6, patience=3, batch=16, averaging=0.8),
    validation=ValidationSettings(draws=2),
)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:  # as the commands do: the networks are small
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def data() -> TrainingSet:
    table = invented_table()
    return training_set(table, prior_of(table), SETTINGS, 1)


class History:
    def __init__(self) -> None:
        self.epochs: list[Progress] = []

    def __call__(self, member: str, progress: Progress) -> None:
        self.epochs.append(progress)


def train(
    data: TrainingSet,
    settings: FitSettings,
    seed: int,
    judge: Judge | None = None,
    checkpoint: Path | None = None,
    report: Report | None = None,
) -> Fitted:
    """An ensemble of one."""
    member = Member("run", data, settings.loss, seed, judge)
    (fitted,) = fit([member], settings, checkpoint, report or History())
    return fitted


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
    fitted = train(data, epochs(15), 1, report=history)
    losses = [progress.loss for progress in history.epochs]
    assert fitted.epoch == len(losses) == 15
    assert np.mean(losses[-3:]) < losses[0] - 0.2


def test_a_seed_decides_everything_and_global_chance_nothing(data: TrainingSet) -> None:
    torch.manual_seed(1)
    one = train(data, SETTINGS, 7)
    torch.manual_seed(2)
    again = train(data, SETTINGS, 7)
    other = train(data, SETTINGS, 8)
    assert_same(one, again)
    assert not torch.equal(one.network.head.emotion.weight, other.network.head.emotion.weight)


def test_training_leaves_global_chance_alone(data: TrainingSet) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    train(data, epochs(1), 1)
    assert torch.equal(torch.rand(1), expected)


def first_epochs_best(network: Network) -> float:
    return -network.head.emotion.weight.square().sum().item()


@pytest.mark.parametrize("judge", [None, first_epochs_best])
def test_a_resumed_run_ends_as_an_uninterrupted_one(
    data: TrainingSet, tmp_path: Path, judge: Callable[[Network], float] | None
) -> None:
    whole = train(data, epochs(5), 3, judge)
    train(data, epochs(2), 3, judge, tmp_path / "run.pt")
    rest = History()
    resumed = train(data, epochs(5), 3, judge, tmp_path / "run.pt", rest)
    assert rest.epochs[0].epoch == 3
    assert_same(whole, resumed)
    assert [path.name for path in tmp_path.iterdir()] == ["run.pt"]


class BreakError(Exception):
    pass


def test_an_interrupted_run_loses_one_epoch_at_most(data: TrainingSet, tmp_path: Path) -> None:
    def interrupt(member: str, progress: Progress) -> None:
        if progress.epoch == 3:
            raise BreakError

    with pytest.raises(BreakError):
        train(data, epochs(5), 3, None, tmp_path / "run.pt", interrupt)
    rest = History()
    resumed = train(data, epochs(5), 3, None, tmp_path / "run.pt", rest)
    assert rest.epochs[0].epoch == 3
    assert_same(train(data, epochs(5), 3), resumed)


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
    train(data, epochs(1), 3, None, tmp_path / "run.pt")
    other, settings, seed = CHANGES[change](data)
    with pytest.raises(ModelError, match="is of another run"):
        train(other, settings, seed, None, tmp_path / "run.pt")


def test_a_damaged_checkpoint_is_told(data: TrainingSet, tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    train(data, epochs(1), 3, None, path, History())
    whole = path.read_bytes()
    middle = len(whole) // 2  # of the weights: torch itself would read on
    for content in (whole[:500], whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]):
        path.write_bytes(content)
        with pytest.raises(ModelError, match="is damaged"):
            train(data, epochs(2), 3, None, path, History())


def test_batches_of_a_few_clips_train_too(data: TrainingSet) -> None:
    small = msgspec.structs.replace(epochs(1), optimiser=OptimiserSettings(epochs=1, batch=4))
    history = History()
    train(data, small, 3, report=history)
    assert np.isfinite(history.epochs[0].loss)


def test_a_run_stops_when_nothing_improves_and_keeps_the_best(data: TrainingSet) -> None:
    scores = iter([0.1, 0.5, 0.4, 0.5, 0.3, 0.9])
    history = History()
    kept: list[torch.Tensor] = []

    def judge(network: Network) -> float:
        kept.append(network.head.emotion.weight.clone())
        return next(scores)

    fitted = train(data, SETTINGS, 1, judge, report=history)
    assert [progress.score for progress in history.epochs] == [0.1, 0.5, 0.4, 0.5, 0.3]
    assert fitted.epoch == 2
    assert torch.equal(fitted.network.head.emotion.weight, kept[1])


def together(members: list[Member], settings: FitSettings) -> tuple[list[Fitted], dict[str, list[Progress]]]:
    curves: dict[str, list[Progress]] = {member.name: [] for member in members}
    fitted = fit(members, settings, None, lambda name, progress: curves[name].append(progress))
    return fitted, curves


def unlike_members(data: TrainingSet) -> list[Member]:
    """Members that differ in clips, seed, loss and in when they stop."""
    fewer = data.table.subset(np.arange(40))
    other = training_set(fewer, prior_of(fewer), SETTINGS, 2)
    members = [
        Member(variant, data, LossSettings(variant=variant, emotion_weight=number % 2), number % 3)
        for number, variant in enumerate(VARIANTS)
    ]
    members += [Member(f"fewer {seed}", other, LossSettings(label_smoothing=0.0), seed) for seed in (0, 5)]
    return [*members, Member("stops", data, LossSettings(), 1, first_epochs_best)]


def test_what_becomes_of_a_member_does_not_depend_on_who_trains_beside_it(data: TrainingSet) -> None:
    members = unlike_members(data)
    fitted, curves = together(members, epochs(5))
    for member, found in zip(members, fitted, strict=True):
        (alone,), alone_curves = together([member], epochs(5))
        assert alone.epoch == found.epoch
        for name, value in alone.network.state_dict().items():
            torch.testing.assert_close(found.network.state_dict()[name], value, rtol=1e-5, atol=1e-5)
        for one, other in zip(curves[member.name], alone_curves[member.name], strict=True):
            assert one.loss == pytest.approx(other.loss, abs=1e-4)
            assert one.metric == pytest.approx(other.metric, abs=1e-4)
    assert len({found.network.head.emotion.bias.detach().numpy().tobytes() for found in fitted}) == len(
        fitted
    )
    assert len(curves["stops"]) == 4 < len(curves["act"]) == 5


def test_an_ensemble_whose_members_stop_at_different_times_is_resumed(
    data: TrainingSet, tmp_path: Path
) -> None:
    members = unlike_members(data)
    whole, _ = together(members, epochs(6))
    fit(members, epochs(4), tmp_path / "run.pt", History())
    resumed = fit(members, epochs(6), tmp_path / "run.pt", History())
    for one, other in zip(whole, resumed, strict=True):
        assert_same(one, other)


def test_the_terms_of_the_loss_are_told(data: TrainingSet) -> None:
    plain = Member("plain", data, LossSettings(variant="none", emotion_weight=0), 1)
    paper = Member("paper", data, LossSettings(variant="actval", emotion_weight=0), 1)
    _, curves = together([plain, paper], epochs(2))
    for progress in curves["plain"]:
        assert progress.metric == 0
        assert progress.loss == pytest.approx(progress.reconstruction, rel=1e-6)
    for progress in curves["paper"]:
        expected = np.log(progress.reconstruction + progress.metric)  # but for the mean over batches
        assert progress.loss == pytest.approx(expected, abs=0.1)
        assert progress.metric > 0


def test_a_step_is_the_step_of_one_network_alone(data: TrainingSet) -> None:
    """One batch, no noise, no dropout: the loop's weights are those that torch's own classes give."""
    settings = msgspec.structs.replace(
        SETTINGS,
        encoder=EncoderSettings(hidden=(16, 8), latent=4, noise=0),
        optimiser=OptimiserSettings(epochs=3, batch=256, averaging=0, learning_rate=0.01),
    )
    one_piece = replace(data, scores_KNF=data.scores_KNF[:1, :1].expand(1, data.scores_KNF.shape[1], -1))
    member = Member("run", one_piece, LossSettings(variant="none", label_smoothing=0.2), 3)
    ((found,), _) = together([member], settings)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = Network(data.scores_KNF.shape[2], settings)
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=1e-4)
    clean_BF = one_piece.scores_KNF[0, : len(data.table.clips)]
    for _ in range(3):
        latent_BD = network.autoencoder.encoder(clean_BF)
        entropy = torch.nn.functional.cross_entropy(
            network.head(latent_BD)[0], data.targets.emotion_B, label_smoothing=0.2
        )
        loss = torch.nn.functional.mse_loss(network.autoencoder.decoder(latent_BD), clean_BF) + entropy
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    for name, value in network.state_dict().items():
        torch.testing.assert_close(found.network.state_dict()[name], value, rtol=1e-4, atol=1e-5)


def test_any_number_of_features_can_be_trained_on(data: TrainingSet) -> None:
    few = replace(data, scores_KNF=data.scores_KNF[:, :, :11])
    fitted = train(few, epochs(1), 1)
    assert fitted.network.autoencoder.encoder.layers[0].in_features == 11
