import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from cmlstream.models import archive
from cmlstream.trainer.cli import main
from cmlstream.trainer.history import read
from cmlstream.trainer.processes import own_file, rank, shared_out, together
from tests.trainer.corpus import invented_table
from tests.trainer.feature_table import write_features

SMALL = """
[encoder]
hidden = [16]
latent = 4
[optimiser]
epochs = 3
batch = 16
[validation]
folds = 3
draws = 2
"""

ALONE = [sys.executable]
TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
PROGRAM = "from cmlstream.trainer.cli import main\nif __name__ == '__main__':\n    main()\n"


def fit(folder: Path, name: str, launcher: list[str]) -> dict[str, torch.Tensor]:
    """The weights that `cmlstream-train fit` writes."""
    program, output = folder / "program.py", folder / f"{name}.pt"
    program.write_text(PROGRAM)
    (folder / "fit.toml").write_text(SMALL)
    options = ["-o", output, "--config", folder / "fit.toml", "--checkpoint", folder / name]
    options += ["--cache", folder / "cache"]
    command = [*launcher, program, "fit", folder / "features.csv", *options]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    finished = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, env=environment
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr.count("SHA-256") == 1
    state: dict[str, torch.Tensor] = archive.load(output).script.state_dict()
    return state


@pytest.mark.slow
def test_two_processes_share_the_members_and_end_as_one_does(tmp_path: Path) -> None:
    write_features(tmp_path / "features.csv", invented_table())
    expected = fit(tmp_path, "alone", ALONE)
    shared = fit(tmp_path, "shared", TWO)
    for name, value in expected.items():
        torch.testing.assert_close(shared[name], value, rtol=1e-4, atol=1e-5)
    kept = sorted(path.name for path in (tmp_path / "shared").iterdir())
    assert kept == [
        *("final-1-of-2.pt", "folds-1-of-2.pt", "folds-2-of-2.pt"),
        *("history-1-of-2.jsonl", "history-2-of-2.jsonl", "model.pt"),
    ]
    assert {line.run for line in read(tmp_path / "shared" / "history-2-of-2.jsonl")} == {"fold 2"}


@pytest.mark.parametrize("option", ["--checkpoint", "--tensorboard"])
def test_a_folder_that_cannot_be_made_is_told_before_anything_is_trained(tmp_path: Path, option: str) -> None:
    write_features(tmp_path / "features.csv", invented_table())
    arguments = ["fit", tmp_path / "features.csv", "-o", tmp_path / "x.pt", option, "/proc/nowhere"]
    finished = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert finished.exit_code == 2
    assert f"name another {option}" in finished.stderr


def test_alone_there_is_nothing_to_share(tmp_path: Path) -> None:
    with together():
        assert rank() == 0
        assert shared_out([3, 1, 2], lambda share: [2 * item for item in share]) == [6, 2, 4]
        assert own_file(tmp_path / "folds.pt") == tmp_path / "folds.pt"
