from dataclasses import replace
from math import nan

import numpy as np
import pytest

from cmlstream.trainer.reproduce.material import Labels, labels_of
from cmlstream.trainer.reproduce.protocol import Protocol, Split
from cmlstream.trainer.reproduce.scoring import (
    EVERYWHERE,
    Readings,
    correlation,
    latent_means,
    latent_readers,
    read_out,
    recall,
    score,
)
from tests.trainer.reproduce.languages import clips

CLIPS = clips()
LABELS = labels_of(CLIPS)
TRAINING = np.flatnonzero([clip.role == "source" for clip in CLIPS])
TESTED = np.flatnonzero([clip.role == "transfer" for clip in CLIPS])
SPLIT = Split(Protocol.TRANSFER, "all", TRAINING, TESTED)


def plane() -> np.ndarray:
    """Points whose first axis falls with activation and whose second rises with valence."""
    generator = np.random.default_rng(0)
    activation_N = np.nan_to_num(LABELS.weak_activation_N, nan=3.0)
    valence_N = np.nan_to_num(LABELS.weak_valence_N, nan=3.0)
    points_N2 = np.stack([-activation_N, valence_N], 1)
    return points_N2 + 0.05 * generator.normal(size=points_N2.shape)


def test_the_sign_and_the_axes_of_a_latent_do_not_matter_to_its_readers() -> None:
    points_N2 = plane()
    turned_N2 = points_N2 @ np.array([[0.6, -0.8], [0.8, 0.6]]) * 7 + 100
    for latent_N2 in (points_N2, -points_N2, turned_N2):
        everywhere, urdu = score(read_out(latent_N2, LABELS, SPLIT, latent_readers()), LABELS, SPLIT)
        assert (everywhere.language, urdu.language) == (EVERYWHERE, "ur")
        assert urdu.uar is not None
        assert urdu.uar > 0.95
        assert urdu.activation is not None
        assert urdu.activation > 0.95
        assert urdu.valence is not None
        assert urdu.valence > 0.9
        assert urdu.mean_activation is None


def test_the_mean_of_the_latent_is_scored_with_its_sign() -> None:
    points_N2 = plane()
    readings = Readings(
        LABELS.emotion_N[TESTED],
        np.zeros(len(TESTED)),
        np.zeros(len(TESTED)),
        latent_means(points_N2[TESTED], "actval"),
    )
    (urdu,) = [found for found in score(readings, LABELS, SPLIT) if found.language == "ur"]
    assert urdu.uar == 1.0
    assert urdu.activation == urdu.valence == 0.0
    assert urdu.mean_activation is not None
    assert urdu.mean_activation < -0.95
    assert urdu.mean_valence is not None
    assert urdu.mean_valence > 0.9


def test_the_whole_latent_stands_for_both_dimensions_but_under_actval() -> None:
    latent_TD = np.arange(12.0).reshape(3, 4)
    whole, halves = latent_means(latent_TD, "none"), latent_means(latent_TD, "actval")
    np.testing.assert_array_equal(whole.activation_T, latent_TD.mean(1))
    np.testing.assert_array_equal(whole.valence_T, whole.activation_T)
    np.testing.assert_array_equal(halves.activation_T, latent_TD[:, :2].mean(1))
    np.testing.assert_array_equal(halves.valence_T, latent_TD[:, 2:].mean(1))


def test_what_is_measured_teaches_nothing() -> None:
    """The labels of the measured clips may be anything: what is said of them stays the same."""
    other = replace(
        LABELS,
        **{
            name: np.where(np.isin(np.arange(len(CLIPS)), TESTED), value, getattr(LABELS, name))
            for name, value in (("emotion_N", 0), ("weak_activation_N", 1.0), ("weak_valence_N", 5.0))
        },
    )
    one, two = (read_out(plane(), labels, SPLIT, latent_readers()) for labels in (LABELS, other))
    np.testing.assert_array_equal(one.emotion_T, two.emotion_T)
    np.testing.assert_array_equal(one.activation_T, two.activation_T)
    np.testing.assert_array_equal(one.valence_T, two.valence_T)


def of_one_class(labels: Labels) -> Labels:
    emotion_N = labels.emotion_N.copy()
    emotion_N[TRAINING] = 2
    return replace(labels, emotion_N=emotion_N, weak_activation_N=np.full(len(CLIPS), nan))


def test_without_differences_to_learn_from_nothing_is_said() -> None:
    labels = of_one_class(LABELS)
    found = score(read_out(plane(), labels, SPLIT, latent_readers()), labels, SPLIT)
    assert all(one.uar is None and one.activation is None for one in found)
    assert all(one.valence is not None for one in found)


def test_recall_is_unweighted_over_the_classes_that_occur() -> None:
    truth_N = np.array([0, 0, 0, 1, -1, -1])
    assert recall(np.array([0, 0, 3, 1, 2, 2]), truth_N) == pytest.approx((2 / 3 + 1) / 2)
    assert recall(np.array([0, 1]), np.array([-1, -1])) is None


def test_correlation_needs_labels_that_differ() -> None:
    said_N = np.array([1.0, 2.0, 4.0, 9.0])
    assert correlation(said_N, np.array([2.0, 4.0, 8.0, nan])) == pytest.approx(1.0)
    assert correlation(said_N, np.array([2.0, 4.0, nan, nan])) is None
    assert correlation(said_N, np.full(4, 3.0)) is None
    assert correlation(np.ones(4), np.array([1.0, 2.0, 3.0, 4.0])) == 0.0
