import os
from pathlib import Path

import pytest

from cmlstream.models.errors import CorpusError
from cmlstream.trainer.readers.files import audio_files, files, printable
from cmlstream.trainer.readers.known import READERS
from tests.trainer.readers.trees import plant


def names(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in audio_files(folder)]


def test_what_is_a_recording_and_what_file_systems_leave_behind(tmp_path: Path) -> None:
    plant(tmp_path, "b/c/two.WAV", "a one.flac", "ü/Ünï.aiff", "._a one.flac", ".trash/x.wav", "notes.txt")
    assert names(tmp_path) == ["a one.flac", "b/c/two.WAV", "ü/Ünï.aiff"]
    assert "notes.txt" in {path.name for path in files(tmp_path)}


def test_links_are_followed_and_circles_are_left(tmp_path: Path) -> None:
    plant(tmp_path, "elsewhere/one.wav", "corpus/two.wav")
    (tmp_path / "corpus" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "corpus")
    assert names(tmp_path / "corpus") == ["two.wav", "more/one.wav"]


def test_a_folder_in_a_recordings_place_is_entered(tmp_path: Path) -> None:
    plant(tmp_path, "odd.wav/one.wav")
    assert names(tmp_path) == ["odd.wav/one.wav"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_below_that_may_not_be_listed_is_not_passed_over(tmp_path: Path) -> None:
    plant(tmp_path, "locked/one.wav")
    (tmp_path / "locked").chmod(0)
    with pytest.raises(CorpusError, match="locked cannot be listed"):
        names(tmp_path)
    (tmp_path / "locked").chmod(0o700)


@pytest.mark.parametrize("reader", sorted(set(READERS) - {"audformat"}))
@pytest.mark.parametrize("name", ["absent", "file"])
def test_no_folder(tmp_path: Path, reader: str, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CorpusError, match=f"{name} cannot be listed .*: name a corpus's folder"):
        READERS[reader].read(tmp_path / name)


def test_what_no_terminal_should_be_sent_is_escaped() -> None:
    assert printable("Colère/a\x1b[2J\n.wav") == "Colère/a\\x1b[2J\\n.wav"
    assert printable(os.fsdecode(b"\xff.wav")) == "\\udcff.wav"
