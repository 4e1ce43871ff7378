"""What is wrong with a manifest is one sentence and exit code 2, before anything is computed or written."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cmlstream.trainer.cli import main

COLUMNS = ("path", "corpus", "role", "speaker", "emotion", "activation")
EMOTIONS = ("anger", "sadness")

Rows = list[list[str]]


def rows(speakers: int = 4, takes: int = 2, emotions: Sequence[str] = EMOTIONS) -> Rows:
    return [
        [f"{speaker}{emotion}{take}.wav", "here", "source", f"s{speaker}", emotion, "3"]
        for speaker in range(speakers)
        for emotion in emotions
        for take in range(takes)
    ]


def with_cell(column: str, text: str, row: int = 1) -> Rows:
    changed = rows()
    changed[row][COLUMNS.index(column)] = text
    return changed


def text_of(lines: Rows, columns: Sequence[str] = COLUMNS, delimiter: str = ",") -> str:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter).writerows([list(columns), *lines])
    return file.getvalue()


def invoke(folder: Path, command: str, content: str | bytes) -> Result:
    (folder / "manifest.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    arguments = [command, str(folder / "manifest.csv"), "--cache", str(folder / "cache")]
    if command == "fit":
        arguments += ["-o", str(folder / "model.pt"), "--checkpoint", str(folder / "checkpoints")]
    return CliRunner().invoke(main, arguments)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for row in rows():
        (tmp_path / row[0]).write_text("never opened: the manifest is refused first")
    return tmp_path


def assert_refused(folder: Path, command: str, content: str | bytes, complaint: str) -> None:
    before = {*folder.iterdir(), folder / "manifest.csv"}
    finished = invoke(folder, command, content)
    assert finished.exit_code == 2, finished.output
    assert finished.stdout == ""
    assert complaint in finished.stderr
    assert finished.stderr.startswith("cmlstream-train: ")
    assert finished.stderr.count("\n") == 1
    assert set(folder.iterdir()) == before


ANYWHERE: dict[str, tuple[str | bytes, str]] = {
    "missing file": (text_of(with_cell("path", "gone.wav")), "1 of 16 files of"),
    "duplicate row": (text_of([*rows(), rows()[0]]), "lists 0anger0.wav more than once"),
    "label that is not a number": (
        text_of(with_cell("activation", "nan")),
        "activation `nan` is not a number",
    ),
    "name that is nan": (text_of(with_cell("emotion", "nan")), "has the emotion `nan`"),
    "label off the scale": (text_of(with_cell("activation", "5.5")), "activation 5.5 is off the scale"),
    "speaker on both sides": (text_of(with_cell("role", "transfer")), "here/s0"),
    "empty file": ("", "is empty"),
    "header only": (text_of([]), "lists no clips"),
    "semicolons": (text_of(rows(), delimiter=";"), "separated by semicolons"),
    "tabs": (text_of(rows(), delimiter="\t"), "separated by tabs"),
    "Latin-1": (text_of(with_cell("speaker", "José")).encode("latin-1"), "it may be Latin-1"),
    "UTF-16": (text_of(rows()).encode("utf-16"), "it looks like UTF-16"),
    "misspelt column": (text_of(rows(), (*COLUMNS[:-1], "activaton")), "is it `activation`?"),
    "no path": (text_of(rows(), ("file", *COLUMNS[1:])), "neither a column `path`"),
    "no label": (text_of([row[:4] for row in rows()], COLUMNS[:4]), "has no label"),
}

FIT: dict[str, tuple[str | bytes, str]] = {
    "one class": (text_of([row for row in rows() if row[4] == "anger"]), "at least two of"),
    "three clips": (text_of([rows()[0], rows()[6], rows()[8]]), "at least 10 clips"),
    "two speakers": (text_of(rows(speakers=2)), "at least 3 speakers"),
    "features that no stream computes": (
        text_of([[*row, str(n)] for n, row in enumerate(rows())], ("file", *COLUMNS[1:], "pitch")),
        "lacking: 88",
    ),
}


@pytest.mark.parametrize("command", ["fit", "evaluate", "features"])
@pytest.mark.parametrize("case", ANYWHERE)
def test_every_command_refuses(folder: Path, command: str, case: str) -> None:
    assert_refused(folder, command, *ANYWHERE[case])


@pytest.mark.parametrize("case", [name for name in FIT if not name.startswith("features")])
def test_fit_refuses(folder: Path, case: str) -> None:
    assert_refused(folder, "fit", *FIT[case])


def test_fit_refuses_features_that_no_stream_computes(folder: Path) -> None:
    finished = invoke(folder, "fit", FIT["features that no stream computes"][0])
    assert finished.exit_code == 2
    assert "lacking: 88" in finished.stderr
    assert not (folder / "model.pt").exists()
    assert not (folder / "checkpoints").exists()


def test_a_byte_order_mark_and_other_columns_are_no_mistakes(folder: Path) -> None:
    content = text_of([[*row, "7", "5"] for row in rows()], (*COLUMNS, "take", "dominance"))
    finished = invoke(folder, "features", b"\xef\xbb\xbf" + content.encode())
    # What is left to complain of is that the files hold no audio.
    assert "None of the 16 clips gave features" in finished.stderr
    assert "that nothing is made of: take\n" in finished.stderr
