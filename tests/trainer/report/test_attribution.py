import numpy as np
import pytest
import torch

from cmlstream.models.affect import AffectModel
from cmlstream.models.contract import EMOTIONS
from cmlstream.trainer.export import without_front_end
from cmlstream.trainer.network import Network
from cmlstream.trainer.report.attribution import OUTPUTS, Attribution, attributions
from cmlstream.trainer.report.drivers import strongest_of
from cmlstream.trainer.settings import FitSettings
from cmlstream.trainer.table import Scores, prior_of
from tests.trainer.corpus import invented_table


@pytest.fixture(scope="module")
def model() -> AffectModel:
    torch.manual_seed(0)
    return without_front_end(Network(88, FitSettings()), prior_of(invented_table())).requires_grad_(False)


@pytest.fixture(scope="module")
def scores_NF() -> Scores:
    return np.random.default_rng(0).normal(size=(50, 88)).astype(np.float32)


def outputs_of(model: AffectModel, scores_NF: Scores) -> np.ndarray:
    scores_BF = torch.from_numpy(scores_NF)
    outputs = model.estimate(scores_BF, torch.zeros_like(scores_BF), torch.ones_like(scores_BF))
    return torch.stack([output.read(outputs) for output in OUTPUTS]).double().numpy()


def test_what_the_features_add_is_how_far_the_output_moved(model: AffectModel, scores_NF: Scores) -> None:
    moved_ON = outputs_of(model, scores_NF) - outputs_of(model, np.zeros_like(scores_NF))
    found = attributions(model, scores_NF)
    assert [each.output for each in found] == ["activation", "valence", *EMOTIONS]
    for each, moved_N in zip(found, moved_ON, strict=True):
        assert np.abs(moved_N).max() > 0.01
        np.testing.assert_allclose(each.shares_NF.sum(1), moved_N, atol=2e-3)


def test_a_feature_that_nothing_listens_to_drives_nothing(model: AffectModel, scores_NF: Scores) -> None:
    deaf = without_front_end(Network(88, FitSettings()), prior_of(invented_table())).requires_grad_(False)
    with torch.no_grad():
        next(deaf.encoder.parameters())[:, 7] = 0.0
    for each in attributions(deaf, scores_NF):
        assert each.weight_F[7] == 0
        assert each.direction_F[7] == 0
        assert np.delete(each.weight_F, 7).min() > 0


def test_the_strongest_come_first_with_their_direction() -> None:
    scores_NF = np.random.default_rng(1).normal(size=(400, 20)).astype(np.float32)
    weight_F = np.arange(20.0)
    weight_F[3] = -30.0
    shares_NF = scores_NF * weight_F
    shares_NF[:, 19] = np.abs(scores_NF[:, 19]) * 40
    found = strongest_of(Attribution("anger", shares_NF, scores_NF), [f"f{place}" for place in range(20)])
    assert [(driver.feature, driver.effect) for driver in found[:3]] == [
        ("f19", "either way"),
        ("f3", "lowers"),
        ("f18", "raises"),
    ]
    assert len(found) == 15
    few = strongest_of(Attribution("anger", shares_NF[:, :3], scores_NF[:, :3]), ["f0", "f1", "f2"])
    assert [driver.feature for driver in few] == ["f2", "f1"]
