from pathlib import Path

import pytest

from cmlstream.trainer.readers.crema import DEMOGRAPHICS, CremaD
from tests.trainer.readers.trees import plant

TABLE = (
    "ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,Caucasian,Not Hispanic\n1002,21,Female,Asian,Not Hispanic\n"
)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    names = ("1001_DFA_ANG_XX.wav", "1002_IEO_HAP_HI.wav", "1003_IEO_SAD_LO.wav")
    return plant(tmp_path, *(f"AudioWAV/{name}" for name in names))


@pytest.mark.parametrize("folder", [".", "AudioWAV"])
def test_the_table_of_actors_tells_their_sex(corpus: Path, folder: str) -> None:
    (corpus / DEMOGRAPHICS).write_text(TABLE)
    findings = CremaD().read(corpus / folder)
    assert [found.sex for found in findings.recordings] == ["m", "f", ""]
    assert findings.incomplete == ()


@pytest.mark.parametrize(
    "content", [b"", b"Actor,Gender\n1001,Male\n", b"\xff\xfe\x00", b'ActorID,Sex\n1001,"Ma']
)
def test_a_damaged_table_of_actors_is_told_and_not_fatal(corpus: Path, content: bytes) -> None:
    (corpus / DEMOGRAPHICS).write_bytes(content)
    findings = CremaD().read(corpus)
    assert [found.sex for found in findings.recordings] == ["", "", ""]
    (oddity,) = findings.incomplete
    assert oddity.path == corpus / DEMOGRAPHICS
