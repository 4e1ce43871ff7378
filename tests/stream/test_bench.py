"""What is measured has to be right; how fast it is, is for `make bench` to tell."""

import asyncio

import pytest

from cmlstream.stream import bench
from tests.stream.synthetic import SyntheticSession


def test_a_delay_counts_from_the_end_of_the_hop_that_the_window_was_due_at(monkeypatch):
    session = SyntheticSession()
    started, onset, update = (
        each().event for each in (session.started, session.speech_started, session.affect)
    )
    began = started.start_time.timestamp()
    # The region begins at sample 4,000; the window ends at 12,000, the second grid point: 0.750 s.
    assert (started.hop_ms, onset.start_sample, update.end_sample) == (250, 4_000, 12_000)

    async def heard(_url):
        for event in (started, onset, update):
            yield event, began + 0.780

    monkeypatch.setattr(bench, "_events", heard)

    async def run():
        return [delay_ms async for delay_ms in bench._delays("ws://nowhere")]

    assert asyncio.run(run()) == [pytest.approx(30.0, abs=0.1)]


@pytest.mark.slow
def test_help_is_timed_as_a_whole_process():
    figure = bench.help_time()
    assert figure.unit == "s"
    assert figure.value > 0.02, "no interpreter starts faster"
