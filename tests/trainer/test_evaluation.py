import numpy as np
import pytest

from cmlstream.models.contract import EMOTIONS
from cmlstream.trainer.evaluation import (
    Predictions,
    agreement,
    calibration_error,
    joined,
    longest_regions,
    measure,
    measure_groups,
    selection_score,
)
from cmlstream.trainer.pieces import Pieces
from cmlstream.trainer.table import stack
from tests.trainer.corpus import clip


def saying(*emotions: str, confidence: float = 0.7) -> Predictions:
    rest = (1 - confidence) / (len(EMOTIONS) - 1)
    emotion_NE = np.full((len(emotions), len(EMOTIONS)), rest)
    for row, emotion in enumerate(emotions):
        emotion_NE[row, EMOTIONS.index(emotion)] = confidence
    return Predictions(np.linspace(-0.5, 0.5, len(emotions)), np.zeros(len(emotions)), emotion_NE)


def test_recall_is_the_mean_over_classes() -> None:
    clips = [clip(emotion=emotion) for emotion in ("anger", "anger", "anger", "sadness")]
    figures = measure(clips, saying("anger", "anger", "sadness", "sadness"))
    assert figures.recall == {"anger": pytest.approx(2 / 3), "sadness": 1.0}
    assert figures.uar == pytest.approx(5 / 6)
    assert figures.wa == pytest.approx(3 / 4)
    assert figures.ece == pytest.approx(
        0.5 * 0.0 + calibration_error(np.full(4, 0.7), np.array([1, 1, 0, 1]) > 0)
    )


def test_classes_the_model_does_not_know_are_left_out_of_recall() -> None:
    figures = measure([clip(emotion="calm"), clip(emotion="anger")], saying("anger", "anger"))
    assert figures.n == 2
    assert figures.uar == figures.wa == 1.0


def test_without_any_known_class_there_is_no_recall() -> None:
    figures = measure([clip(emotion="calm", activation=2.0)], saying("anger"))
    assert figures.uar is None
    assert figures.ece is None
    assert figures.recall == {}


def test_calibration_error_by_hand() -> None:
    confidence_N = np.repeat([0.6, 0.9], 10)
    right_N = np.array([True] * 6 + [False] * 4 + [True] * 8 + [False] * 2)
    binned = [abs(2 * 0.6 - part.sum()) for part in np.split(right_N[:10], 5)]
    binned += [abs(2 * 0.9 - part.sum()) for part in np.split(right_N[10:], 5)]
    assert calibration_error(confidence_N, right_N) == pytest.approx(sum(binned) / 20)


def test_agreement_by_its_definitions() -> None:
    label_N = np.array([1.0, 2.0, 4.0, 5.0, np.nan])
    predicted_N = np.array([-0.9, -0.4, 0.2, 0.9, 0.0])
    published_N = (label_N[:4] - 3) / 2
    found = agreement(predicted_N, label_N)
    assert found.n == 4
    assert found.pearson == pytest.approx(np.corrcoef(predicted_N[:4], published_N)[0, 1])
    mean, variance = predicted_N[:4].mean(), predicted_N[:4].var()
    covariance = np.cov(predicted_N[:4], published_N, bias=True)[0, 1]
    expected = 2 * covariance / (variance + published_N.var() + (mean - published_N.mean()) ** 2)
    assert found.ccc == pytest.approx(expected)


def test_concordance_punishes_what_correlation_forgives() -> None:
    label_N = np.array([1.0, 2.0, 3.0, 4.0])
    shifted = agreement((label_N - 3) / 4 + 0.3, label_N)
    assert shifted.pearson == pytest.approx(1.0)
    assert shifted.ccc is not None
    assert shifted.ccc < 0.9


@pytest.mark.parametrize("label_N", [np.full(5, np.nan), np.full(5, 3.0), np.array([1, 5, *[np.nan] * 3])])
def test_no_agreement_where_labels_say_nothing(label_N: np.ndarray) -> None:
    found = agreement(np.linspace(0, 1, 5), label_N)
    assert found.pearson is None
    assert found.ccc is None


def test_a_constant_prediction_agrees_with_nothing() -> None:
    assert agreement(np.zeros(3), np.array([1.0, 2.0, 3.0])).pearson == 0.0


def test_groups_by_name_leave_out_the_nameless() -> None:
    clips = [clip(sex="f"), clip(sex="m"), clip(sex="")]
    groups = measure_groups(clips, saying("neutral", "anger", "anger"), [c.sex for c in clips])
    assert {name: figures.uar for name, figures in groups.items()} == {"f": 1.0, "m": 0.0}


def test_cooling_changes_confidence_and_never_the_answer() -> None:
    predictions = saying("anger", "sadness", confidence=0.6)
    cooled = predictions.cooled(3.0)
    assert np.allclose(cooled.emotion_NE.sum(1), 1)
    assert (cooled.confidence_N < predictions.confidence_N).all()
    assert (cooled.emotion_NE.argmax(1) == predictions.emotion_NE.argmax(1)).all()


def test_joined_predictions_stand_one_after_another() -> None:
    both = joined([saying("anger"), saying("sadness", "neutral")])
    assert both.emotion_NE.argmax(1).tolist() == [0, 3, 2]
    assert both.of(np.array([2])).emotion_NE.argmax(1).tolist() == [2]


def test_the_region_with_most_speech_stands_for_its_clip() -> None:
    features_NF = np.zeros((4, 88), np.float32)
    whole_N = np.array([False, True, True, True])
    first = Pieces(features_NF, np.array([9.0, 1.0, 3.0, 2.0]), whole_N)
    second = Pieces(features_NF[:1], np.array([0.5]), np.array([True]))
    assert longest_regions(stack([clip(), clip()], [first, second])).tolist() == [2, 4]


def test_selection_weighs_recall_and_the_correlations_that_are_known() -> None:
    unlabelled = measure([clip(emotion="anger"), clip(emotion="sadness")], saying("anger", "anger"))
    assert selection_score(unlabelled) == pytest.approx(0.5)
    labelled = [clip(emotion="anger", activation=1.0 + row) for row in range(4)]
    assert selection_score(measure(labelled, saying(*["anger"] * 4))) == pytest.approx(1.5)
