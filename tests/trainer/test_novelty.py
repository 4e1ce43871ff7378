from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from cmlstream.models.affect import AffectModel, Calibration
from cmlstream.models.baseline import FeaturePrior
from cmlstream.models.egemaps import FEATURE_NAMES
from cmlstream.models.encoder import AffectHead, Encoder, EncoderSettings
from cmlstream.trainer import novelty
from cmlstream.trainer.novelty import Novelty, fit_novelty, invented_features

FEATURES = len(FEATURE_NAMES)


def drawn(seed: int, rows: int, centre: float = 0.0, spread: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(centre, spread, (rows, FEATURES)).astype(np.float32)


def answered(found: Novelty, scores_NF: np.ndarray) -> np.ndarray:
    """What a model with this novelty says."""
    sizes = EncoderSettings(hidden=(4,), latent=2)
    calibration = Calibration(1.0, tuple(found.linear_F), tuple(found.square_F), found.offset)
    nothing = FeaturePrior(np.zeros(FEATURES), np.ones(FEATURES))
    model = AffectModel(torch.nn.Identity(), nothing, Encoder(FEATURES, sizes), AffectHead(2), calibration)
    rows_BF = torch.from_numpy(scores_NF)
    with torch.inference_mode():
        return model.estimate(rows_BF, torch.zeros_like(rows_BF), torch.ones_like(rows_BF)).novelty_B.numpy()


@pytest.mark.parametrize(("centre", "spread"), [(1.0, 1.0), (0.0, 2.0)])
def test_what_lies_elsewhere_or_further_out_is_told_from_speech(centre: float, spread: float) -> None:
    found = fit_novelty([drawn(0, 500)], [drawn(1, 100, centre, spread)])
    novelty_N = answered(found, np.concatenate([drawn(2, 200), drawn(3, 200, centre, spread)]))
    assert roc_auc_score(np.repeat([0, 1], 200), novelty_N) > 0.99


def test_the_first_set_of_speech_sets_the_scale() -> None:
    speech = drawn(0, 2000)
    found = fit_novelty([speech, drawn(1, 50, 0.5)], [drawn(2, 300, 0.0, 2.0)])
    novelty_N = answered(found, speech)
    assert np.median(novelty_N) == pytest.approx(0.05, abs=0.002)
    assert np.percentile(novelty_N, 98) == pytest.approx(0.5, abs=0.01)


def test_every_set_of_a_side_weighs_the_same() -> None:
    few, many = drawn(1, 20, 1.0), drawn(2, 5000, 0.0, 2.0)
    one = fit_novelty([drawn(0, 500)], [few, many])
    again = fit_novelty([drawn(0, 500)], [np.tile(few, (10, 1)), many])
    # Told ten times over it still has half of the say; the penalty alone weighs less.
    np.testing.assert_allclose(one.linear_F, again.linear_F, rtol=0.2, atol=0.02)


@pytest.mark.slow
def test_invented_sounds_have_features_that_are_the_same_every_time_and_kept(tmp_path: Path) -> None:
    sounds = invented_features(tmp_path)
    assert len(sounds.music_NF) > 60
    assert len(sounds.noise_NF) > 60
    assert np.isfinite(sounds.music_NF).all()
    first_NF = novelty._described(0)
    np.testing.assert_allclose(sounds.music_NF[: len(first_NF)], first_NF, rtol=1e-5)
    (kept,) = tmp_path.iterdir()
    written = kept.stat().st_mtime_ns
    np.testing.assert_array_equal(invented_features(tmp_path).music_NF, sounds.music_NF)
    assert kept.stat().st_mtime_ns == written
