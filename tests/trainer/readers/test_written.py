import os
from dataclasses import replace
from pathlib import Path

import pytest

from cmlstream.models.errors import ConfigurationError, CorpusError
from cmlstream.trainer.manifest import read_manifest
from cmlstream.trainer.readers.base import Recording
from cmlstream.trainer.readers.written import lines_of, measure, read_lines, write
from tests.trainer.readers.trees import plant

HOSTILE = (" blank/a.wav", 'quo"te, comma/a.wav', "Colère/naïve ü.wav", "new\nline/a.wav", "-o/a.wav")


def recordings(folder: Path, *names: str) -> list[Recording]:
    plant(folder, *names)
    return [Recording(folder / name, "s1", "f", "", "anger", 4.25, 2.0) for name in names]


def written(manifest: Path, found: list[Recording], corpus: str = "mine") -> None:
    write(lines_of(measure(found)[0], corpus, "de", "source", manifest), manifest)


def test_a_manifest_says_what_was_found_with_paths_relative_to_it(tmp_path: Path) -> None:
    manifest = tmp_path / "lists" / "manifest.csv"
    manifest.parent.mkdir()
    written(manifest, recordings(tmp_path, "corpus/a.wav"))
    assert manifest.read_text() == (
        "path,corpus,language,role,speaker,sex,text,emotion,activation,valence,duration_s\n"
        "../corpus/a.wav,mine,de,source,mine/s1,f,,anger,4.25,2,0.100\n"
    )
    (clip,) = read_manifest(manifest)
    assert (clip.speaker, clip.activation) == ("mine/s1", 4.25)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_survive(tmp_path: Path, name: str) -> None:
    manifest = tmp_path / "manifest.csv"
    written(manifest, recordings(tmp_path, name))
    assert [clip.path for clip in read_manifest(manifest)] == [tmp_path / name]


def test_a_manifest_in_a_folder_that_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "near").symlink_to(tmp_path / "far" / "away")
    written(tmp_path / "near" / "manifest.csv", recordings(tmp_path, "a.wav"))
    assert [clip.path.name for clip in read_manifest(tmp_path / "near" / "manifest.csv")] == ["a.wav"]


def test_dominance_has_a_column_where_there_is_some(tmp_path: Path) -> None:
    found = [replace(one, dominance=3.5) for one in recordings(tmp_path, "a.wav")]
    written(tmp_path / "manifest.csv", found)
    header, line = (tmp_path / "manifest.csv").read_text().splitlines()
    assert header.endswith(",dominance")
    assert line.endswith(",3.5")
    assert read_manifest(tmp_path / "manifest.csv")


def test_files_that_no_audio_can_be_had_from_are_told(tmp_path: Path) -> None:
    found = recordings(tmp_path, "a.wav", "empty.wav", "text.wav", "gone.wav")
    undecodable = Recording(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.wav")), "s1", "f", "", "anger")
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("no audio")
    (tmp_path / "gone.wav").unlink()
    measured, unusable = measure([*found, undecodable])
    assert [(one.recording.path.name, one.duration_s) for one in measured] == [("a.wav", 0.1)]
    assert [oddity.path.name for oddity in unusable[:3]] == ["empty.wav", "text.wav", "gone.wav"]
    assert "not UTF-8" in unusable[3].reason


def test_lines_are_read_back_and_kept(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    written(manifest, recordings(tmp_path, *HOSTILE))
    before = manifest.read_text()
    write(read_lines(manifest), manifest)
    assert manifest.read_text() == before


def test_a_recording_twice_is_refused_and_the_manifest_stays(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    found = recordings(tmp_path, "a.wav", "b.wav")
    written(manifest, found[:1])
    before = manifest.read_text()
    again = lines_of(measure(found)[0], "mine", "de", "source", manifest)
    with pytest.raises(CorpusError, match=r"1 of the recordings are in .*manifest\.csv already"):
        write([*read_lines(manifest), *again], manifest)
    assert manifest.read_text() == before


def test_what_would_be_no_manifest_is_not_written(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    lines = lines_of(measure(recordings(tmp_path, "a.wav", "b.wav"))[0], "mine", "de", "source", manifest)
    with pytest.raises(CorpusError, match=r"more than one language in .*manifest\.csv:"):
        write([lines[0], replace(lines[1], language="pl")], manifest)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", "b.wav"]


def test_a_column_that_would_be_lost(tmp_path: Path) -> None:
    plant(tmp_path, "a.wav")
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("path,speaker,emotion,remark\na.wav,s1,anger,loud\n")
    with pytest.raises(CorpusError, match="column `remark`"):
        read_lines(manifest)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").mkdir()
    with pytest.raises(ConfigurationError, match=r"manifest\.csv cannot be written .*: name another -o"):
        written(tmp_path / "manifest.csv", recordings(tmp_path, "a.wav"))
