import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from cmlstream.models.errors import CmlstreamError
from cmlstream.trainer.workers import on_all_cores

PARENT = """
import time
from cmlstream.trainer.workers import on_all_cores

if __name__ == "__main__":
    for _ in on_all_cores(time.sleep, [0.01] * 4 + [600.0] * 4):
        print("done", flush=True)
"""


def killed_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_nothing_to_do_starts_nothing() -> None:
    assert list(on_all_cores(killed_at_three, [])) == []


def test_results_come_in_the_order_of_the_jobs() -> None:
    assert list(on_all_cores(str, range(40))) == [str(number) for number in range(40)]


def test_a_killed_process_is_a_sentence_and_not_a_wait_without_end() -> None:
    with pytest.raises(CmlstreamError, match=r"was killed, most likely for want of memory"):
        list(on_all_cores(killed_at_three, range(20)))


@pytest.mark.slow
def test_processes_end_when_the_one_they_work_for_is_killed(tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    with subprocess.Popen([sys.executable, tmp_path / "parent.py"], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"done\n"
        workers = psutil.Process(parent.pid).children()
        assert workers
        parent.kill()
    deadline = time.monotonic() + 30
    while any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers):
        assert time.monotonic() < deadline, "processes without a parent go on"
        time.sleep(0.05)
