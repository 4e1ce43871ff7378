import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from cmlstream.models import archive
from cmlstream.models.contract import EMOTIONS
from cmlstream.trainer.cli import main
from tests.trainer.corpus import write_corpus, write_manifest

Run = Callable[..., subprocess.CompletedProcess[str]]

SMALL = """
[encoder]
hidden = [16]
latent = 4
[optimiser]
epochs = 3
batch = 8
[material]
takes = 1
[validation]
folds = 3
draws = 2
[card]
name = "tiny"
[card.terms]
here = "CC0"
"""


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    program = "from cmlstream.trainer.cli import main; main()"
    command = [sys.executable, "-W", "error", "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def fitted(corpus: Path) -> tuple[Path, subprocess.CompletedProcess[str]]:
    (corpus.parent / "fit.toml").write_text(SMALL)
    return fit(corpus, "tiny.pt")


def fit(corpus: Path, name: str, *options: object) -> tuple[Path, subprocess.CompletedProcess[str]]:
    output = corpus.parent / name
    settings = ("--config", corpus.parent / "fit.toml", "--cache", corpus.parent / "cache")
    return output, run("fit", corpus, "-o", output, *settings, *options)


@pytest.mark.slow
def test_fit_writes_an_archive_with_its_card(fitted: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    output, finished = fitted
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == ""
    loaded = archive.load(output)
    assert loaded.sha256 in finished.stderr.replace("\n", "")
    card = loaded.card
    assert card.name == "tiny"
    assert [(corpus.name, corpus.clips, corpus.terms) for corpus in card.corpora] == [("here", 32, "CC0")]
    assert card.metrics["unseen_speakers_clips_of_four_classes"] == 32
    assert card.metrics["transfer_elsewhere_clips_of_four_classes"] == 16
    assert 0 <= card.metrics["transfer_elsewhere_uar"] <= 1
    assert card.metrics["unseen_speakers_xx_clips_of_four_classes"] == 32
    assert card.recipe.startswith("cmlstream-train fit ")
    assert "--cache" not in card.recipe


@pytest.mark.slow
def test_the_same_seed_gives_the_same_archive_and_an_interrupted_fit_ends_alike(
    corpus: Path, fitted: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    first = archive.load(fitted[0]).script.state_dict()
    fit(corpus, "short.pt", "--checkpoint", tmp_path, "--epochs", 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("final.pt", "folds.pt", "history.jsonl", "model.pt")
    ]
    (tmp_path / "final.pt").unlink()
    output, finished = fit(corpus, "resumed.pt", "--checkpoint", tmp_path)
    assert finished.returncode == 0, finished.stderr
    resumed = archive.load(output).script.state_dict()
    for name, value in first.items():
        assert value.equal(resumed[name]), name


@pytest.mark.slow
def test_evaluate_prints_figures_under_each_normalisation(
    corpus: Path, fitted: tuple[Path, subprocess.CompletedProcess[str]]
) -> None:
    common = ("evaluate", corpus, "--model", fitted[0], "--cache", corpus.parent / "cache")
    finished = run(*common, "--normalisation", "corpus", "--json")
    assert finished.returncode == 0, finished.stderr
    assert "the model was trained on here, and looks better there" in finished.stderr
    assert "trained on elsewhere" not in finished.stderr
    found = json.loads(finished.stdout)
    assert found["normalisation"] == "corpus"
    assert found["excluded"] == {}
    assert found["overall"]["n"] == 48
    assert set(found["groups"]["corpus"]) == {"here", "elsewhere"}
    assert found["overall"]["activation"]["pearson"] is None

    table = run(*common, "--role", "transfer")
    assert table.returncode == 0, table.stderr
    assert "normalisation: causal" in table.stdout
    assert "elsewhere" in table.stdout


def sample_of_transfer(corpora: Path, folder: Path) -> Path:
    """A manifest of some speakers of the languages that no training saw, each with all of their clips."""
    with (corpora / "manifest.csv").open(newline="") as file:
        rows: list[dict[str, object]] = [
            row | {"path": corpora / row["path"]}
            for row in csv.DictReader(file)
            if row["role"] == "transfer" and row["emotion"] in EMOTIONS
        ]
    speakers = sorted({str(row["speaker"]) for row in rows})[::6]
    return write_manifest(folder, [row for row in rows if row["speaker"] in speakers])


def user_mistakes(folder: Path) -> list[tuple[tuple[object, ...], str]]:
    output = ("-o", folder / "model.pt")
    (folder / "wrong.toml").write_text("[loss]\nweigth = 1\n")
    (folder / "a.wav").touch()
    row: dict[str, object] = {"path": "a.wav", "speaker": "s1", "emotion": "anger", "role": "source"}
    manifest = write_manifest(folder, [row], tuple(row))
    (folder / "few").mkdir()
    (folder / "few" / "b.wav").touch()
    (folder / "few" / "a.wav").touch()
    lonely = write_manifest(folder / "few", [row, row | {"path": "b.wav", "emotion": "sadness"}], tuple(row))
    return [
        (("fit", folder / "absent.csv", *output), "absent.csv cannot be read"),
        (("fit", manifest, *output), "Training needs clips of at least two of"),
        (("fit", lonely, *output), "at least 3 speakers"),
        (("fit", manifest, "-o", "/proc/nowhere/model.pt"), "/proc/nowhere/model.pt cannot be written"),
        (("fit", manifest, *output, "--role", "test"), "has the role `test`"),
        (("fit", manifest, *output, "--corpora", "other"), "corpus `other`"),
        (("fit", manifest, *output, "--config", folder / "wrong.toml"), "unknown field `weigth`"),
        (("fit", manifest, *output, "--variant", "triplet"), "triplet"),
        (("fit", manifest, *output, "--seed", -1), "-1 is not in the range"),
        (("evaluate", manifest, "--model", folder / "absent.pt"), "absent.pt cannot be read"),
        (("features", folder / "absent.csv"), "absent.csv cannot be read"),
    ]


def test_a_users_mistake_is_one_sentence_and_exit_code_two(tmp_path: Path) -> None:
    for arguments, complaint in user_mistakes(tmp_path):
        finished = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert finished.exit_code == 2, arguments
        assert complaint in finished.stderr
        assert isinstance(finished.exception, SystemExit)
        assert not (tmp_path / "model.pt").exists()


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from cmlstream.trainer.cli import main; main(['fit', '--help'], standalone_mode=False); "
    )
    program += (
        "sys.exit(str([name for name in ('torch', 'numpy', 'sklearn', 'rich') if name in sys.modules] or 0))"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "--variant" in finished.stdout
    assert finished.stderr.strip() in ("", "0")


@pytest.mark.corpora
@pytest.mark.slow
def test_the_model_that_ships_hears_emotion_in_languages_it_never_saw(corpora: Path, tmp_path: Path) -> None:
    manifest = sample_of_transfer(corpora, tmp_path)
    finished = run("evaluate", manifest, "--cache", tmp_path / "cache", "--json")
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout)
    assert found["overall"]["uar"] > 0.40
    assert set(found["groups"]["language"]) == {"ur", "it"}
