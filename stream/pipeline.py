"""From a source to numbered events: reads, analyses, estimates, publishes, and shuts down in that order.

Two tasks share a bounded queue. The reader turns chunks into moments and submits their windows to the engine;
the publisher waits for each estimate in turn, so events leave in the order of the audio whatever the engine
does. When the queue is full the reader waits: a file or a sender then waits too, and a microphone drops its
oldest audio.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import UNSET

from cmlstream.models.baseline import Baseline
from cmlstream.models.contract import REGION_MINIMUM_SAMPLES, SAMPLE_RATE
from cmlstream.models.errors import InputError
from cmlstream.models.segment import AudioGap
from cmlstream.models.window import Window

from . import translate
from .analysis import RegionClosed, SecondHeard, SpeechOnset
from .events import Error, StreamEnded, StreamStarted
from .failures import first_of, told_of
from .session import Session
from .sources.base import Chunk, NewSpeaker
from .stopping import until
from .waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from .analysis import Analysis, Moment
    from .engine import Engine, Result
    from .events import Ending, Event
    from .forms import Features
    from .recording.recorder import Recorder
    from .sinks.base import Sink
    from .sources.base import Heard, Source

PENDING_MOMENTS = 64
"""What may wait for the engine: sixteen seconds of rolling windows, so the reader rarely waits when live."""

CALM_S = 2.0
"""So long after audio that came faster than it can be spoken, what comes may have waited as well."""


@dataclass(frozen=True, slots=True)
class StreamIdentity:
    """What every session of a stream says of itself when it starts."""

    stream: str
    model: str
    window_s: float
    hop_ms: int


@dataclass(slots=True)
class Tally:
    """What a session has come to so far."""

    speech_samples: int = 0
    regions: int = 0
    thinned_updates: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Pending:
    """A moment waiting for its turn, and for its estimate where it has one."""

    moment: Moment
    result: asyncio.Future[Result] | None


class Pipeline:
    """Runs one session of one stream: call `run` once.

    `on_delay` is told how many seconds after its hop's last sample each rolling estimate was published, where
    audio comes as it is spoken.
    """

    def __init__(
        self,
        identity: StreamIdentity,
        source: Source,
        analysis: Analysis,
        engine: Engine,
        baseline: Baseline,
        sinks: Sequence[Sink],
        on_delay: Callable[[float], None] | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.session = Session(identity.stream, identity.model)
        self.tally = Tally()
        self._identity = identity
        self._source = source
        self._analysis = analysis
        self._engine = engine
        self._baseline = baseline
        self._sinks = sinks
        self._on_delay = on_delay
        self._recorder = recorder
        self._speaker_changed = False
        self._last: Event | None = None
        """All sinks have it."""
        self._pending: asyncio.Queue[_Pending | None] = asyncio.Queue(PENDING_MOMENTS)
        self._waiting = Waiting(engine, identity.hop_ms * SAMPLE_RATE // 1000)

    @property
    def position(self) -> int:
        """Where the audio heard so far ends."""
        return self._analysis.position

    def change_speaker(self) -> None:
        """Take what is heard from now on to be someone else."""
        self._speaker_changed = True

    async def run(self, stop: asyncio.Event) -> None:
        """Publish the whole session, from `stream.started` to `stream.ended`.

        Setting `stop` ends it as if the source had: the open region is flushed and published. Cancelling
        ends it at once. Raises InputError where the source cannot be opened (nothing is published then); that
        or the model's error where either breaks, and what a defect raises, after the session has been ended
        properly.
        """
        async with aclosing(until(stop, self._source.chunks())) as heard:
            first = await _first_chunk(heard)
            if first is None:
                if stop.is_set():
                    return
                raise InputError(f"{self._source.description} holds no audio: name another source.")
            # Recorded audio that is not played in real time is dated as if it began now.
            self.session.anchor_at(first.start + len(first.samples_T) if self._source.paced else 0)
            await self._publish_event(self._started())
            failure: Exception | None
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._publish())
                    failure = await self._read(first, heard)
            except* Exception as group:  # noqa: BLE001 - whatever it is, followers must hear; it is raised again
                failure = first_of(group)
            finally:
                self._waiting.take_back()
                self._engine.forget(self._baseline)
        await self._end("stopped" if stop.is_set() else self._source.ending, failure)

    async def break_off(self) -> None:
        """Publish the end of a session whose `run` was cancelled.

        Nothing where it had not begun or has ended, or where its last event did not reach all sinks: they
        would see a hole.
        """
        last = self._last
        if last is not None and last.seq == self.session.published and not isinstance(last, StreamEnded):
            await self._end("error", None)

    def _started(self) -> StreamStarted:
        return StreamStarted(
            **self.session.stamp(0, 0),
            source=self._source.description,
            sample_rate=SAMPLE_RATE,
            window_s=self._identity.window_s,
            hop_ms=self._identity.hop_ms,
            continues=self._source.continues or UNSET,
        )

    async def _read(self, first: Chunk, heard: AsyncIterator[Heard]) -> InputError | None:
        """Queue all moments of the source; return what broke it, if anything did."""
        failure = None
        await self._hear(first)
        try:
            async for following in heard:
                if isinstance(following, NewSpeaker) or self._speaker_changed:
                    await self._begin_speaker()
                if isinstance(following, Chunk):
                    await self._hear(following)
        except InputError as error:
            failure = error
        await self._queue(self._analysis.flush())
        await self._pending.put(None)
        return failure

    async def _hear(self, chunk: Chunk) -> None:
        if self._source.paced:
            self.session.hear(chunk.start, chunk.start + len(chunk.samples_T))
        if self._recorder is not None and len(chunk.samples_T):
            self._recorder.hear(self.session, chunk)
        await self._queue(self._analysis.push(chunk))
        self._source.awaited = self._analysis.next_due

    async def _begin_speaker(self) -> None:
        """End the open region, which was the last speaker's, and begin a baseline."""
        self._speaker_changed = False
        await self._queue(self._analysis.flush())
        self._engine.forget(self._baseline)
        self._baseline = Baseline(self._engine.archive.prior)

    async def _queue(self, moments: Iterable[Moment]) -> None:
        for moment in moments:
            if isinstance(moment, Window) and self._is_thinned():
                self.tally.thinned_updates += 1
                continue
            await self._pending.put(_Pending(moment, self._submit(moment)))

    def _submit(self, moment: Moment) -> asyncio.Future[Result] | None:
        window = _window_of(moment)
        if window is None:
            return None
        return self._waiting.submit(window, self._baseline)

    def _is_thinned(self) -> bool:
        """Whether to leave a rolling window out; those of audio that comes faster than spoken can wait."""
        is_live = self._source.paced and self.session.calm_s >= CALM_S
        return is_live and self._waiting.thins()

    async def _publish(self) -> None:
        while (pending := await self._pending.get()) is not None:
            result = None
            if pending.result is not None:
                result = await pending.result
                self._waiting.first_done()
            features = None if result is None else translate.features(result.estimate)
            await self._publish_event(self._event(pending.moment, result), features)
            if self._on_delay and self._source.paced and isinstance(pending.moment, Window):
                self._on_delay(self._delay_s(pending.moment.due))
            await self._tell_of_recorder()

    def _event(self, moment: Moment, result: Result | None) -> Event:
        match moment:
            case SpeechOnset():
                return translate.speech_started(self.session, moment)
            case Window():
                assert result is not None, "every rolling window is submitted to the engine"
                return translate.affect(self.session, moment, result)
            case RegionClosed():
                self.tally.regions += 1
                self.tally.speech_samples += moment.window.speech_samples
                return translate.speech_ended(self.session, moment, result)
            case AudioGap():
                return translate.audio_gap(self.session, moment)
            case SecondHeard():
                delay_ms = round(1000 * self._delay_s(moment.reading.end), 1) if self._source.paced else None
                return translate.status(self.session, moment, delay_ms=delay_ms, lost=self._losses())

    def _losses(self) -> translate.Losses:
        return translate.Losses(
            dropped_samples=self._source.dropped_samples,
            skipped_events=self.session.skipped.events,
            thinned_updates=self.tally.thinned_updates,
        )

    def _delay_s(self, position: int) -> float:
        # Audio may be ahead of its clock by AHEAD_S.
        return max(self.session.delay_s(position), 0.0)

    async def _publish_event(self, event: Event, features: Features | None = None) -> None:
        message = self.session.seal(event, features)
        for sink in self._sinks:
            await sink.publish(message)
        self._last = event

    async def _end(self, ending: Ending, failure: Exception | None) -> None:
        await self._tell_of_recorder()
        end = self._analysis.position
        if failure:
            await self._publish_event(self._error(*told_of(failure)))
        ended = StreamEnded(**self.session.stamp(end, end), reason="error" if failure else ending)
        await self._publish_event(ended)
        if failure:
            raise failure

    async def _tell_of_recorder(self) -> None:
        while self._recorder is not None and (why := self._recorder.take_failure(self.session)):
            await self._publish_event(self._error("recording", why))

    def _error(self, code: str, message: str) -> Error:
        end = self._analysis.position
        return Error(**self.session.stamp(end, end), code=code, message=message)


async def _first_chunk(heard: AsyncIterator[Heard]) -> Chunk | None:
    """Return the first audio; before it nobody's baseline has begun."""
    async for following in heard:
        if isinstance(following, Chunk):
            return following
    return None


def _window_of(moment: Moment) -> Window | None:
    """Return the window of a moment that wants an estimate."""
    window = moment.window if isinstance(moment, RegionClosed) else moment
    if not isinstance(window, Window) or len(window.samples) < REGION_MINIMUM_SAMPLES:
        return None
    return window
