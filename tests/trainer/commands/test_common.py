import subprocess
import sys
from pathlib import Path

import pytest

from cmlstream.trainer.commands.common import TRAIN_EXTRA, recipe_of
from tests.trainer.corpus import write_manifest


@pytest.mark.parametrize("package", ["scipy", "matplotlib"])
def test_without_a_package_of_the_extra_it_says_what_to_install(tmp_path: Path, package: str) -> None:
    (tmp_path / "a.wav").touch()
    manifest = write_manifest(tmp_path, [{"path": "a.wav", "speaker": "s", "emotion": "anger"}])
    command = {"scipy": ["features"], "matplotlib": ["report", "-o", tmp_path / "report"]}[package]
    program = f"import sys; sys.modules[{package!r}] = None; from cmlstream.trainer.cli import main; main()"
    finished = subprocess.run(
        [sys.executable, "-c", program, *map(str, command), str(manifest)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert finished.returncode == 2
    assert finished.stderr.startswith(f"cmlstream-train: This command needs the package `{package}`")
    assert "pip install 'cmlstream[train]'" in finished.stderr
    assert finished.stderr.count("\n") == 1
    assert package in TRAIN_EXTRA


def test_a_recipe_tells_no_folder_of_this_machine_that_decides_nothing() -> None:
    typed = [
        "fit",
        "my corpus.csv",
        "--checkpoint",
        "/tmp/runs",
        "--seed",
        "4",
        "--cache=/home/me",
        "-o",
        "x.pt",
    ]
    assert recipe_of(typed) == "cmlstream-train fit 'my corpus.csv' --seed 4 -o x.pt"
