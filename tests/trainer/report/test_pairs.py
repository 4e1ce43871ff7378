from math import nan

import numpy as np
import pytest
import torch

from cmlstream.trainer.losses import line_metric
from cmlstream.trainer.report.pairs import MOST_DRAWN, _sample, line_of

GENERATOR = np.random.default_rng(3)
LABELS_N = GENERATOR.integers(2, 11, size=40) / 2
LABELS_N[[4, 9]] = nan
CORPORA_N = np.where(np.arange(40) < 15, "one", "two")
EMBEDDED_N = 0.6 * LABELS_N + 0.3 * GENERATOR.normal(size=40) + np.where(CORPORA_N == "one", 5.0, 0.0)
EMBEDDED_N[[4, 9]] = 100.0


def literal_pairs() -> np.ndarray:
    """Label and embedding differences, pair by pair."""
    return np.array(
        [
            (LABELS_N[i] - LABELS_N[j], EMBEDDED_N[i] - EMBEDDED_N[j])
            for i in range(40)
            for j in range(i + 1, 40)
            if CORPORA_N[i] == CORPORA_N[j] and not np.isnan(LABELS_N[i] + LABELS_N[j])
        ]
    )


def test_the_line_is_that_of_all_pairs_within_a_corpus() -> None:
    label_P, embedded_P = literal_pairs().T
    slope = (label_P @ embedded_P) / (label_P @ label_P)
    line = line_of(EMBEDDED_N, LABELS_N, CORPORA_N)
    assert line is not None
    assert (line.clips, line.pairs) == (38, len(label_P))
    assert line.slope == pytest.approx(slope)
    assert line.residual == pytest.approx(np.mean((slope * label_P - embedded_P) ** 2))
    cosine = (label_P @ embedded_P) / np.sqrt((label_P @ label_P) * (embedded_P @ embedded_P))
    assert line.correlation == pytest.approx(cosine)


def test_slope_and_residual_are_the_metric_loss() -> None:
    line = line_of(EMBEDDED_N, LABELS_N, CORPORA_N)
    assert line is not None
    embedded_B1 = torch.from_numpy(EMBEDDED_N)[:, None]
    group_B = torch.from_numpy((CORPORA_N == "two").astype(int))
    metric = line_metric(embedded_B1, torch.from_numpy(LABELS_N), group_B, 2)
    assert abs(line.slope - 1) + line.residual == pytest.approx(float(metric))


def test_without_different_labels_there_is_no_line() -> None:
    assert line_of(EMBEDDED_N, np.full(40, 3.0), CORPORA_N) is None
    assert line_of(EMBEDDED_N, np.full(40, nan), CORPORA_N) is None
    one_each = np.where(CORPORA_N == "one", 1.0, 5.0)
    assert line_of(EMBEDDED_N, one_each, CORPORA_N) is None


def test_few_pairs_are_all_drawn_in_both_directions() -> None:
    drawn_P2 = _sample(EMBEDDED_N, LABELS_N, CORPORA_N, seed=1)
    pairs_P2 = literal_pairs()
    both = np.concatenate([pairs_P2, -pairs_P2])
    np.testing.assert_allclose(np.sort(drawn_P2, axis=0), np.sort(both, axis=0))


def test_of_many_pairs_a_sample_is_drawn_and_never_a_clip_with_itself() -> None:
    corpus_N = np.repeat(["a", "b", "c"], [1, 1499, 200])
    embedded_N = np.arange(1700.0) + np.where(corpus_N == "c", 1e6, 0.0)
    drawn_P2 = _sample(embedded_N, np.tile([1.0, 2.0], 850), corpus_N, seed=1)
    assert len(drawn_P2) == pytest.approx(2 * MOST_DRAWN, abs=4)
    assert (drawn_P2[:, 1] != 0).all()
    assert np.abs(drawn_P2[:, 1]).max() < 1500
