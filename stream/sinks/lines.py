"""One line per event on a byte stream: JSON for programs, or a sentence per region for people."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from typing import TYPE_CHECKING

from cmlstream.models.errors import ServiceError
from cmlstream.stream.daemon import on_daemon_thread
from cmlstream.stream.events import Error, Gap, SpeechEnded, StreamEnded, StreamStarted
from cmlstream.stream.plain import plain

from .base import Sink

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from cmlstream.stream.events import Message

QUEUED_LINES = 256
PATIENCE_S = 2.0


def json_line(message: Message) -> bytes:
    """Return the event as it goes over every transport."""
    return message.payload + b"\n"


def text_line(message: Message) -> bytes:
    """Return a line for people; empty for events that would only flood a log."""
    event = message.event
    match event:
        case StreamStarted():
            text = f"{_clock(event.start_time)}  listening to {plain(event.source)}"
        case SpeechEnded(
            activation=float() as activation, valence=float() as valence, emotion=dict() as emotion
        ):
            likeliest = max(emotion, key=emotion.__getitem__)
            text = (
                f"{_clock(event.start_time)}  {event.speech_s:5.1f} s of speech   "
                f"activation {activation:+.2f}   valence {valence:+.2f}   "
                f"{plain(likeliest)} {emotion[likeliest]:.0%}"
            )
        case Gap():
            text = f"{_clock(event.start_time)}  {event.kind} missing until {_clock(event.end_time)}"
        case Error():
            text = f"{_clock(event.start_time)}  {plain(event.message)}"
        case StreamEnded():
            text = f"{_clock(event.start_time)}  {event.reason}"
        case _:
            return b""
    return text.encode() + b"\n"


def named_line(message: Message) -> bytes:
    """Return a line for people who follow several streams."""
    line = text_line(message)
    return line and f"{message.event.stream:<12} ".encode() + line


class LineSink(Sink):
    """Writes lines to a file descriptor from a thread, so that a slow reader never blocks the event loop.

    Nothing is lost while somebody reads: when the queue is full, `publish` waits. A reader who has stalled
    gets PATIENCE_S once `stop` is set. One who has gone (a closed pipe) sets `stop`, as `head` expects.
    """

    def __init__(self, descriptor: int, line: Callable[[Message], bytes], stop: asyncio.Event) -> None:
        self._descriptor = descriptor
        self._line = line
        self._stop = stop
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUED_LINES)
        self._abandoned = False
        self._closed = asyncio.Event()

    async def publish(self, message: Message) -> None:
        """Queue the event's line, waiting for room."""
        if (line := self._line(message)) and not self._abandoned:
            await self._queue.put(line)

    async def close(self) -> None:
        """Let `run` return after the queued lines."""
        self._closed.set()
        if not self._abandoned:
            await self._queue.put(None)

    async def run(self) -> None:
        """Write until closed.

        Raises ServiceError, once closed, where the output cannot be written to, such as on a full disk.
        """
        writing = asyncio.create_task(self._write_lines())
        waiting = asyncio.create_task(self._lose_patience())
        try:
            await asyncio.wait({writing, waiting}, return_when=asyncio.FIRST_COMPLETED)
            failure = writing.result() if writing.done() else None
        finally:
            writing.cancel()
            waiting.cancel()
        self._abandon()
        if failure is not None:
            self._stop.set()
            await self._closed.wait()
            if not isinstance(failure, BrokenPipeError):
                raise ServiceError(
                    f"Standard output cannot be written to ({failure.strerror}): write it elsewhere."
                )

    async def _write_lines(self) -> OSError | None:
        """Return what broke the output, or None when all lines are written and the sink was closed."""
        while (lines := await self._due()) is not None:
            try:
                await on_daemon_thread(partial(_write, self._descriptor, lines), "lines")
            except OSError as error:
                return error
        return None

    async def _lose_patience(self) -> None:
        await self._stop.wait()
        await asyncio.sleep(PATIENCE_S)

    async def _due(self) -> bytes | None:
        """Return all queued lines at once, or None when closed."""
        lines = [await self._queue.get()]
        while not self._queue.empty() and lines[-1] is not None:
            lines.append(self._queue.get_nowait())
        if lines[-1] is None and len(lines) > 1:
            self._queue.put_nowait(None)
        return b"".join(line for line in lines if line) or None

    def _abandon(self) -> None:
        """Discard what is queued and what still comes; whoever waits for room has it."""
        self._abandoned = True
        while not self._queue.empty():
            self._queue.get_nowait()


def _write(descriptor: int, lines: bytes) -> None:
    """Write past Python's buffer: a lock held by a stalled thread would crash the interpreter at its end."""
    rest = memoryview(lines)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _clock(moment: datetime) -> str:
    return moment.astimezone().strftime("%H:%M:%S")
