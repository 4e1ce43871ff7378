"""More streams than the engine can estimate: rolling updates are thinned evenly and told, nothing else is."""

import asyncio
import itertools
import logging
import time
from dataclasses import fields

import numpy as np
import pytest

from cmlstream.models.archive import Archive
from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.stream import pipeline, waiting
from cmlstream.stream.client import send
from cmlstream.stream.events import Affect, SpeechEnded, Status, StreamEnded
from cmlstream.stream.seldom import INTERVAL_S, SeldomLog
from tests.signals import quiet_noise, speech_like
from tests.stream.service import answer, greet, model, say, sending, service
from tests.stream.serving import run, until
from tests.stream.speaking import assert_whole, hearing, pieces, speaking

STREAMS = tuple(f"desk-{number}" for number in range(6))
HOP_SAMPLES = SAMPLE_RATE // 4
WINDOW_COSTS_S = 0.09
"""Eleven windows a second, where six streams bring twenty-four."""
SPOKEN_T = np.concatenate(
    [
        quiet_noise(0.3),
        speech_like(5.0, seed=41),
        quiet_noise(2.0),
        speech_like(2.5, seed=42),
        quiet_noise(0.6),
    ]
)


class SlowArchive(Archive):
    """A model on a slow machine, which gets faster when told."""

    windows_cost_s = WINDOW_COSTS_S

    def estimate(self, features_BF, mean_BF, deviation_BF):
        time.sleep(self.windows_cost_s * len(features_BF))
        return super().estimate(features_BF, mean_BF, deviation_BF)


@pytest.fixture
def slow(monkeypatch) -> SlowArchive:
    monkeypatch.setattr(SlowArchive, "windows_cost_s", WINDOW_COSTS_S)
    return SlowArchive(**{field.name: getattr(model(), field.name) for field in fields(Archive)})


@pytest.mark.slow
def test_overload_thins_rolling_updates_evenly_and_says_so(slow, monkeypatch, caplog) -> None:
    monkeypatch.setattr(waiting, "_behind", SeldomLog(logging.getLogger(waiting.__name__)))

    async def check() -> None:
        async with service(archive=slow) as running, hearing(running.address.page_url) as heard:
            async with speaking(running.address.ingest_url, STREAMS, SPOKEN_T) as senders:
                await until(lambda: heard.has(SpeechEnded, STREAMS))
                monkeypatch.setattr(SlowArchive, "windows_cost_s", 0.0)
                last = senders[STREAMS[-1]]
                await until(lambda: last.progress.pushed_frames == len(SPOKEN_T))
                summaries = [await sender.end() for sender in senders.values()]
            await until(lambda: heard.has(StreamEnded, STREAMS))
            await send(running.address.page_url, pieces(SPOKEN_T), stream="calm")
            await until(lambda: heard.has(StreamEnded, ["calm"]))
        calm = heard.events["calm"]
        due = sum(isinstance(event, Affect) for event in calm)
        regions = [event for event in calm if isinstance(event, SpeechEnded)]
        updates = []
        for stream, summary in zip(STREAMS, summaries, strict=True):
            events = heard.events[stream]
            assert_whole(events, reason="end of input")
            ended = [event for event in events if isinstance(event, SpeechEnded)]
            assert [event.end_sample for event in ended] == [event.end_sample for event in regions]
            for mine, theirs in zip(ended, regions, strict=True):
                assert mine.valence == pytest.approx(theirs.valence, abs=1e-4)
            rolling = [event.end_sample for event in events if isinstance(event, Affect)]
            statuses = [event for event in events if isinstance(event, Status)]
            assert summary.thinned_updates == statuses[-1].thinned_updates == due - len(rolling) > 0
            first = [end for end in rolling if end <= regions[0].end_sample]
            # The first two find the engine idle.
            assert max(hops_between(first[1:])) - min(hops_between(first[1:])) <= 3
            newest = [end for end in rolling if end > regions[1].end_sample - SAMPLE_RATE]
            assert max(hops_between(newest)) == 1
            updates.append(len(first))
        assert max(updates) - min(updates) <= 2

    began_s = time.monotonic()
    run(check())
    said = [
        record.getMessage()
        for record in caplog.records
        if "rolling estimates are thinned" in record.getMessage()
    ]
    assert 1 <= len(said) <= 1 + (time.monotonic() - began_s) // INTERVAL_S


def hops_between(ends: list[int]) -> list[float]:
    return [(later - earlier) / HOP_SAMPLES for earlier, later in itertools.pairwise(ends)]


def test_a_session_that_began_with_a_backlog_is_thinned_once_it_is_live(slow, monkeypatch) -> None:
    monkeypatch.setattr(SlowArchive, "windows_cost_s", 0.0)
    monkeypatch.setattr(pipeline, "CALM_S", 0.3)
    pcm = np.tile(speech_like(2.0, seed=44), 30).astype("<i2").tobytes()
    second, piece = 2 * SAMPLE_RATE, 2 * SAMPLE_RATE // 10

    async def check() -> None:
        async with service(archive=slow) as running, sending(running.address) as sender:
            await greet(sender, "desk")
            for at in range(0, 8 * second, piece):
                await sender.send(pcm[at : at + piece])
            (live,) = running.streams
            await until(lambda: live.pipeline.position == 8 * SAMPLE_RATE)
            assert live.pipeline.tally.thinned_updates == 0
            monkeypatch.setattr(SlowArchive, "windows_cost_s", 1.0)
            loop = asyncio.get_running_loop()
            began_s = loop.time()
            for turn in range(50):
                at = 8 * second + turn * piece
                await sender.send(pcm[at : at + piece])
                await asyncio.sleep(began_s + (turn + 1) / 10 - loop.time())
                if live.pipeline.tally.thinned_updates:
                    break
            monkeypatch.setattr(SlowArchive, "windows_cost_s", 0.0)
            assert live.pipeline.tally.thinned_updates > 0
            await say(sender, "end")
            await answer(sender, "summary")

    run(check())


def test_live_audio_that_comes_late_and_all_at_once_is_no_overload(monkeypatch) -> None:
    # Whatever comes counts as live, as it does after a link was lost for as long.
    monkeypatch.setattr(pipeline, "CALM_S", 0.0)

    async def check() -> None:
        async with service() as running, hearing(running.address.page_url) as heard:
            summary = await send(running.address.page_url, pieces(speech_like(2.5, seed=43)), stream="desk")
            await until(lambda: heard.has(StreamEnded, ["desk"]))
        assert summary.thinned_updates == 0
        assert sum(isinstance(event, Affect) for event in heard.events["desk"]) == 6

    run(check())
