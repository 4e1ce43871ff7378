import numpy as np
import pytest

from cmlstream.models.contract import EMOTIONS
from cmlstream.trainer.evaluation import (
    Predictions,
    joined,
    longest_regions,
    measure,
    measure_groups,
    selection_score,
)
from cmlstream.trainer.figures import Agreement
from cmlstream.trainer.pieces import Pieces
from cmlstream.trainer.table import stack
from tests.trainer.by_the_book import concordance
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
    assert figures.confusion["anger"] == {"anger": 2, "happiness": 0, "neutral": 0, "sadness": 1}
    assert list(figures.confusion) == ["anger", "sadness"]


def test_confidence_is_held_against_being_right() -> None:
    clips = [clip(emotion="anger")] * 20
    sure, unsure = saying(*["anger"] * 10, confidence=0.9), saying(*["sadness"] * 10, confidence=0.6)
    figures = measure(clips, joined([unsure, sure]))
    assert figures.ece == pytest.approx(0.5 * 0.1 + 0.5 * 0.6)
    assert figures.auroc == 1.0
    assert [each.n for each in figures.calibration] == [2] * 10
    assert figures.calibration[0].confidence == pytest.approx(0.6)
    assert [each.accuracy for each in figures.calibration] == [0.0] * 5 + [1.0] * 5


def test_classes_the_model_does_not_know_are_left_out_of_recall() -> None:
    figures = measure([clip(emotion="calm"), clip(emotion="anger")], saying("anger", "anger"))
    assert figures.n == 2
    assert figures.uar == figures.wa == 1.0


def test_without_any_known_class_there_is_no_recall() -> None:
    figures = measure([clip(emotion="calm", activation=2.0)], saying("anger"))
    assert figures.uar is None
    assert figures.ece is None
    assert figures.recall == {}


def test_agreement_is_with_the_labels_as_published() -> None:
    label_N, predicted_N = np.array([1.0, 2.0, 4.0, 5.0, np.nan]), np.array([-0.9, -0.4, 0.2, 0.9, 0.0])
    clips = [clip(f"s{row}", activation=label) for row, label in enumerate(label_N)]
    figures = measure(clips, Predictions(predicted_N, predicted_N, saying(*["anger"] * 5).emotion_NE))
    assert (figures.activation.n, figures.activation.speakers) == (4, 4)
    published_N = (label_N[:4] - 3) / 2
    assert figures.activation.pearson == pytest.approx(np.corrcoef(predicted_N[:4], published_N)[0, 1])
    assert figures.activation.spearman == 1.0
    assert figures.activation.ccc == pytest.approx(concordance(predicted_N[:4], published_N))
    assert figures.valence == Agreement(n=0, speakers=0, pearson=None, spearman=None, ccc=None)


def test_a_plain_measurement_has_no_intervals() -> None:
    figures = measure([clip("a"), clip("b")], saying("anger", "neutral"))
    assert figures.uar == 0.5
    assert figures.uar_interval is None
    assert figures.recall_interval == {}


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
