"""Fixtures that every room of the tests shares."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no defect.
settings.register_profile("unhurried", parent=settings(), deadline=None)
settings.load_profile("unhurried")

CORPORA = Path(__file__).parents[2] / "shared" / "corpora"


@pytest.fixture(scope="session")
def corpora() -> Path:
    if not (CORPORA / "manifest.csv").exists():
        pytest.skip(f"the speech corpora are not beside this checkout ({CORPORA.parent.name}/{CORPORA.name})")
    return CORPORA


PROGRAM = (sys.executable, "-W", "error", "-m", "cmlstream.stream")


@pytest.fixture
def run_program(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run `cmlstream` to its end, in an empty folder and with warnings as errors."""

    def run(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [*PROGRAM, *map(str, arguments)]
        return subprocess.run(
            command, input=stdin, capture_output=True, timeout=100, cwd=tmp_path, check=False
        )

    return run


@pytest.fixture
def start_program(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start `cmlstream` in the background; whatever still runs is killed at the end of the test."""
    with ExitStack() as stack:

        def start(*arguments: object) -> subprocess.Popen[bytes]:
            command = [*PROGRAM, *map(str, arguments)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path)
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start
