import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cmlstream.trainer import weighted
from cmlstream.trainer.samples import Answers, Followed, once
from tests.trainer.by_the_book import of_answers, of_followed, repeated_answers, repeated_followed

ONCE = np.ones((1, 4))


@st.composite
def counted_answers(draw: st.DrawFn) -> tuple[Answers, NDArray[np.intp]]:
    """Answers of a few speakers, with how often each clip counts."""
    count = draw(st.integers(1, 60))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    confidence_N = generator.uniform(0.25, 1.0, count).round(draw(st.sampled_from([1, 2, 15])))
    classes = draw(st.integers(1, 4))
    answers = Answers(
        speaker_N=generator.integers(0, 5, count).astype(str),
        truth_N=generator.integers(0, classes, count),
        named_N=generator.integers(0, 4, count),
        confidence_N=confidence_N,
    )
    return answers, _times(generator, count)


@st.composite
def counted_followed(draw: st.DrawFn) -> tuple[Followed, NDArray[np.intp]]:
    """Predictions beside labels in halves, as listeners give them, with how often each clip counts."""
    count = draw(st.integers(1, 60))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    label_N = generator.integers(0, draw(st.integers(1, 9)), count) / 4 - 1
    predicted_N = (0.5 * label_N + generator.normal(0, 0.3, count)).clip(-1, 1)
    followed = Followed(
        speaker_N=generator.integers(0, 5, count).astype(str),
        predicted_N=predicted_N.round(draw(st.sampled_from([0, 1, 15]))),
        label_N=label_N,
    )
    return followed, _times(generator, count)


def _times(generator: np.random.Generator, count: int) -> NDArray[np.intp]:
    times_N = generator.integers(0, 4, count)
    times_N[0] += not times_N.any()
    return times_N


@given(counted_answers())
def test_a_clip_that_counts_twice_is_a_clip_written_twice(case: tuple[Answers, NDArray[np.intp]]) -> None:
    answers, times_N = case
    found_K = answers.figures(times_N[None].astype(np.float64))[0]
    np.testing.assert_allclose(found_K, of_answers(repeated_answers(answers, times_N)), atol=1e-12)


@given(counted_followed())
def test_agreement_of_counted_clips_is_that_of_clips_written_so_often(
    case: tuple[Followed, NDArray[np.intp]],
) -> None:
    followed, times_N = case
    found_K = followed.figures(times_N[None].astype(np.float64))[0]
    np.testing.assert_allclose(found_K, of_followed(repeated_followed(followed, times_N)), atol=1e-9)


def test_a_draw_does_not_touch_the_others() -> None:
    generator = np.random.default_rng(0)
    label_N, predicted_N = generator.normal(size=(2, 30))
    weights_DN = generator.integers(0, 3, (7, 30)).astype(np.float64)
    together_DK = weighted.agreement(predicted_N, label_N, weights_DN)
    apart_DK = [weighted.agreement(predicted_N, label_N, weights_N[None])[0] for weights_N in weights_DN]
    np.testing.assert_allclose(together_DK, apart_DK, atol=1e-12)


def test_recall_and_its_mean_by_hand() -> None:
    truth_N, right_N = np.array([0, 0, 3, 3]), np.array([True, False, True, True])
    recall_DE = weighted.recall(truth_N, right_N, np.array([[1.0, 3.0, 1.0, 1.0]]))
    np.testing.assert_array_equal(recall_DE, [[0.25, np.nan, np.nan, 1.0]])
    assert weighted.mean_recall(recall_DE) == pytest.approx([0.625])


def test_discrimination_is_the_share_of_pairs_in_the_right_order() -> None:
    confidence_N, right_N = np.array([0.9, 0.6, 0.6, 0.3]), np.array([True, False, True, False])
    assert weighted.discrimination(confidence_N, right_N, ONCE) == pytest.approx([3.5 / 4])
    assert np.isnan(weighted.discrimination(confidence_N, np.ones(4, bool), ONCE)).all()


def test_calibration_error_by_hand() -> None:
    confidence_N = np.repeat([0.6, 0.9], 10)
    right_N = np.array([True] * 6 + [False] * 4 + [True] * 8 + [False] * 2)
    binned = [abs(2 * 0.6 - part.sum()) for part in np.split(right_N[:10], 5)]
    binned += [abs(2 * 0.9 - part.sum()) for part in np.split(right_N[10:], 5)]
    found_D = weighted.calibration_error(confidence_N, right_N, np.ones((1, 20)))
    assert found_D == pytest.approx([sum(binned) / 20])


def test_equal_values_share_their_rank() -> None:
    values_N = np.array([5.0, 1.0, 5.0, 2.0])
    assert weighted.midranks(values_N, ONCE).tolist() == [[3.5, 1.0, 3.5, 2.0]]
    # 1 1 1 2 5 5, the second five being left out
    assert weighted.midranks(values_N, np.array([[2.0, 3, 0, 1]]))[0, [0, 1, 3]].tolist() == [5.5, 2.0, 4.0]


def test_concordance_punishes_what_correlation_forgives() -> None:
    label_N = np.array([-1.0, -0.5, 0.0, 0.5])
    pearson, spearman, concordance = weighted.agreement(label_N / 2 + 0.3, label_N, ONCE)[0]
    assert (pearson, spearman) == (pytest.approx(1.0), pytest.approx(1.0))
    assert concordance < 0.9


def test_rank_correlation_asks_for_the_order_only() -> None:
    label_N = np.array([-1.0, -0.5, 0.0, 0.5])
    pearson, spearman, _ = weighted.agreement(np.exp(label_N) ** 3 / 10, label_N, ONCE)[0]
    assert spearman == pytest.approx(1.0)
    assert pearson < 0.95


def test_a_constant_prediction_agrees_with_nothing() -> None:
    label_N = np.array([-1.0, 0.0, 1.0])
    assert weighted.agreement(np.full(3, 0.1), label_N, np.ones((1, 3))).tolist() == [[0.0, 0.0, 0.0]]


@pytest.mark.parametrize("label_N", [[], [0.5], [-1.0, 1.0], [0.25] * 5])
def test_labels_that_say_nothing_decide_nothing(label_N: list[float]) -> None:
    count = len(label_N)
    followed = Followed(np.array(["a"] * count), np.linspace(0, 1, count), np.array(label_N, float))
    assert once(followed) == [None, None, None]


def test_no_answers_decide_nothing() -> None:
    none = np.array([], int)
    assert once(Answers(np.array([], str), none, none, np.array([]))) == [None] * 8
