"""`cmlstream-train features` as a person meets it: interrupted, killed, resumed, and its table used again."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from click.testing import CliRunner, Result

from cmlstream.trainer.cli import main
from tests.trainer.corpus import write_corpus

PROGRAM = (sys.executable, "-W", "error", "-c", "from cmlstream.trainer.cli import main; main()")
CLIPS = 64
WORKER = "spawn_main"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"), speakers=8)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def cut_short(corpus: Path, cache: Path, cut: Callable[[int], None]) -> subprocess.CompletedProcess[str]:
    """Start the command, and do something to its process when it has kept a few clips."""
    command = [*PROGRAM, "features", str(corpus), "--cache", str(cache)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        while len(kept(cache)) < 3:
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        cut(process.pid)
        output, errors = process.communicate(timeout=60)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def kept(cache: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in cache.glob("*.npz")}


def kill_a_worker(pid: int) -> None:
    workers = [child for child in psutil.Process(pid).children() if WORKER in " ".join(child.cmdline())]
    workers[0].kill()


@pytest.mark.slow
def test_a_killed_worker_costs_the_clips_under_way_and_nothing_else(corpus: Path, tmp_path: Path) -> None:
    finished = cut_short(corpus, tmp_path, kill_a_worker)
    assert finished.returncode == 1
    assert "was killed, most likely for want of memory" in finished.stderr
    assert "Traceback" not in finished.stderr
    before = kept(tmp_path)
    assert 3 <= len(before) < CLIPS

    again = run("features", corpus, "--cache", tmp_path)
    assert again.exit_code == 0, again.stderr
    assert f"{CLIPS} of {CLIPS} clips have features" in again.stderr
    assert "0 skipped" in again.stderr
    after = kept(tmp_path)
    assert len(after) == CLIPS
    assert after.items() >= before.items()


@pytest.mark.slow
def test_an_interrupt_ends_in_a_sentence_and_leaves_whole_files(corpus: Path, tmp_path: Path) -> None:
    # As a terminal does it: every process of the group is told.
    finished = cut_short(corpus, tmp_path, lambda pid: os.killpg(pid, signal.SIGINT))
    assert finished.returncode == 1
    assert "interrupted: what is computed is kept" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert 3 <= len(kept(tmp_path)) < CLIPS
    for path in tmp_path.iterdir():
        with np.load(path) as arrays:
            assert arrays["features_NF"].shape[1] == 88


@pytest.mark.slow
def test_the_table_is_used_in_the_place_of_the_recordings(tmp_path: Path) -> None:
    corpus, cache = write_corpus(tmp_path, speakers=3, takes=1), tmp_path / "cache"
    (tmp_path / "broken.wav").write_text("no audio")
    with corpus.open("a") as file:
        file.write("broken.wav,here,xx,source,s0,,,anger,,,\n")
    command = ("features", corpus, "--cache", cache)
    finished = run(*command, "-o", tmp_path / "table.csv")
    assert finished.exit_code == 0, finished.stderr
    assert finished.stdout == ""
    assert "skipped: " in finished.stderr
    assert "12 of 13 clips have features: 12 regions of speech" in finished.stderr
    assert "1 skipped" in finished.stderr
    run(*command, "-o", tmp_path / "table.parquet")
    # The recordings are elsewhere.
    (tmp_path / "away").mkdir()
    places = [shutil.move(tmp_path / f"table.{kind}", tmp_path / "away") for kind in ("csv", "parquet")]
    under = ("--normalisation", "none", "--json")
    expected = run("evaluate", corpus, "--cache", cache, *under)
    assert expected.exit_code == 0, expected.stderr
    for table in places:
        assert run("evaluate", table, *under).stdout == expected.stdout
