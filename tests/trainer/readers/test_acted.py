import csv
from pathlib import Path

import pytest

from cmlstream.trainer.readers.known import READERS
from tests.trainer.readers.trees import plant

# corpus, path, speaker, sex, text, emotion
NAMES = [
    ("aesdd", "anger/a03 (4).wav", "4", "", "03", "anger"),
    ("aesdd", "fear/f18 (5)b.wav", "5", "", "18", "fear"),
    ("cafe", "Colère/Fort/01-C-2-1.wav", "01", "m", "1", "anger"),
    ("cafe", "Dégoût/Faible/12-D-1-6.aiff", "12", "f", "6", "disgust"),
    ("crema_d", "AudioWAV/1001_DFA_ANG_XX.wav", "1001", "", "DFA", "anger"),
    ("crema_d", "AudioWAV/1040_ITH_SAD_X.wav", "1040", "", "ITH", "sadness"),
    ("emodb", "wav/16a02Wb.wav", "16", "f", "a02", "anger"),
    ("emodb", "wav/03b10Lc.wav", "03", "m", "b10", "boredom"),
    ("emovo", "f1/dis-f1-b1.wav", "f1", "f", "b1", "disgust"),
    ("emovo", "m3/sor-m3-n5.wav", "m3", "m", "n5", "surprise"),
    ("nemo", "samples/KS0_surprised_12.wav", "KS0", "m", "12", "surprise"),
    ("nemo", "samples/EB0_anger_1.wav", "EB0", "f", "1", "anger"),
    ("ravdess", "Actor_12/03-01-02-01-02-01-12.wav", "12", "f", "02", "calm"),
    ("ravdess", "Actor_01/03-01-08-02-01-02-01.wav", "01", "m", "01", "surprise"),
    ("savee", "AudioData/DC/sa01.wav", "DC", "m", "01", "sadness"),
    ("savee", "ALL/KL_su15.wav", "KL", "m", "15", "surprise"),
    ("tess", "OAF_angry/OAF_back_angry.wav", "OA", "f", "back", "anger"),
    ("tess", "YAF_pleasant_surprised/YAF_bite_ps.wav", "YA", "f", "bite", "surprise"),
    ("tess", "OAF_neutral/OA_bite_neutral.wav", "OA", "f", "bite", "neutral"),
    ("urdu", "Angry/SM1_F1_A01.wav", "M1", "m", "", "anger"),
    ("urdu", "Sad/SF10_F12_S026.wav", "F10", "f", "", "sadness"),
]


@pytest.mark.parametrize(("corpus", "name", "speaker", "sex", "text", "emotion"), NAMES)
def test_a_name_tells_all(
    tmp_path: Path, corpus: str, name: str, speaker: str, sex: str, text: str, emotion: str
) -> None:
    findings = READERS[corpus].read(plant(tmp_path, name))
    (found,) = findings.recordings
    assert (found.speaker, found.sex, found.text, found.emotion) == (speaker, sex, text, emotion)
    assert found.path == tmp_path / name
    assert findings.corpus == corpus
    assert findings.skipped == ()


STRANGERS = [
    ("aesdd", "anger/a03.wav"),
    ("cafe", "01-X-1-1.wav"),
    ("crema_d", "1001_DFA_ANG.wav"),
    ("emodb", "16a02Xb.wav"),
    ("emodb", "17a02Wb.wav"),
    ("emodb", "copy of 16a02Wb.wav"),
    ("emovo", "dis-x1-b1.wav"),
    ("nemo", "XX0_anger_1.wav"),
    ("ravdess", "03-02-02-01-02-01-12.wav"),  # song
    ("ravdess", "03-01-09-01-02-01-12.wav"),
    ("ravdess", "03-01-02-01-02-01-25.wav"),
    ("savee", "XX/a01.wav"),
    ("tess", "OAF_back_Angry.wav"),
    ("urdu", "SM1_F1_X01.wav"),
    ("urdu", "SM١_F1_A01.wav"),  # an Arabic digit
]


@pytest.mark.parametrize(("corpus", "name"), STRANGERS)
def test_another_name_is_skipped_and_told(tmp_path: Path, corpus: str, name: str) -> None:
    findings = READERS[corpus].read(plant(tmp_path, name))
    assert findings.recordings == ()
    (oddity,) = findings.skipped
    assert oddity.path == tmp_path / name


def test_speakers_of_savee_may_have_files_of_the_same_name(tmp_path: Path) -> None:
    findings = READERS["savee"].read(plant(tmp_path, "DC/a01.wav", "JE/a01.wav"))
    assert [found.speaker for found in findings.recordings] == ["DC", "JE"]


def test_a_corpus_that_an_archive_holds_twice_is_taken_once(tmp_path: Path) -> None:
    name = "Actor_01/03-01-01-01-01-01-01.wav"
    findings = READERS["ravdess"].read(plant(tmp_path, name, f"copy/{name}"))
    assert [found.path for found in findings.recordings] == [tmp_path / name]
    (oddity,) = findings.skipped
    assert "another file has the same name" in oddity.reason


@pytest.mark.corpora
@pytest.mark.parametrize("corpus", ["emodb", "emovo", "nemo", "ravdess", "urdu"])
def test_names_tell_what_the_published_manifest_tells(corpora: Path, corpus: str) -> None:
    with (corpora / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["corpus"] == corpus]
    findings = READERS[corpus].read(corpora / corpus)
    assert findings.skipped == ()
    told = {
        (f"{corpus}/{found.path.name}", f"{corpus}/{found.speaker}", found.sex, found.text, found.emotion)
        for found in findings.recordings
    }
    assert told == {(row["path"], row["speaker"], row["sex"], row["text"], row["emotion"]) for row in rows}
    assert {findings.language} == {row["language"] for row in rows}
