import operator
import os
import resource
import signal
import subprocess
from contextlib import closing
from multiprocessing import active_children

import pytest

from cmlstream.models.errors import CmlstreamError
from cmlstream.stream.processes import AHEAD, in_order


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    assert active_children() == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("processes", [1, 3])
def test_every_result_comes_in_its_turn(processes):
    jobs = range(20)
    assert list(in_order(operator.neg, jobs, processes)) == [-job for job in jobs]


def test_results_larger_than_a_pipe_arrive():
    sizes = [1 << 20] * 6
    assert list(in_order(bytes, sizes, 2)) == [bytes(size) for size in sizes]


def test_what_is_done_early_is_bounded(tmp_path):
    last = AHEAD * 2 - 1
    wait_for_last = ["sh", "-c", f"until [ -e {tmp_path}/{last} ]; do sleep 0.01; done"]
    jobs = [wait_for_last, *(["touch", f"{tmp_path}/{n}"] for n in range(1, 40))]
    with closing(in_order(subprocess.check_call, jobs, 2)) as results:
        next(results)
        assert {int(name) for name in os.listdir(tmp_path)} == set(range(1, last + 1))


def test_closing_ends_what_is_still_at_work():
    jobs = [["true"], ["sleep", "1000"], ["sleep", "1000"]]
    with closing(in_order(subprocess.check_call, jobs, 2)) as results:
        assert next(results) == 0
        assert len(active_children()) == 2


def test_a_process_that_ends_is_our_fault_and_said():
    with pytest.raises(CmlstreamError, match="exit code 3"):
        list(in_order(os._exit, [3, 3, 3], 2))


def test_a_process_that_is_killed_points_to_memory():
    with pytest.raises(CmlstreamError, match="memory"):
        list(in_order(signal.raise_signal, [signal.SIGKILL] * 3, 2))


def test_a_defect_shows_where_it_is(capfd):
    with pytest.raises(CmlstreamError, match="exit code 1"):
        list(in_order(operator.index, ["no number"], 2))
    assert "TypeError" in capfd.readouterr().err


def test_a_process_that_cannot_be_started_is_said():
    assert list(in_order(operator.neg, [1, 2], 2)) == [-1, -2]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(CmlstreamError, match="Too many open files"):
            list(in_order(operator.neg, [1, 2], 2))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
