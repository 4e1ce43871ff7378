import asyncio
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from cmlstream.models import archive
from cmlstream.models.baseline import Baseline
from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.errors import InputError
from cmlstream.models.segment import SegmenterSettings
from cmlstream.stream.analysis import Analysis
from cmlstream.stream.engine import Engine
from cmlstream.stream.events import Affect, Error, Gap, SpeechEnded, Status, StreamEnded, StreamStarted
from cmlstream.stream.pipeline import Pipeline, StreamIdentity
from cmlstream.stream.session import AHEAD_S
from cmlstream.stream.sinks.base import Sink
from cmlstream.stream.sources.base import Chunk, Source
from tests.signals import quiet_noise, speech_like

AUDIO_T = np.concatenate(
    [quiet_noise(0.5), speech_like(2.2, seed=1), quiet_noise(1.0), speech_like(1.2, seed=2)]
)


class Pieces(Source):
    """The chunks it is given, then the error it is given, or silence for ever."""

    description = "pieces"
    paced = False

    def __init__(self, chunks, *, error=None, endless=False):
        self._chunks, self._error, self._endless = chunks, error, endless
        self.closed = False

    async def chunks(self):
        try:
            for chunk in self._chunks:
                yield chunk
            if self._error:
                raise self._error
            if self._endless:
                await asyncio.Event().wait()
        finally:
            self.closed = True


class Collector(Sink):
    """Keeps the events; asks for a stop at the first one of a kind."""

    def __init__(self, stop=None, stop_at=None):
        self.events, self._stop, self._stop_at = [], stop, stop_at

    async def publish(self, message):
        self.events.append(message.event)
        if self._stop_at and isinstance(message.event, self._stop_at):
            self._stop.set()

    async def run(self):
        pass

    async def close(self):
        pass


class Live(Pieces):
    """The same, said to come as it is spoken."""

    paced = True


class Dating(Collector):
    """Keeps with each event when it came."""

    def __init__(self):
        super().__init__()
        self.came = []

    async def publish(self, message):
        await super().publish(message)
        self.came.append(datetime.now(UTC))


class Leaky(Collector):
    """Lets nobody have an event, and many of other streams before."""

    skipped_events = 500

    async def publish(self, message):
        await super().publish(message)
        message.skipped.events += 1


@pytest.fixture(scope="module")
def model():
    return archive.load(archive.default_path())


def whole(samples_T):
    return [Chunk(samples_T, 0)]


