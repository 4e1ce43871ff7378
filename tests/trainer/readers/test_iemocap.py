from math import isnan
from pathlib import Path

from cmlstream.trainer.readers.iemocap import Iemocap
from tests.trainer.readers.trees import EVALUATION, plant, plant_iemocap


def test_utterances_have_their_speakers_class_and_means(tmp_path: Path) -> None:
    found = {one.path.stem: one for one in Iemocap().read(plant_iemocap(tmp_path)).recordings}
    neutral = found["Ses01F_impro01_F000"]
    assert (neutral.speaker, neutral.sex, neutral.emotion) == ("Ses01F", "f", "neutral")
    assert (neutral.valence, neutral.activation, neutral.dominance) == (2.5, 2.0, 3.5)
    assert found["Ses01F_impro01_F001"].emotion == "excitement"
    assert found["Ses01F_impro01_M001"].emotion == "frustration"


def test_the_last_letter_tells_who_speaks_and_not_who_wore_the_markers(tmp_path: Path) -> None:
    found = {one.path.stem: one for one in Iemocap().read(plant_iemocap(tmp_path)).recordings}
    assert found["Ses01F_impro01_M000"].speaker == "Ses01M"
    assert found["Ses01M_script03_2b_F007"].speaker == "Ses01F"


def test_where_judges_did_not_agree_the_means_stay(tmp_path: Path) -> None:
    found = {one.path.stem: one for one in Iemocap().read(plant_iemocap(tmp_path)).recordings}
    assert found["Ses01F_impro01_M000"].emotion == ""
    assert found["Ses01F_impro01_M000"].activation == 3.0


def test_a_mean_off_the_scale_is_left_out_and_told(tmp_path: Path) -> None:
    findings = Iemocap().read(plant_iemocap(tmp_path))
    found = {one.path.stem: one for one in findings.recordings}
    angry = found["Ses01M_script03_2b_F007"]
    assert isnan(angry.valence)
    assert angry.activation == 4.5
    assert isnan(found["Ses01F_impro01_M000"].dominance)
    assert {oddity.reason.split(" is ")[0] for oddity in findings.incomplete} == {
        "a judgement of 5.5",
        "a judgement of 0.5",
    }


def test_what_nobody_judged_is_told_and_whole_dialogues_are_not_looked_for(tmp_path: Path) -> None:
    plant(plant_iemocap(tmp_path), "Session1/sentences/wav/stray.wav")
    skipped = {oddity.path.name: oddity.reason for oddity in Iemocap().read(tmp_path).skipped}
    assert skipped.keys() == {"Ses01F_impro01_M002.wav", "stray.wav"}
    assert skipped["Ses01F_impro01_M002.wav"] == "no evaluation names it"


def test_judgements_of_single_judges_in_folders_below_are_not_read(tmp_path: Path) -> None:
    plant_iemocap(tmp_path)
    single = tmp_path / EVALUATION.replace("EmoEvaluation", "EmoEvaluation/Categorical")
    single.parent.mkdir()
    single.write_text("[1.0 - 2.0]\tSes01F_impro01_M002\tang\t[1.0, 1.0, 1.0]\n")
    assert "Ses01F_impro01_M002" not in {one.path.stem for one in Iemocap().read(tmp_path).recordings}


def test_a_damaged_evaluation_is_not_fatal(tmp_path: Path) -> None:
    plant_iemocap(tmp_path)
    (tmp_path / EVALUATION).with_name("Ses01F_impro02.txt").write_bytes(b"\xff\x00[\n[1.2.3 - ]\tx\n")
    (tmp_path / EVALUATION).with_name("Ses01F_impro03.txt").symlink_to("nowhere")
    assert len(Iemocap().read(tmp_path).recordings) == 5
