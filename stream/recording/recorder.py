"""The sink that keeps audio and events in files, for those who asked for it with `--record`."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from cmlstream.stream.daemon import on_daemon_thread
from cmlstream.stream.events import StreamEnded
from cmlstream.stream.seldom import SeldomLog
from cmlstream.stream.sinks.base import Sink

from .intake import Intake, Recording
from .place import Place, make_root
from .writer import Writer

if TYPE_CHECKING:
    from pathlib import Path

    from cmlstream.stream.events import Message
    from cmlstream.stream.session import Session
    from cmlstream.stream.sources.base import Chunk

DRAIN_S = 5.0
"""How long `close` waits for the disk."""

_log = logging.getLogger(__name__)
_seldom = SeldomLog(_log)


class Recorder(Sink):
    """Records any number of sessions from one thread, never holding up a stream.

    When audio waits too long its oldest is dropped and counted; the recording then has a hole that the names
    of its files tell. A recording holds all events of its session up to where it stops: when the disk takes
    no more it stops as a whole. `take_failure` says each once, for an `error` event of the session.
    """

    def __init__(self, root: Path, intake: Intake | None = None) -> None:
        """Prepare to record in the folder `root`; raises ConfigurationError where it is of no use."""
        make_root(root)
        self._root = root
        self._intake = intake or Intake()
        self._writer = Writer()
        self._recordings: dict[str, Recording] = {}
        self._refused_events = 0
        self._deadline: asyncio.Timeout | None = None
        self._finished = asyncio.Event()
        self.dropped_samples = 0
        """Heard but not recorded because the disk was slow, at 16 kHz."""

    def hear(self, session: Session, chunk: Chunk) -> None:
        """Take audio of a session, in order; returns at once. Nobody may change its samples afterwards."""
        recording = self._recording(session.stream, session.identifier)
        if not recording.stopped and (dropped := self._intake.hear(recording, chunk)):
            self.dropped_samples += dropped
            _seldom.warning("The disk is slow: audio is missing in recordings")

    def take_failure(self, session: Session) -> str | None:
        """Return, each once, the sentences that say what the recording of `session` lacks; else None."""
        recording = self._recordings.get(session.identifier)
        return recording.untold.popleft() if recording is not None and recording.untold else None

    async def publish(self, message: Message) -> None:
        """Let an event be written; never waits."""
        event = message.event
        recording = self._recording(event.stream, event.session)
        if recording.stopped:
            self._refused_events += 1
        elif not self._intake.say(recording, message.payload + b"\n"):
            self._refused_events += 1
            recording.stop("the disk is too slow")
            _seldom.warning("The disk is too slow: recordings stop")
        if isinstance(event, StreamEnded):
            self._intake.end(recording)
            del self._recordings[event.session]
        self.skipped_events = self._refused_events + self._writer.lost_events

    async def run(self) -> None:
        """Write until closed; what a disk refuses is logged and told, never raised."""
        try:
            async with asyncio.timeout(None) as self._deadline:
                await on_daemon_thread(self._write, "recorder")
        except TimeoutError:
            _log.warning("The disk took too long: the end of what was recorded is not written")
        finally:
            # The thread ends too, should this be cancelled.
            self._intake.close()
            self._finished.set()

    async def close(self) -> None:
        """Write what waits and close every file, within DRAIN_S; then `run` returns."""
        self._intake.close()
        if self._deadline is not None and not self._finished.is_set():
            self._deadline.reschedule(asyncio.get_running_loop().time() + DRAIN_S)
            await self._finished.wait()

    def _recording(self, stream: str, session: str) -> Recording:
        recording = self._recordings.get(session)
        if recording is None:
            recording = self._recordings[session] = Recording(Place.of(self._root, stream, session))
        return recording

    def _write(self) -> None:
        last = False
        while not last:
            batch = self._intake.take()
            self._writer.write(batch)
            last = batch.last
