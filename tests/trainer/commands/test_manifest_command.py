import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cmlstream.trainer.cli import main
from cmlstream.trainer.manifest import read_manifest
from cmlstream.trainer.readers.known import READERS
from tests.trainer.readers.trees import plant, plant_iemocap, plant_improv

EMODB = ("wav/03a01Wa.wav", "wav/16a02Fb.WAV", "wav/08 a.wav", "wav/._03a01Wa.wav", "doc/readme.wav")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["manifest", *map(str, arguments)])


def refused(*arguments: object) -> str:
    finished = run(*arguments)
    assert isinstance(finished.exception, SystemExit)
    assert finished.exit_code == 2
    assert finished.stdout == ""
    return finished.stderr


def test_a_folder_becomes_a_manifest_that_training_reads(tmp_path: Path) -> None:
    output = tmp_path / "lists" / "manifest.csv"
    finished = run("emodb", plant(tmp_path / "emodb", *EMODB), "-o", output, "--role", "transfer")
    assert finished.exit_code == 0, finished.stderr
    assert finished.stdout == ""
    assert "2 clips of emodb by 2 speakers (1 female, 1 male): 1 anger, 1 happiness" in finished.stderr
    clips = read_manifest(output)
    assert [(clip.speaker, clip.sex, clip.emotion, clip.role) for clip in clips] == [
        ("emodb/03", "m", "anger", "transfer"),
        ("emodb/16", "f", "happiness", "transfer"),
    ]


def test_what_was_not_understood_is_told_in_short_or_in_full(tmp_path: Path) -> None:
    plant(tmp_path, *EMODB, *(f"stray {number}.wav" for number in range(9)))
    short = run("emodb", tmp_path, "-o", tmp_path / "manifest.csv").stderr
    assert "11 files not understood:" in short
    assert "  stray 0.wav: its name follows another convention\n" in short
    assert "and 6 more, which --verbose names" in short
    full = run("emodb", tmp_path, "-o", tmp_path / "manifest.csv", "--verbose").stderr
    assert "  doc/readme.wav: " in full
    assert full.count("its name follows another convention") == 11
    assert "more" not in full


def test_a_broken_recording_is_told_and_left_out(tmp_path: Path) -> None:
    (plant(tmp_path, *EMODB) / EMODB[0]).write_bytes(b"RIFF")
    finished = run("emodb", tmp_path, "-o", tmp_path / "manifest.csv")
    assert finished.exit_code == 0
    assert "wav/03a01Wa.wav: it cannot be opened as audio" in finished.stderr
    assert len(read_manifest(tmp_path / "manifest.csv")) == 1


@pytest.mark.parametrize("reader", sorted(set(READERS) - {"audformat"}))
def test_a_folder_in_which_nothing_is_understood_names_what_is_expected(tmp_path: Path, reader: str) -> None:
    sentence = refused(reader, plant(tmp_path, "hello.wav"), "-o", tmp_path / "manifest.csv")
    assert f"{reader} expects {READERS[reader].convention}." in sentence
    assert not (tmp_path / "manifest.csv").exists()


