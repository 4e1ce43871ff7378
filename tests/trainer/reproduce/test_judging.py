from dataclasses import replace

import numpy as np
import pytest

from cmlstream.trainer.evaluation import Predictions
from cmlstream.trainer.manifest import Clip
from cmlstream.trainer.reproduce.judging import TOGETHER, calibrated, judge, together
from cmlstream.trainer.reproduce.networks import Measured, Subject
from cmlstream.trainer.reproduce.ours import OURS, Heard
from cmlstream.trainer.reproduce.protocol import SEEDS, Protocol, Split, all_splits
from cmlstream.trainer.reproduce.records import EACH_IN_TURN
from cmlstream.trainer.table import Normalisation
from tests.trainer.reproduce.languages import clips

CLIPS = clips(takes=8)
SPLITS = {split.name: split for split in all_splits(CLIPS) if split.name.startswith("all")}
SURE, UNSURE = 0.97, 0.4


def answers(split: Split, confidence: float, right_share: float, seed: int = SEEDS[0]) -> Predictions:
    """Answers of one confidence, of which so many are right."""
    generator = np.random.default_rng(seed)
    truth_T = np.array([max(CLIPS[number].emotion_number, 0) for number in split.tested])
    wrong_T = generator.random(len(truth_T)) >= right_share
    named_T = (truth_T + wrong_T * generator.integers(1, 4, len(truth_T))) % 4
    emotion_TE = np.full((len(truth_T), 4), (1 - confidence) / 3)
    emotion_TE[np.arange(len(truth_T)), named_T] = confidence
    value_T = generator.normal(size=len(truth_T))
    return Predictions(value_T, -value_T, emotion_TE)


def heard(
    name: str,
    confidence: float = SURE,
    right_share: float = 0.6,
    seed: int = SEEDS[0],
    normalisation: Normalisation = Normalisation.CAUSAL,
) -> Heard:
    split = SPLITS[name]
    subject = Subject(OURS, split.protocol, normalisation, name, seed)
    return Heard(subject, Normalisation.CAUSAL, split, answers(split, confidence, right_share, seed))


def confidence_of(name: str, found: list[Heard], clips: tuple[Clip, ...] = CLIPS) -> float:
    (one,) = [one for one in found if one.subject.trained_on == name]
    return float(calibrated(clips, one, found).predictions.confidence_N[0])


def test_a_language_is_calibrated_by_the_others() -> None:
    boasting = [heard("all but de"), heard("all but en", right_share=0.5)]
    modest = [heard("all but de"), heard("all but en", confidence=UNSURE, right_share=0.9)]
    assert confidence_of("all but de", boasting) < 0.7
    assert confidence_of("all but de", modest) > 0.98
    itself_otherwise = [heard("all but de", right_share=0.1), boasting[1]]
    assert confidence_of("all but de", itself_otherwise) == confidence_of("all but de", boasting)


def test_a_transfer_language_is_calibrated_by_source_languages_and_calibrates_nothing() -> None:
    found = [heard("all but de"), heard("all but en"), heard("all", right_share=0.1)]
    assert confidence_of("all", found) == pytest.approx(0.6, abs=0.08)
    assert confidence_of("all but de", found) == confidence_of("all but de", found[:2])
    others = tuple(replace(clip, emotion="anger") if clip.role == "transfer" else clip for clip in CLIPS)
    assert confidence_of("all", found, others) == confidence_of("all", found)


def test_what_is_measured_otherwise_than_trained_keeps_the_temperature_of_training() -> None:
    otherwise = heard("all but de", normalisation=Normalisation.NONE)
    others = [heard("all but en"), heard("all but en", right_share=0.2, normalisation=Normalisation.NONE)]
    expected = calibrated(CLIPS, heard("all but de"), others[:1])
    found = calibrated(CLIPS, otherwise, others)
    np.testing.assert_array_equal(found.predictions.emotion_NE, expected.predictions.emotion_NE)


def test_without_another_language_confidence_is_not_judged() -> None:
    (measured,) = [one for one in judge(CLIPS, [heard("all")]) if one.subject.method == OURS]
    for score in measured.scores:
        assert score.uar is not None
        assert score.ece is score.auroc is score.chance_ece is None


def test_seeds_together_say_the_mean() -> None:
    found = [heard("all but de", seed=seed) for seed in SEEDS]
    found += [heard("all but de", normalisation=Normalisation.NONE)]
    (one,) = together(found)
    assert one.subject.method == TOGETHER
    for name in ("activation_N", "valence_N", "emotion_NE"):
        mean = np.mean([getattr(each.predictions, name) for each in found[:-1]], axis=0)
        np.testing.assert_allclose(getattr(one.predictions, name), mean)


def subject_of(measured: list[Measured], trained_on: str) -> Measured:
    (one,) = [one for one in measured if one.subject.trained_on == trained_on and one.subject.method == OURS]
    return one


def test_languages_are_scored_each_and_all_left_out_together() -> None:
    measured = list(
        judge(CLIPS, [heard("all but de", right_share=1.0), heard("all but en", right_share=0.0)])
    )
    assert [score.language for score in subject_of(measured, "all but de").scores] == ["all", "de"]
    assert [subject_of(measured, f"all but {name}").scores[0].uar for name in ("de", "en")] == [1.0, 0.0]
    (score,) = subject_of(measured, EACH_IN_TURN).scores
    assert score.language == "all"
    assert score.uar == pytest.approx(0.5, abs=0.05)
    assert score.activation is not None
    assert {one.subject.protocol for one in measured} == {Protocol.LEAVE_ONE_OUT}


def test_true_probabilities_show_the_calibration_error_of_chance() -> None:
    """Over many draws of which answers are right, at the confidence that they have."""
    errors, expected = [], []
    for seed in range(16):
        found = [heard("all but de", 0.6, 0.6, seed), heard("all but en", 0.6, 0.6, seed)]
        (score,) = subject_of(list(judge(CLIPS, found)), EACH_IN_TURN).scores
        errors.append(score.ece)
        expected.append(score.chance_ece)
    assert np.mean(errors) == pytest.approx(np.mean(expected), rel=0.15)
