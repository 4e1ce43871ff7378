from math import isnan
from pathlib import Path

import pytest

from cmlstream.trainer.readers.improv import MspImprov
from tests.trainer.readers.trees import plant, plant_improv


def test_turns_have_their_speakers_class_and_means_with_activation_turned_round(tmp_path: Path) -> None:
    findings = MspImprov().read(plant_improv(tmp_path))
    found = {one.path.stem[len("MSP-IMPROV-") :]: one for one in findings.recordings}
    neutral = found["S01A-F01-P-FM01"]
    assert (neutral.speaker, neutral.sex, neutral.emotion, neutral.text) == ("F01", "f", "neutral", "")
    assert (neutral.activation, neutral.valence, neutral.dominance) == (2.5, 3.2, 2.8)
    angry = found["S01A-F01-R-FF01"]
    assert (angry.emotion, angry.text) == ("anger", "S01")
    assert angry.activation == pytest.approx(4.8)


def test_without_agreement_or_mean_the_rest_is_kept(tmp_path: Path) -> None:
    findings = MspImprov().read(plant_improv(tmp_path))
    (undecided,) = [one for one in findings.recordings if one.speaker == "M01"]
    assert (undecided.emotion, undecided.activation) == ("", 4.0)
    assert isnan(undecided.valence)
    assert isnan(undecided.dominance)
    assert findings.incomplete == ()


def test_what_nobody_judged_or_is_named_otherwise_is_told(tmp_path: Path) -> None:
    plant(plant_improv(tmp_path), "stray.wav", "again/MSP-IMPROV-S01A-F01-P-FM01.wav")
    findings = MspImprov().read(tmp_path)
    assert {oddity.path.name for oddity in findings.skipped} == {
        "MSP-IMPROV-S01A-F01-T-FM09.wav",
        "MSP-IMPROV-S01A-F01-P-FM01.wav",
        "stray.wav",
    }
    assert len(findings.recordings) == 3


def test_the_other_spelling_of_its_evaluation(tmp_path: Path) -> None:
    (plant_improv(tmp_path) / "Evalution.txt").rename(tmp_path / "Evaluation.txt")
    assert len(MspImprov().read(tmp_path).recordings) == 3
