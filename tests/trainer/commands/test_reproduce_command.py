import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from cmlstream.trainer.cli import main
from cmlstream.trainer.history import read
from cmlstream.trainer.losses import VARIANTS
from cmlstream.trainer.reproduce.baselines import METHOD
from cmlstream.trainer.reproduce.judging import TOGETHER
from cmlstream.trainer.reproduce.ours import ALIKE, OURS
from cmlstream.trainer.reproduce.protocol import Protocol
from cmlstream.trainer.reproduce.results import Results
from tests.trainer.feature_table import write_features
from tests.trainer.reproduce.languages import languages_table

FOUR = ("s0", "s1", "s3", "s4")

OURS_IN_BRIEF = """
[encoder]
hidden = [16]
latent = 4

[optimiser]
epochs = 2

[validation]
draws = 2
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_whole_protocol_leaves_its_tables_figures_and_curves(tmp_path: Path) -> None:
    features = write_features(tmp_path / "features.csv", languages_table(takes=1))
    program = "from cmlstream.trainer.cli import main; main()"
    (tmp_path / "ours.toml").write_text(OURS_IN_BRIEF)
    options = ("reproduce", features, "-o", tmp_path / "found", "--epochs", 1)
    options += ("--config", tmp_path / "ours.toml")
    command = [sys.executable, "-W", "error", "-c", program, *map(str, options)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == ""
    names = sorted(path.name for path in (tmp_path / "found").iterdir())
    assert names == ["history.jsonl", "results.json", "results.md"]

    results = msgspec.json.decode((tmp_path / "found" / "results.json").read_bytes(), type=Results)
    networks = 3 * 5 * (len(VARIANTS) * (10 + 2 + 2 + 1) + 2 + 1)
    assert results.networks == networks
    assert {record.method for record in results.records} == {*VARIANTS, METHOD, OURS, ALIKE, TOGETHER}
    assert {record.protocol for record in results.records} == {*map(str, Protocol)}
    assert {record.normalisation for record in results.records} == {"none", "corpus", "causal"}
    assert len(results.choices) == 9
    assert "--epochs 1" in results.command
    assert results.ours.encoder.hidden == (16,)
    assert {mark.protocol for mark in results.marks} == {Protocol.LEAVE_ONE_OUT, Protocol.TRANSFER}
    transfer = [record for record in results.records if record.protocol == Protocol.TRANSFER]
    assert {record.language for record in transfer} == {"all", "ur"}
    assert {record.uar.n for record in transfer if record.uar and record.method == "act"} == {5}
    assert len({line.run for line in read(tmp_path / "found" / "history.jsonl")}) == networks
    text = (tmp_path / "found" / "results.md").read_text()
    assert "## What the model must reach" in text
    assert "## From one language to another" in text
    assert "reproduce" in text


def test_what_cannot_be_reproduced_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    table = languages_table()
    of_few = table.subset([n for n, clip in enumerate(table.clips) if clip.speaker in FOUR])
    one_class = replace(table, clips=tuple(replace(clip, emotion="anger") for clip in table.clips))
    for found, complaint in (
        (table.subset([1, 2, 3]), "Training needs clips of at least"),
        (of_few, "5 folds with speakers apart and the source corpora have 4 speakers"),
        (one_class, "Training needs clips of at least two of"),
    ):
        features = write_features(tmp_path / "features.csv", found)
        finished = CliRunner().invoke(main, ["reproduce", str(features), "-o", str(tmp_path / "found")])
        assert finished.exit_code == 2
        assert complaint in finished.stderr
        assert list((tmp_path / "found").iterdir()) == []