def test_labels_join_by_name_and_both_sides_are_counted(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,activation,valence\n03a01Wa,4.5,1.5\ngone.wav,3,3\n")
    output = tmp_path / "manifest.csv"
    finished = run("emodb", plant(tmp_path, *EMODB), "-o", output, "--labels", tmp_path / "labels.csv")
    assert finished.exit_code == 0, finished.stderr
    assert "Labels: 1 files have one, 1 have none" in finished.stderr
    assert "Labels that match no file: 1 (gone)" in finished.stderr
    assert read_manifest(output)[0].activation == 4.5


def test_labels_upside_down_are_told(tmp_path: Path) -> None:
    plant(tmp_path, "03a01Wa.wav", "03a01Ta.wav")
    (tmp_path / "labels.csv").write_text("file,arousal,valence\n03a01Wa,1,2\n03a01Ta,4,2\n")
    finished = run("emodb", tmp_path, "-o", tmp_path / "manifest.csv", "--labels", tmp_path / "labels.csv")
    assert finished.exit_code == 0
    assert "Look at the labels: anger is labelled calmer than sadness" in finished.stderr


def test_corpora_gather_in_one_manifest(tmp_path: Path) -> None:
    output = tmp_path / "manifest.csv"
    for reader, folder in (
        ("emodb", plant(tmp_path / "emodb", *EMODB)),
        ("iemocap", plant_iemocap(tmp_path / "iemocap")),
        ("msp_improv", plant_improv(tmp_path / "improv")),
    ):
        finished = run(reader, folder, "-o", output, "--append")
        assert finished.exit_code == 0, finished.stderr
    clips = read_manifest(output)
    assert [clip.corpus for clip in clips] == ["emodb"] * 2 + ["iemocap"] * 5 + ["msp_improv"] * 3
    assert "5 clips of iemocap" not in refused("iemocap", tmp_path / "iemocap", "-o", output, "--append")
    assert read_manifest(output) == clips


def test_without_append_a_manifest_is_replaced(tmp_path: Path) -> None:
    plant(tmp_path, *EMODB)
    for _ in range(2):
        assert run("emodb", tmp_path, "-o", tmp_path / "manifest.csv").exit_code == 0
    assert len(read_manifest(tmp_path / "manifest.csv")) == 2


def test_a_users_mistake_is_one_sentence_and_nothing_is_written(tmp_path: Path) -> None:
    plant(tmp_path / "emodb", *EMODB)
    (tmp_path / "labels.csv").write_text("file,activation,valence\n03a01Wa,9,1.5\n")
    (tmp_path / "old.csv").write_text("path,speaker,emotion\ngone.wav,s1,anger\n")
    good = ("emodb", tmp_path / "emodb", "-o", tmp_path / "manifest.csv")
    for arguments, complaint in (
        (("emodb", tmp_path / "absent", "-o", tmp_path / "manifest.csv"), "absent cannot be listed"),
        ((*good, "--labels", tmp_path / "absent.csv"), "absent.csv cannot be read"),
        ((*good, "--labels", tmp_path / "labels.csv"), "activation `9`"),
        (
            ("emodb", tmp_path / "emodb", "-o", "/proc/nowhere/manifest.csv"),
            "/proc/nowhere/manifest.csv cannot",
        ),
        (("emodb", tmp_path / "emodb", "-o", tmp_path / "old.csv", "--append"), "gone.wav"),
        (("audformat", tmp_path / "emodb", "-o", tmp_path / "manifest.csv"), "db.yaml cannot be read"),
        (("radio", tmp_path / "emodb", "-o", tmp_path / "manifest.csv"), "'radio' is not one of"),
        ((*good, "--role", "test"), "'test' is not one of"),
    ):
        assert complaint in refused(*arguments)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["emodb", "labels.csv", "old.csv"]


def test_the_console_of_a_terminal_is_not_sent_what_names_hold(tmp_path: Path) -> None:
    plant(tmp_path, "03a01Wa.wav", "\x1b[2Jcleared.wav")
    (tmp_path / "labels.csv").write_text("file,activation,valence\n\x1b[2J,3,3\n")
    told = run("emodb", tmp_path, "-o", tmp_path / "manifest.csv", "--labels", tmp_path / "labels.csv").stderr
    assert "\\x1b[2Jcleared.wav" in told
    assert "\x1b" not in told


def test_names_that_are_no_text_are_told_where_standard_error_is_ascii(tmp_path: Path) -> None:
    plant(tmp_path, "03a01Wa.wav", "Colère.wav")
    (tmp_path / "Colère.wav").rename(tmp_path / b"\xff.wav".decode("utf-8", "surrogateescape"))
    program = "from cmlstream.trainer.cli import main; main()"
    command = [sys.executable, "-W", "error", "-c", program, "manifest", "emodb", tmp_path]
    finished = subprocess.run(
        [*command, "-o", tmp_path / "manifest.csv"],
        capture_output=True,
        check=False,
        env={"PYTHONIOENCODING": "ascii", "PATH": ""},
    )
    assert finished.returncode == 0, finished.stderr
    assert b"\\udcff.wav" in finished.stderr


@pytest.mark.corpora
def test_a_real_corpus(corpora: Path, tmp_path: Path) -> None:
    finished = run(
        "emodb", corpora / "emodb", "-o", tmp_path / "manifest.csv", "--labels", labels(corpora, tmp_path)
    )
    assert finished.exit_code == 0, finished.stderr
    published = {clip.path: clip for clip in read_manifest(corpora / "manifest.csv")}
    found = {clip.path: clip for clip in read_manifest(tmp_path / "manifest.csv")}
    assert len(found) == 535
    for path, clip in found.items():
        assert clip == published[path], path.name
    assert "not understood" not in finished.stderr
    assert "Look at the labels" not in finished.stderr


def labels(corpora: Path, folder: Path) -> Path:
    """What the published manifest has of labels, as a file of labels."""
    lines = [
        f"{clip.path.name},{clip.activation},{clip.valence}"
        for clip in read_manifest(corpora / "manifest.csv")
        if clip.corpus == "emodb"
    ]
    (folder / "labels.csv").write_text("\n".join(("file,activation,valence", *lines)))
    return folder / "labels.csv"
