"""From a source to numbered events: reads, analyses, estimates, publishes, and shuts down in that order.

Two tasks share a bounded queue. The reader turns chunks into moments and submits their windows to the engine;
the publisher waits for each estimate in turn, so events leave in the order of the audio whatever the engine
does. When the queue is full the reader waits: a file then waits too, and a microphone drops its oldest audio.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cmlstream.models.contract import REGION_MINIMUM_SAMPLES, SAMPLE_RATE
from cmlstream.models.errors import CmlstreamError, InputError
from cmlstream.models.segment import AudioGap
from cmlstream.models.window import Window

from . import translate
from .analysis import RegionClosed, SecondHeard, SpeechOnset
from .events import Error, StreamEnded, StreamStarted
from .session import Session
from .stopping import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from cmlstream.models.baseline import Baseline

    from .analysis import Analysis, Moment
    from .engine import Engine, Result
    from .events import Event
    from .sinks.base import Sink
    from .sources.base import Chunk, Source

PENDING_MOMENTS = 64
"""What may wait for the engine: sixteen seconds of rolling windows, so the reader rarely waits when live."""

THIN_FROM_MOMENTS = 8
"""In real time rolling windows are left out while so much waits: two seconds behind, newer news is better."""


@dataclass(frozen=True, slots=True)
class StreamIdentity:
    """What every session of a stream says of itself when it starts."""

    stream: str
    model: str
    window_s: float
    hop_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class _Pending:
    """A moment waiting for its turn, and for its estimate where it has one."""

    moment: Moment
    result: asyncio.Future[Result] | None


class Pipeline:
    """Runs one session of one stream: call `run` once."""

    def __init__(
        self,
        identity: StreamIdentity,
        source: Source,
        analysis: Analysis,
        engine: Engine,
        baseline: Baseline,
        sinks: Sequence[Sink],
    ) -> None:
        self._identity = identity
        self._source = source
        self._analysis = analysis
        self._engine = engine
        self._baseline = baseline
        self._sinks = sinks
        self._pending: asyncio.Queue[_Pending | None] = asyncio.Queue(PENDING_MOMENTS)
        self._thinned_updates = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Publish the whole session, from `stream.started` to `stream.ended`.

        Setting `stop` ends it as if the source had: the open region is flushed and published. Cancelling
        ends it at once. Raises InputError where the source cannot be opened (nothing is published then); that
        or the model's error where either breaks, after the session has been ended properly.
        """
        async with aclosing(until(stop, self._source.chunks())) as chunks:
            first = await anext(chunks, None)
            if first is None:
                if stop.is_set():
                    return
                raise InputError(f"{self._source.description} holds no audio: name another source.")
            session = self._begin(first)
            await self._publish_event(session, self._started(session))
            failure: CmlstreamError | None
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._publish(session))
                    failure = await self._read(first, chunks)
            except* CmlstreamError as group:
                failure = _first(group)
            finally:
                self._engine.forget(self._baseline)
        await self._end(session, stopped=stop.is_set(), failure=failure)

    def _begin(self, first: Chunk) -> Session:
        heard = timedelta(seconds=(first.start + len(first.samples_T)) / SAMPLE_RATE)
        # Recorded audio that is not played in real time is dated as if it began now.
        anchor = datetime.now(UTC) - (heard if self._source.paced else timedelta())
        return Session(self._identity.stream, self._identity.model, anchor)

    def _started(self, session: Session) -> StreamStarted:
        return StreamStarted(
            **session.stamp(0, 0),
            source=self._source.description,
            sample_rate=SAMPLE_RATE,
            window_s=self._identity.window_s,
            hop_ms=self._identity.hop_ms,
        )

    async def _read(self, first: Chunk, chunks: AsyncIterator[Chunk]) -> InputError | None:
        """Queue all moments of the source; return what broke it, if anything did."""
        failure = None
        await self._queue(self._analysis.push(first))
        try:
            async for chunk in chunks:
                await self._queue(self._analysis.push(chunk))
        except InputError as error:
            failure = error
        await self._queue(self._analysis.flush())
        await self._pending.put(None)
        return failure

    async def _queue(self, moments: Iterable[Moment]) -> None:
        for moment in moments:
            if self._is_late(moment):
                self._thinned_updates += 1
                continue
            window = _window_of(moment)
            result = self._engine.submit(window, self._baseline) if window else None
            await self._pending.put(_Pending(moment, result))

    def _is_late(self, moment: Moment) -> bool:
        behind = self._source.paced and self._pending.qsize() >= THIN_FROM_MOMENTS
        return behind and isinstance(moment, Window)

    async def _publish(self, session: Session) -> None:
        while (pending := await self._pending.get()) is not None:
            result = await pending.result if pending.result else None
            await self._publish_event(session, self._event(session, pending.moment, result))

    def _event(self, session: Session, moment: Moment, result: Result | None) -> Event:
        match moment:
            case SpeechOnset():
                return translate.speech_started(session, moment)
            case Window():
                assert result is not None, "every rolling window is submitted to the engine"
                return translate.affect(session, moment, result)
            case RegionClosed():
                return translate.speech_ended(session, moment, result)
            case AudioGap():
                return translate.audio_gap(session, moment)
            case SecondHeard():
                return translate.status(
                    session,
                    moment,
                    delay_ms=self._delay_ms(session, moment) if self._source.paced else None,
                    lost=self._losses(),
                )

    def _losses(self) -> translate.Losses:
        return translate.Losses(
            dropped_samples=self._source.dropped_samples,
            skipped_events=sum(sink.skipped_events for sink in self._sinks),
            thinned_updates=self._thinned_updates,
        )

    def _delay_ms(self, session: Session, heard: SecondHeard) -> float:
        age = datetime.now(UTC) - session.time(heard.reading.end)
        # The clock that paces a file and the one that dates it differ by fractions of a millisecond.
        return max(round(age.total_seconds() * 1000, 1), 0.0)

    async def _publish_event(self, session: Session, event: Event) -> None:
        message = session.seal(event)
        for sink in self._sinks:
            await sink.publish(message)

    async def _end(self, session: Session, *, stopped: bool, failure: CmlstreamError | None) -> None:
        end = self._analysis.position
        if failure:
            code = "source" if isinstance(failure, InputError) else "model"
            error = Error(**session.stamp(end, end), code=code, message=str(failure))
            await self._publish_event(session, error)
        ended = StreamEnded(
            **session.stamp(end, end),
            reason="error" if failure else "stopped" if stopped else "end of input",
        )
        await self._publish_event(session, ended)
        if failure:
            raise failure


def _first(group: ExceptionGroup[CmlstreamError]) -> CmlstreamError:
    """Return the error that a task group raised; the others followed from it."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error


def _window_of(moment: Moment) -> Window | None:
    """Return the window of a moment that wants an estimate."""
    window = moment.window if isinstance(moment, RegionClosed) else moment
    if not isinstance(window, Window) or len(window.samples) < REGION_MINIMUM_SAMPLES:
        return None
    return window
