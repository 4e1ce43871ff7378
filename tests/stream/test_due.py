import asyncio

import pytest

from cmlstream.models.window import Window
from cmlstream.stream.due import Job, JobQueue
from tests.signals import quiet_noise


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


class Waiting:
    """A queue and the jobs put into it, which are named by their numbers."""

    def __init__(self, loop, *speakers):
        noise_T = quiet_noise(0.1)
        window = Window(0, 0, len(noise_T), len(noise_T), noise_T, False, 0)
        self.queue = JobQueue()
        self.jobs = [Job(window, speaker, loop.create_future()) for speaker in speakers]
        for job in self.jobs:
            self.queue.put(job)

    def take(self, most=100):
        turn = self.queue.take(most)
        return None if turn is None else ([self.jobs.index(job) for job in turn.jobs], sorted(turn.left))


def test_of_every_speaker_one_window_is_due_at_a_time(loop):
    waiting = Waiting(loop, "a", "b", "a", "a", "b")
    assert [waiting.take() for _ in range(4)] == [([0, 1], []), ([2, 4], []), ([3], []), None]


def test_no_more_than_asked_for_and_those_left_behind_come_next(loop):
    waiting = Waiting(loop, "a", "a", "b", "c")
    assert waiting.take(2) == ([0, 2], [])
    assert len(waiting.queue) == 2
    assert waiting.take(2) == ([3, 1], [])
    assert len(waiting.queue) == 0


def test_a_window_that_nobody_waits_for_is_left_out(loop):
    waiting = Waiting(loop, "a", "a", "b", "c")
    for number in (0, 2):
        waiting.jobs[number].result.cancel()
    assert waiting.take() == ([1, 3], [])
    assert len(waiting.queue) == 0


def test_windows_that_nobody_waits_for_do_not_hold_others_back(loop):
    waiting = Waiting(loop, "a", "b", "c")
    for number in (0, 1):
        waiting.jobs[number].result.cancel()
    assert waiting.take(2) == ([2], [])


def test_who_leaves_has_left_after_the_windows_that_wait(loop):
    waiting = Waiting(loop, "a", "b", "a")
    waiting.queue.leave("a")
    assert [waiting.take() for _ in range(4)] == [([0, 1], []), ([2], []), ([], ["a"]), None]


def test_who_leaves_with_nothing_waiting_has_left_at_once(loop):
    waiting = Waiting(loop, "a")
    waiting.queue.leave("b")
    assert waiting.take() == ([0], ["b"])


def test_who_leaves_taking_back_its_windows_has_left(loop):
    waiting = Waiting(loop, "a")
    waiting.jobs[0].result.cancel()
    waiting.queue.leave("a")
    assert waiting.take() == ([], ["a"])
