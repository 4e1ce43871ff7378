"""The live streams of a server: who sends each, how it goes on after a cut, and how it ends.

A stream outlives its sender's connection by a time of grace, in which the sender, or whoever says hello for
the same stream with the same token, goes on at the sample that was reached.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cmlstream.models.errors import CmlstreamError, InputError
from cmlstream.stream.ingest import Refusal, Summary
from cmlstream.stream.sources.ingest import IngestSource

from .allowance import Allowance, CrowdedError, Places
from .live_stream import LiveStream, totals_of
from .metrics import StreamTotals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cmlstream.stream.ingest import Hello
    from cmlstream.stream.pipeline import Pipeline
    from cmlstream.stream.settings import LimitSettings
    from cmlstream.stream.sources.base import Source

    from .live_stream import Sender

ALIVE_S = 2.0
"""A sender that was heard within this time is not taken for dead by another that claims its stream."""

CROWD = 32
"""From so many live streams on, audio gathers a moment before it is heard."""

DRAIN_S = 5.0
"""How long the last events may take to be published when the server stops."""

LAST_WORD_S = 1.0
"""How long the end of a stream that is late may take: it waits only where Redis has fallen far behind."""

_log = logging.getLogger(__name__)


class SenderRefusedError(CmlstreamError):
    """A sender asked for what it cannot have."""

    def __init__(self, refusal: Refusal, message: str) -> None:
        super().__init__(message)
        self.refusal = refusal


@dataclass(frozen=True, slots=True, eq=False)
class _Hosted:
    pipeline: Pipeline
    source: Source


@dataclass(frozen=True, slots=True)
class _Ended:
    owner: str
    summary: Summary


class Streams:
    """All live streams of this server, by name; each runs as a task of the group it is given."""

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        assemble: Callable[[str, IngestSource], Pipeline],
        limits: LimitSettings,
    ) -> None:
        self._tasks = tasks
        self._assemble = assemble
        self._grace_s = limits.grace_s
        self._bytes_per_second = limits.bytes_per_second
        self._places = Places("streams", limits.streams, limits.streams_per_token)
        self._live: dict[str, LiveStream] = {}
        self._hosted: dict[str, _Hosted] = {}
        self._summaries: dict[str, _Ended] = {}
        """By session, the newest last; bounded like the live streams."""
        self._summaries_limit = limits.streams
        self._never = asyncio.Event()
        self._past = StreamTotals(0.0, 0, 0)
        self._closing = False

    def __len__(self) -> int:
        """Return how many streams are live, those in their time of grace and those hosted included."""
        return len(self._live) + len(self._hosted)

    def __iter__(self) -> Iterator[LiveStream]:
        """Return the live streams that senders bring, in the order in which they began."""
        return iter(tuple(self._live.values()))

    @contextmanager
    def hosting(self, stream: str, pipeline: Pipeline, source: Source) -> Iterator[None]:
        """Keep the name of a stream that no sender brings, and count it, for as long as the context lasts."""
        self._hosted[stream] = _Hosted(pipeline, source)
        try:
            yield
        finally:
            del self._hosted[stream]
            self._past += totals_of(pipeline, source)

    def change_speaker(self, stream: str, owner: str) -> bool:
        """Let someone else speak from here on; False where there is no such stream.

        Raises SenderRefusedError where another token than `owner` sends it.
        """
        live = self._live.get(stream)
        if live is not None and live.owner != owner:
            raise SenderRefusedError(Refusal.FORBIDDEN, "Another token sends this stream.")
        heard = live or self._hosted.get(stream)
        if heard is not None:
            heard.pipeline.change_speaker()
        return heard is not None

    def attach(self, hello: Hello, owner: str, sender: Sender) -> LiveStream:
        """Return the stream that `sender` goes on with, or begins.

        Raises SenderRefusedError where it may not.
        """
        if self._closing:
            raise SenderRefusedError(Refusal.SERVER_STOPS, "This server stops: connect to another, or later.")
        if hello.stream in self._hosted:
            raise SenderRefusedError(
                Refusal.STREAM_BUSY, "A stream of this server has that name: take another."
            )
        live = self._live.get(hello.stream)
        if live is None:
            live = self._begin(hello, owner)
        else:
            self._claim(live, hello, owner)
        live.sender = sender
        live.source.cut_off()
        return live

    def summary_of(self, session: str | None, owner: str) -> Summary | None:
        """Return what became of a session whose sender said `end` and may not have been told."""
        ended = self._summaries.get(session) if session else None
        return ended.summary if ended and ended.owner == owner else None

    def detach(self, live: LiveStream, sender: Sender) -> None:
        """Let a stream wait for its sender to come back, unless another has taken it over."""
        if live.sender is not sender:
            return
        live.sender = None
        live.source.when_room(None)
        if not live.source.ended:
            live.grace = asyncio.get_running_loop().call_later(
                self._grace_s, live.source.finish, "sender gone"
            )

    @property
    def trouble(self) -> str | None:
        """Why no new stream is taken; None while one is."""
        if self._closing:
            return "server stops"
        return "all places for streams are taken" if self._places.full else None

    def totals(self) -> StreamTotals:
        """Return what all streams have come to since the server began, those that ended included."""
        hosted = (totals_of(one.pipeline, one.source) for one in self._hosted.values())
        return sum((*hosted, *(live.totals() for live in self)), self._past)

    async def close(self) -> None:
        """End every stream as if its sender had, and see to it that its last events are published in time."""
        self._closing = True
        running = [live.running for live in self if live.running is not None]
        for live in self:
            live.source.finish("stopped")
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=DRAIN_S)
        if late:
            _log.warning("%d streams could not be ended within %g s", len(late), DRAIN_S)
            for live in self:
                live.break_off()
            await asyncio.wait(late)

    def _begin(self, hello: Hello, owner: str) -> LiveStream:
        source = _source(hello, lambda: len(self._live) >= CROWD)
        try:
            place = self._places.take(owner)
        except CrowdedError as error:
            raise SenderRefusedError(Refusal.TOO_MANY_STREAMS, str(error)) from error
        allowance = Allowance(self._bytes_per_second, asyncio.get_running_loop().time())
        live = LiveStream(hello, owner, place, allowance, source, self._assemble(hello.stream, source))
        self._live[hello.stream] = live
        live.running = self._tasks.create_task(self._run(hello.stream, live))
        return live

    def _claim(self, live: LiveStream, hello: Hello, owner: str) -> None:
        """Take a live stream over for another connection, or raise SenderRefusedError."""
        if live.owner != owner:
            raise SenderRefusedError(
                Refusal.STREAM_BUSY, "Another token sends this stream: choose another name."
            )
        if live.source.ended and (hello.session != live.session or live.source.ending != "end of input"):
            raise SenderRefusedError(Refusal.STREAM_BUSY, "This stream is just ending: try again at once.")
        if not live.goes_on_with(hello):
            raise SenderRefusedError(
                Refusal.FORMAT_CHANGED,
                "This stream is still open in another format: go on in that one, or send end first, or wait "
                f"for {self._grace_s:g} s after its sender has gone.",
            )
        if live.sender is not None:
            silent_s = asyncio.get_running_loop().time() - live.sender.heard_s
            if hello.session != live.session and silent_s < ALIVE_S:
                raise SenderRefusedError(
                    Refusal.STREAM_BUSY,
                    "Another connection sends this stream: end it, or choose another name.",
                )
            live.sender.dismiss(Refusal.TAKEN_OVER, "Another connection goes on with this stream.")
        if live.grace is not None:
            live.grace.cancel()
            live.grace = None

    async def _run(self, stream: str, live: LiveStream) -> None:
        """See one session through; whatever happens to it ends no other."""
        try:
            await live.pipeline.run(self._never)
        except InputError:
            pass  # a sender that left before it sent anything: there is nobody to tell
        except asyncio.CancelledError:
            live.failed = True
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORD_S):
                    await live.pipeline.break_off()
            raise
        except CmlstreamError as error:
            live.failed = True
            _log.error("A stream ended with an error: %s", error)
        except Exception:  # noqa: BLE001 - a defect that one stream meets must not end the others; it is logged
            live.failed = True
            _log.exception("A stream ended by a defect of this program")
        finally:
            live.source.finish("error")
            live.place.release()
            del self._live[stream]
            self._past += live.totals()
            self._remember(live)
            live.ended.set_result(live.summary())

    def _remember(self, live: LiveStream) -> None:
        if live.ending == "end of input":
            self._summaries[live.session] = _Ended(live.owner, live.summary())
        while len(self._summaries) > self._summaries_limit:
            del self._summaries[next(iter(self._summaries))]


def _source(hello: Hello, is_crowded: Callable[[], bool]) -> IngestSource:
    try:
        return IngestSource(hello, is_crowded)
    except InputError as error:
        raise SenderRefusedError(Refusal.BAD_HELLO, f"{error}.") from error
