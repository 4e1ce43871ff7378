import subprocess
import sys
from pathlib import Path

import onnx
import pytest
import torch
from click.testing import CliRunner, Result

from cmlstream.models import archive
from cmlstream.models.affect import AffectModel
from cmlstream.models.contract import ModelCard
from cmlstream.trainer.cli import main
from cmlstream.trainer.finished import write_finished
from tests.trainer.small_model import ENCODER, small_card, small_model, tampered


@pytest.fixture(scope="module")
def model() -> AffectModel:
    return small_model()


@pytest.fixture(scope="module")
def card(model: AffectModel) -> ModelCard:
    return small_card(model)


@pytest.fixture(scope="module")
def checkpoints(model: AffectModel, card: ModelCard, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    write_finished(folder / "model.pt", model, ENCODER, card)
    return folder


def export(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


@pytest.mark.parametrize("ending", ["pt", "onnx"])
def test_a_checkpoint_becomes_what_its_ending_says(checkpoints: Path, tmp_path: Path, ending: str) -> None:
    program = "from cmlstream.trainer.cli import main; main()"
    output = tmp_path / "new" / f"mine.{ending}"
    command = [sys.executable, "-W", "error", "-c", program, "export", checkpoints / "model.pt", "-o", output]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == ""
    assert finished.stderr.startswith(f"{output} written, SHA-256 ")
    assert output.exists()


def test_the_archive_is_that_of_the_checkpoint(model: AffectModel, checkpoints: Path, tmp_path: Path) -> None:
    finished = export(checkpoints, "-o", tmp_path / "mine.pt")
    assert finished.exit_code == 0, finished.output
    loaded = archive.load(tmp_path / "mine.pt")
    assert loaded.sha256 in finished.stderr
    assert loaded.card.name == "tiny"
    assert torch.equal(loaded.script.encoder.layers.__getattr__("0").weight, model.encoder.layers[0].weight)


def test_an_archive_and_a_model_that_ships_become_onnx(checkpoints: Path, tmp_path: Path) -> None:
    assert export(checkpoints, "-o", tmp_path / "mine.pt").exit_code == 0
    for source in (tmp_path / "mine.pt", "default"):
        finished = export(source, "-o", tmp_path / "mine.onnx")
        assert finished.exit_code == 0, finished.output
        assert onnx.load(tmp_path / "mine.onnx").graph.input[0].name == "features"
    (tmp_path / "mine.pt.sha256").unlink()
    assert export(tmp_path / "mine.pt", "-o", tmp_path / "no.onnx").exit_code == 2
    assert export(tmp_path / "mine.pt", "-o", tmp_path / "yes.onnx", "--trust-model").exit_code == 0


def test_refusals_are_a_sentence_and_write_nothing(
    model: AffectModel, card: ModelCard, checkpoints: Path, tmp_path: Path
) -> None:
    write_finished(tmp_path / "broken.pt", tampered(model, torch.nan), ENCODER, card)
    for source, output, complaint in (
        (checkpoints, "mine.bin", "mine.bin says no format: name it NAME.pt or NAME.onnx."),
        (tmp_path / "broken.pt", "broken.pt", "is what is exported: name another -o."),
        (tmp_path / "broken.pt", "new/mine.pt", "that are not finite"),
        (tmp_path / "broken.pt", "new/mine.onnx", "that are not finite"),
        (tmp_path, "mine.pt", "model.pt cannot be read (No such file or directory)"),
        ("default", "mine.pt", "is an archive already: copy it, with its .sha256."),
    ):
        finished = export(source, "-o", tmp_path / output)
        assert finished.exit_code == 2
        assert finished.stdout == ""
        assert finished.stderr.startswith("cmlstream-train: ")
        assert complaint in finished.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["broken.pt"]
