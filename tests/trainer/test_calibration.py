import numpy as np
import pytest
import torch

from cmlstream.models.encoder import EncoderSettings
from cmlstream.trainer.calibration import fit_readout, temperature_of
from cmlstream.trainer.evaluation import Predictions
from cmlstream.trainer.network import Network
from cmlstream.trainer.settings import FitSettings, ValidationSettings
from cmlstream.trainer.table import FeatureTable, prior_of
from cmlstream.trainer.training import training_set
from tests.trainer.corpus import clip, invented_table

SETTINGS = FitSettings(
    encoder=EncoderSettings(hidden=(16,), latent=4), validation=ValidationSettings(draws=2)
)


def predictions(logits_NE: np.ndarray) -> Predictions:
    emotion_NE = np.exp(logits_NE) / np.exp(logits_NE).sum(1, keepdims=True)
    return Predictions(np.zeros(len(logits_NE)), np.zeros(len(logits_NE)), emotion_NE)


@pytest.mark.parametrize("overconfidence", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_overconfidence(overconfidence: float) -> None:
    generator = np.random.default_rng(0)
    logits_NE = 2 * generator.normal(size=(4000, 4))
    honest_NE = predictions(logits_NE).emotion_NE
    truth_N = np.array([generator.choice(4, p=row) for row in honest_NE])
    truth_N[:50] = -1  # classes the head does not know play no part
    assert temperature_of(predictions(overconfidence * logits_NE), truth_N) == pytest.approx(
        overconfidence, rel=0.1
    )


def test_the_readout_is_the_least_squares_line_of_each_half() -> None:
    table = invented_table(speakers=3)
    data = training_set(table, prior_of(table), SETTINGS, 0)
    network = Network(88, SETTINGS).eval()
    fit_readout(network, data)
    with torch.no_grad():
        embedding_ND = network.autoencoder.encoder(data.scores_KNF.flatten(0, 1))
    rows = np.tile(table.clip_N, len(data.scores_KNF))
    for side, label_N in enumerate((data.targets.activation_B, data.targets.valence_B)):
        mean_N = embedding_ND[:, 2 * side : 2 * side + 2].mean(1).numpy()
        expected = np.polyfit(mean_N, (label_N.numpy()[rows] - 3) / 2, 1)
        found = network.head.scale_A[side].item(), network.head.offset_A[side].item()
        assert found == pytest.approx(tuple(expected), rel=1e-3, abs=1e-4)


def test_a_dimension_nobody_labelled_keeps_its_readout() -> None:
    table = invented_table(speakers=3)
    unlabelled = FeatureTable(
        tuple(clip(found.speaker, "calm") for found in table.clips),
        table.features_NF,
        table.speech_s_N,
        table.whole_N,
        table.clip_N,
    )
    network = Network(88, SETTINGS).eval()
    fit_readout(network, training_set(unlabelled, prior_of(unlabelled), SETTINGS, 0))
    assert network.head.scale_A.tolist() == [0.5, 0.5]
    assert network.head.offset_A.tolist() == [0.0, 0.0]
