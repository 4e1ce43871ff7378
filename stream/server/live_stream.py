"""One live stream of a server: its session, who sends it, and what it has come to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.stream.ingest import Refusal, Summary

from .metrics import StreamTotals

if TYPE_CHECKING:
    from cmlstream.stream.events import Ending
    from cmlstream.stream.ingest import Hello
    from cmlstream.stream.pipeline import Pipeline
    from cmlstream.stream.sources.base import Source
    from cmlstream.stream.sources.ingest import IngestSource

    from .allowance import Allowance, Place


class Sender(Protocol):
    """A connection that brings a stream's audio."""

    @property
    def heard_s(self) -> float:
        """When it last said anything, by the loop's clock."""

    def dismiss(self, refusal: Refusal, message: str) -> None:
        """Turn it away."""


class LiveStream:
    """One session of a stream, and who sends it now."""

    def __init__(
        self,
        hello: Hello,
        owner: str,
        place: Place,
        allowance: Allowance,
        source: IngestSource,
        pipeline: Pipeline,
    ) -> None:
        self.owner = owner
        """The name of the token it is sent with."""
        self.place = place
        self.source = source
        self.pipeline = pipeline
        self.ended: asyncio.Future[Summary] = asyncio.get_running_loop().create_future()
        """Done once the last event has been published."""
        self.sender: Sender | None = None
        self.grace: asyncio.TimerHandle | None = None
        self.running: asyncio.Task[None] | None = None
        self.allowance = allowance
        """Outlives connections, so that coming again allows no more."""
        self.failed = False
        self._hello = hello

    @property
    def session(self) -> str:
        """What the events name."""
        return self.pipeline.session.identifier

    @property
    def ending(self) -> Ending:
        """Why it ended, whatever its sender said."""
        return "error" if self.failed else self.source.ending

    def break_off(self) -> None:
        """End it without what it still waits for, which may never come: the server stops."""
        if self.sender is not None:
            self.sender.dismiss(
                Refusal.SERVER_STOPS, "This server stops: the end of what was sent could not be published."
            )
        if self.running is not None:
            self.running.cancel()

    def goes_on_with(self, hello: Hello) -> bool:
        """Whether this sender's audio is of the kind that the stream began with."""
        begun = self._hello
        return (hello.format, hello.rate, hello.channels, hello.channel) == (
            begun.format,
            begun.rate,
            begun.channels,
            begun.channel,
        )

    def totals(self) -> StreamTotals:
        """What counts of this session for the whole server."""
        return totals_of(self.pipeline, self.source)

    def summary(self) -> Summary:
        """What the session has come to so far."""
        tally = self.pipeline.tally
        return Summary(
            session=self.session,
            sample=self.source.frames,
            audio_s=self.pipeline.position / SAMPLE_RATE,
            speech_s=tally.speech_samples / SAMPLE_RATE,
            regions=tally.regions,
            events=self.pipeline.session.published,
            dropped_samples=self.source.dropped_samples,
            thinned_updates=tally.thinned_updates,
        )


def totals_of(pipeline: Pipeline, source: Source) -> StreamTotals:
    """What counts of the session that `pipeline` hears from `source` for the whole server."""
    return StreamTotals(
        audio_s=pipeline.position / SAMPLE_RATE,
        dropped_samples=source.dropped_samples,
        thinned_updates=pipeline.tally.thinned_updates,
    )
