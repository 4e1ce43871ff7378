from math import isnan
from pathlib import Path

import pytest

from cmlstream.models.errors import CorpusError
from cmlstream.trainer.readers.base import Recording
from cmlstream.trainer.readers.labels import Joined, join, read_labels

RECORDINGS = [
    Recording(Path("/corpus") / name, "1", "f", "", "anger", activation=3.0)
    for name in ("DC/a01.wav", "JE/a01.wav", "JE/a 02 (1).WAV", "JE/v1.2.flac")
]


def labels(folder: Path, *lines: str, header: str = "file,activation,valence") -> Path:
    path = folder / "labels.csv"
    path.write_text("\n".join((header, *lines, "")))
    return path


def joined(path: Path) -> Joined:
    return join(path, read_labels(path), RECORDINGS)


def refused(path: Path) -> str:
    with pytest.raises(CorpusError) as caught:
        joined(path)
    return str(caught.value)


@pytest.mark.parametrize("name", ["a 02 (1)", "a 02 (1).wav", "JE/a 02 (1).WAV", "JE\\a 02 (1).flac"])
def test_a_label_finds_its_file_with_or_without_ending_and_folder(tmp_path: Path, name: str) -> None:
    found = joined(labels(tmp_path, f"{name},4.5,1"))
    assert (found.recordings[2].activation, found.recordings[2].valence) == (4.5, 1.0)
    assert (found.labelled, found.files_without_label, found.labels_without_file) == (1, 3, ())


def test_a_point_in_a_name_is_no_ending(tmp_path: Path) -> None:
    assert joined(labels(tmp_path, "v1.2,2,2")).recordings[3].activation == 2.0


def test_folders_tell_files_of_one_name_apart(tmp_path: Path) -> None:
    found = joined(labels(tmp_path, "DC/a01,1,1", "JE/a01,5,5"))
    assert [one.activation for one in found.recordings[:2]] == [1.0, 5.0]
    assert "2 recordings are named a01" in refused(labels(tmp_path, "a01,1,1"))
    assert joined(labels(tmp_path, "C/a01,1,1")).labels_without_file == ("C/a01",)


def test_labels_replace_the_corpus_own_and_leave_those_of_other_files(tmp_path: Path) -> None:
    found = joined(labels(tmp_path, "v1.2,,2"))
    assert isnan(found.recordings[3].activation)
    assert found.recordings[0].activation == 3.0


def test_what_matches_nothing_is_counted(tmp_path: Path) -> None:
    found = joined(labels(tmp_path, "gone.wav,2,2", "v1.2,2,2"))
    assert found.labels_without_file == ("gone",)
    assert found.files_without_label == 3


@pytest.mark.parametrize("header", ["Filename,Arousal,Valence", " path , activation , valence "])
def test_other_names_of_columns(tmp_path: Path, header: str) -> None:
    assert joined(labels(tmp_path, "v1.2,4,2", header=header)).recordings[3].activation == 4.0


def test_columns_in_another_order_and_more_of_them(tmp_path: Path) -> None:
    found = joined(labels(tmp_path, "2,x,v1.2,4", header="valence,notes,name,activation"))
    assert (found.recordings[3].activation, found.recordings[3].valence) == (4.0, 2.0)


@pytest.mark.parametrize("second", ["v1.2,2,2", "v1.2.wav,4,4", "JE/v1.2,2,2"])
def test_two_labels_of_one_file(tmp_path: Path, second: str) -> None:
    assert "Lines 2 and 3" in refused(labels(tmp_path, "v1.2,2,2", second))


@pytest.mark.parametrize("value", ["0.9", "5.1", "nan", "high", "inf"])
def test_a_value_that_is_none_of_the_scale(tmp_path: Path, value: str) -> None:
    assert f"Line 2 of {tmp_path}/labels.csv: valence `{value}` is no number from 1 to 5" in refused(
        labels(tmp_path, f"v1.2,2,{value}")
    )


def test_a_line_without_name(tmp_path: Path) -> None:
    assert "Line 2" in refused(labels(tmp_path, ",2,2"))


def test_a_missing_column(tmp_path: Path) -> None:
    sentence = refused(labels(tmp_path, "v1.2,2", header="file,valence"))
    assert "have no column `activation` or `arousal`" in sentence


def test_a_missing_file(tmp_path: Path) -> None:
    assert "cannot be read" in refused(tmp_path / "absent.csv")