async def published(model, source, *, stop=None, stop_at=None, collector=None, on_delay=None):
    stop = stop or asyncio.Event()
    collector = collector or Collector(stop, stop_at)
    engine = Engine(model)
    pipeline = Pipeline(
        StreamIdentity("desk", "affect 1", 3.0, 250),
        source,
        Analysis(SegmenterSettings(), 3 * SAMPLE_RATE, SAMPLE_RATE // 4),
        engine,
        Baseline(model.prior),
        [collector],
        on_delay,
    )
    failure = None
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(engine.run())
        try:
            await pipeline.run(stop)
        except InputError as error:
            failure = error
        running.cancel()
    return collector.events, failure


def test_a_session_runs_from_started_to_ended_numbered_without_a_hole(model):
    events, _ = asyncio.run(published(model, Pieces(whole(AUDIO_T))))
    assert isinstance(events[0], StreamStarted)
    assert isinstance(events[-1], StreamEnded)
    assert events[-1].reason == "end of input"
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [type(event) for event in events].count(SpeechEnded) == 2


def test_speech_ended_follows_all_windows_of_its_region(model):
    events, _ = asyncio.run(published(model, Pieces(whole(AUDIO_T))))
    for number, ended in enumerate(events):
        if isinstance(ended, SpeechEnded):
            later = [event for event in events[number:] if isinstance(event, Affect)]
            assert all(window.start_sample >= ended.end_sample for window in later)


def test_two_runs_agree_in_every_value_but_session_and_wall_time(model):
    def values(events):
        return [
            (type(event), event.seq, event.start_sample, event.end_sample, getattr(event, "activation", None))
            for event in events
        ]

    pieces = [Chunk(AUDIO_T[at : at + 777], at) for at in range(0, len(AUDIO_T), 777)]
    one, _ = asyncio.run(published(model, Pieces(whole(AUDIO_T))))
    other, _ = asyncio.run(published(model, Pieces(pieces)))
    assert [row[:4] for row in values(one)] == [row[:4] for row in values(other)]
    for (*_, first), (*_, second) in zip(values(one), values(other), strict=True):
        assert (first is None) == (second is None)
        assert first is None or first == pytest.approx(second, abs=1e-4)


def test_stopping_flushes_the_open_region_before_the_stream_ends(model):
    async def run():
        endless = Pieces(whole(AUDIO_T[: int(2.4 * SAMPLE_RATE)]), endless=True)
        events, _ = await published(model, endless, stop=asyncio.Event(), stop_at=Affect)
        return events, endless.closed

    events, closed = asyncio.run(run())
    assert closed
    assert [type(event) for event in events[-3:]] == [SpeechEnded, Status, StreamEnded]
    assert events[-1].reason == "stopped"


def test_a_source_that_breaks_ends_the_session_properly_and_then_raises(model):
    broken = Pieces(whole(AUDIO_T[: 2 * SAMPLE_RATE]), error=InputError("the microphone was unplugged"))
    events, error = asyncio.run(published(model, broken))
    assert "unplugged" in str(error)
    assert [type(event) for event in events[-3:]] == [SpeechEnded, Error, StreamEnded]
    assert events[-1].reason == "error"


def test_a_source_that_cannot_be_opened_publishes_nothing(model):
    events, error = asyncio.run(published(model, Pieces([], error=InputError("no such device"))))
    assert events == []
    assert "no such device" in str(error)


def test_a_source_without_audio_is_told(model):
    events, error = asyncio.run(published(model, Pieces([])))
    assert events == []
    assert "pieces holds no audio" in str(error)


def test_lost_audio_is_published_with_its_range(model):
    half = int(1.5 * SAMPLE_RATE)
    events, _ = asyncio.run(
        published(model, Pieces([Chunk(AUDIO_T[:half], 0), Chunk(AUDIO_T[half:], half + 4_000)]))
    )
    (gap,) = [event for event in events if isinstance(event, Gap)]
    assert (gap.kind, gap.start_sample, gap.end_sample) == ("audio", half, half + 4_000)


def test_muted_input_is_told_and_gets_no_estimate(model):
    events, _ = asyncio.run(published(model, Pieces(whole(np.zeros(3 * SAMPLE_RATE, np.int16)))))
    statuses = [event for event in events if isinstance(event, Status)]
    assert len(statuses) == 3
    assert all(status.muted and status.delay_ms is None for status in statuses)
    assert not any(isinstance(event, Affect | SpeechEnded) for event in events)


def test_no_event_of_live_audio_that_had_waited_is_of_the_future(model):
    waited_T = np.tile(AUDIO_T, 3)
    backlog = [Chunk(waited_T[at : at + SAMPLE_RATE], at) for at in range(0, len(waited_T), SAMPLE_RATE)]
    dating = Dating()
    events, _ = asyncio.run(published(model, Live(backlog), collector=dating))
    slack = timedelta(seconds=AHEAD_S)
    assert all(event.end_time <= came + slack for event, came in zip(events, dating.came, strict=True))
    for event in events:
        assert event.end_time - event.start_time == pytest.approx(
            timedelta(seconds=(event.end_sample - event.start_sample) / SAMPLE_RATE),
            abs=timedelta(microseconds=2),
        )


@pytest.mark.parametrize(("kind", "has_delays"), [(Live, True), (Pieces, False)])
def test_each_update_of_live_audio_has_a_delay_and_none_of_a_recording(model, kind, has_delays):
    delays_s = []
    pieces = [Chunk(AUDIO_T[at : at + 1_000], at) for at in range(0, len(AUDIO_T), 1_000)]
    events, _ = asyncio.run(published(model, kind(pieces), on_delay=delays_s.append))
    updates = sum(isinstance(event, Affect) for event in events)
    assert len(delays_s) == (updates if has_delays else 0)
    assert all(delay_s >= 0 for delay_s in delays_s)


def test_a_recording_that_is_not_played_in_real_time_is_dated_by_its_positions_alone(model):
    pieces = [Chunk(AUDIO_T[at : at + 1_000], at) for at in range(0, len(AUDIO_T), 1_000)]
    events, _ = asyncio.run(published(model, Pieces(pieces)))
    began = events[0].start_time
    assert all(
        event.end_time == began + timedelta(seconds=event.end_sample / SAMPLE_RATE) for event in events
    )


def test_a_status_counts_the_events_that_were_skipped_of_its_own_session(model):
    events, _ = asyncio.run(published(model, Pieces(whole(AUDIO_T)), collector=Leaky()))
    statuses = [event for event in events if isinstance(event, Status)]
    assert [status.skipped_events for status in statuses] == [status.seq - 1 for status in statuses]


def test_a_region_under_half_a_second_ends_without_an_estimate(model):
    settings = SegmenterSettings(pre_roll_ms=0, onset_votes=3, onset_frames=5, minimum_speech_ms=100)
    short_T = np.concatenate([quiet_noise(1.0), speech_like(0.3, seed=3), quiet_noise(1.0)])

    async def run():
        collector, engine = Collector(), Engine(model)
        analysis = Analysis(settings, 3 * SAMPLE_RATE, SAMPLE_RATE // 4)
        identity = StreamIdentity("desk", "affect 1", 3.0, 250)
        # The engine does not run: whoever submitted this region would wait for ever.
        await Pipeline(
            identity, Pieces(whole(short_T)), analysis, engine, Baseline(model.prior), [collector]
        ).run(asyncio.Event())
        return collector.events

    (ended,) = [event for event in asyncio.run(run()) if isinstance(event, SpeechEnded)]
    assert ended.activation is None
    assert ended.speech_s > 0
