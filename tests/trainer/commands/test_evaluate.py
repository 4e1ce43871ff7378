import csv
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cmlstream.models import archive
from cmlstream.models.contract import EMOTIONS
from cmlstream.trainer.cli import main
from tests.trainer.corpus import write_corpus, write_manifest


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of four speakers in four manners, two of them of another corpus."""
    return write_corpus(tmp_path_factory.mktemp("corpus"), speakers=4, takes=1)


def rewritten(corpus: Path, folder: Path, columns: Sequence[str], **cells: object) -> Path:
    """A manifest of the same clips, of these columns alone, with these cells in every line."""
    with corpus.open(newline="") as file:
        lines = [line | {"path": corpus.parent / line["path"]} | cells for line in csv.DictReader(file)]
    return write_manifest(folder, [{name: line[name] for name in columns} for line in lines], tuple(columns))


def evaluate(corpus: Path, manifest: Path, *options: object) -> Result:
    arguments = ("evaluate", manifest, "--cache", corpus.parent / "cache", "--draws", 30, *options)
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def printed(corpus: Path, manifest: Path, *options: object) -> str:
    finished = evaluate(corpus, manifest, *options)
    assert finished.exit_code == 0, finished.output
    return finished.stdout


def found(corpus: Path, manifest: Path, *options: object) -> Any:
    return json.loads(printed(corpus, manifest, "--json", *options))


@pytest.mark.parametrize("normalisation", ["causal", "corpus", "none"])
def test_it_measures_and_prints_under_each_normalisation(corpus: Path, normalisation: str) -> None:
    result = found(corpus, corpus, "--normalisation", normalisation)
    assert list(result) == ["normalisation", "excluded", "overall", "groups"]
    assert result["normalisation"] == normalisation
    assert result["overall"]["n"] == 16
    assert len(result["overall"]["uar_interval"]) == 2
    assert list(result["groups"]["corpus"]) == ["elsewhere", "here"]
    text = printed(corpus, corpus, "--normalisation", normalisation)
    assert text.startswith(f"normalisation: {normalisation}, against ")
    for line in (
        "Recognition",
        "corpus elsewhere",
        "language xx",
        "emotion anger",
        "Confusion",
        "Calibration",
    ):
        assert line in text


def test_the_same_command_says_the_same_and_another_seed_something_else(corpus: Path) -> None:
    assert found(corpus, corpus) == found(corpus, corpus)
    assert found(corpus, corpus, "--seed", 2) != found(corpus, corpus)


def test_a_model_is_one_that_ships_or_a_file(corpus: Path, tmp_path: Path) -> None:
    shipped = archive.default_path()
    copied = tmp_path / "mine.pt"
    shutil.copy(shipped, copied)
    assert evaluate(corpus, corpus, "--model", copied).exit_code == 2
    trusted = found(corpus, corpus, "--model", copied, "--trust-model")
    shutil.copy(f"{shipped}.sha256", f"{copied}.sha256")
    assert trusted == found(corpus, corpus, "--model", copied) == found(corpus, corpus, "--model", "default")


def test_emotions_alone_are_measured(corpus: Path, tmp_path: Path) -> None:
    manifest = rewritten(corpus, tmp_path, ("path", "speaker", "emotion"))
    result = found(corpus, manifest)
    assert list(result["overall"]["recall"]) == list(EMOTIONS)
    assert result["overall"]["activation"]["pearson"] is None
    assert list(result["groups"]["corpus"]) == ["unnamed"]
    assert result["groups"]["sex"] == {}
    assert "Activation" not in printed(corpus, manifest)


@pytest.mark.parametrize(("known", "other"), [("activation", "valence"), ("valence", "activation")])
def test_one_dimension_alone_is_measured(corpus: Path, tmp_path: Path, known: str, other: str) -> None:
    manifest = rewritten(corpus, tmp_path, ("path", "speaker", known), **{known: "2"})
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join([*lines[:5], *(line[:-1] + "4.5" for line in lines[5:])]))
    result = found(corpus, manifest)
    assert result["groups"]["emotion"] == {}
    overall = result["overall"]
    assert (overall["n"], overall["classified"], overall["uar"], overall["recall"]) == (16, 0, None, {})
    for name in ("pearson", "spearman", "ccc"):
        lowest, highest = overall[known][f"{name}_interval"]
        assert -1 <= lowest <= highest <= 1
        assert overall[other][name] is overall[other][f"{name}_interval"] is None
    text = printed(corpus, manifest)
    assert f"{known.title()} beside its labels" in text
    assert "Recognition" not in text


def test_unknown_classes_are_left_out_and_counted(corpus: Path, tmp_path: Path) -> None:
    manifest = rewritten(corpus, tmp_path, ("path", "speaker", "emotion"))
    manifest.write_text(manifest.read_text().replace(",sadness", ",melancholy"))
    result = found(corpus, manifest)
    assert result["excluded"] == {"melancholy": 4}
    assert (result["overall"]["n"], result["overall"]["classified"]) == (16, 12)
    assert list(result["overall"]["recall"]) == ["anger", "happiness", "neutral"]
    assert "left out of recognition: melancholy 4" in printed(corpus, manifest)


def test_clips_without_features_are_counted(corpus: Path, tmp_path: Path) -> None:
    manifest = rewritten(corpus, tmp_path, ("path", "speaker", "emotion"))
    (tmp_path / "broken.wav").write_bytes(b"no audio")
    with manifest.open("a") as file:
        file.write("broken.wav,s1,anger\n")
    finished = evaluate(corpus, manifest)
    assert "clips without features, not measured: 1" in finished.stdout
    assert "broken.wav" in finished.stderr
    assert found(corpus, manifest)["overall"]["n"] == 16


def test_ready_made_features_are_measured_as_the_recordings_are(corpus: Path, tmp_path: Path) -> None:
    features = tmp_path / "features.csv"
    arguments = ["features", str(corpus), "--cache", str(corpus.parent / "cache"), "-o", str(features)]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    # Under the prior alone: a table holds one region of each clip, and a running baseline counts all of them.
    from_table = found(corpus, features, "--normalisation", "none")
    from_recordings = found(corpus, corpus, "--normalisation", "none")
    assert from_table["overall"]["confusion"] == from_recordings["overall"]["confusion"]
    assert from_table["overall"]["ece"] == pytest.approx(from_recordings["overall"]["ece"], abs=1e-4)
    assert list(from_table["groups"]["corpus"]) == ["elsewhere", "here"]


def test_features_that_the_model_needs_and_a_table_lacks_are_named(corpus: Path, tmp_path: Path) -> None:
    features = tmp_path / "features.csv"
    features.write_text("file,speaker,emotion,loudness\na,s1,anger,0.5\nb,s2,sadness,0.25\n")
    finished = evaluate(corpus, features)
    assert finished.exit_code == 2
    assert "lack 88 of the 88 columns" in finished.stderr


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--draws", "0"), "0 is not in the range"),
        (("--normalisation", "speaker"), "'speaker' is not one of"),
        (("--model", "absent"), "The model absent cannot be read"),
        (("--corpora", "other"), "corpus `other`"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(corpus: Path, options: tuple[str, ...], complaint: str) -> None:
    finished = evaluate(corpus, corpus, *options)
    assert finished.exit_code == 2
    assert finished.stdout == ""
    assert complaint in finished.stderr


def test_clips_that_nothing_is_known_of_are_refused(corpus: Path, tmp_path: Path) -> None:
    manifest = rewritten(corpus, tmp_path, ("path", "speaker", "role", "corpus", "emotion"))
    manifest.write_text(
        "\n".join(
            line.rpartition(",")[0] + "," if ",elsewhere," in line else line
            for line in manifest.read_text().splitlines()
        )
    )
    finished = evaluate(corpus, manifest, "--corpora", "elsewhere")
    assert finished.exit_code == 2
    assert "None of the 8 clips has an emotion, activation or valence" in finished.stderr
