"""Writes what waits into the files of all recordings, on whatever thread calls it."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import numpy as np

from cmlstream.stream.seldom import SeldomLog
from cmlstream.stream.sources.base import Chunk

from .files import SessionFiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .intake import Batch, Due, Recording

SYNC_S = 5.0
"""How much a machine that loses power may lose; a killed program loses less (`intake.WRITE_INTERVAL_S`)."""

_trouble = SeldomLog(logging.getLogger(__name__))


class Writer:
    """Keeps the files of every recording; where one cannot be written it stops, and the others go on."""

    def __init__(self) -> None:
        self._files: dict[Recording, SessionFiles] = {}
        self._synced_s: dict[Recording, float] = {}
        self.lost_events = 0
        """Events that were not written, for their recording had stopped or stopped with them."""

    def write(self, batch: Batch) -> None:
        """Write a batch; after the last one every file is closed."""
        for recording, due in batch.due.items():
            if recording.stopped:
                self.lost_events += len(due.lines)
                self._abandon(recording)
            else:
                self._attempt(recording, due)
        self._sync(time.monotonic())
        if batch.last:
            self._close_all()

    def _attempt(self, recording: Recording, due: Due) -> None:
        try:
            self._write(recording, due)
        except OSError as error:
            self.lost_events += len(due.lines)
            self._stop(recording, error)

    def _write(self, recording: Recording, due: Due) -> None:
        files = self._files.get(recording)
        if files is None:
            files = self._files[recording] = SessionFiles(recording.place)
            self._synced_s[recording] = time.monotonic()
        files.write_events(b"".join(due.lines))
        due.lines.clear()
        for chunk in _joined(due.chunks):
            files.write_audio(chunk)
        if due.ended:
            self._forget(recording).close()

    def _sync(self, now_s: float) -> None:
        for recording in [one for one, synced_s in self._synced_s.items() if now_s - synced_s >= SYNC_S]:
            self._synced_s[recording] = now_s
            try:
                self._files[recording].sync()
            except OSError as error:
                self._stop(recording, error)

    def _close_all(self) -> None:
        for recording in list(self._files):
            try:
                self._forget(recording).close()
            except OSError as error:
                self._stop(recording, error)

    def _stop(self, recording: Recording, error: OSError) -> None:
        reason = error.strerror or str(error)
        recording.stop(reason)
        _trouble.warning("A recording stopped (%s): see to the folder that --record names", reason)
        self._abandon(recording)

    def _abandon(self, recording: Recording) -> None:
        if recording in self._files:
            self._forget(recording).abandon()

    def _forget(self, recording: Recording) -> SessionFiles:
        del self._synced_s[recording]
        return self._files.pop(recording)


def _joined(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Yield the same audio in as few chunks as its gaps allow: encoding costs half as much."""
    run: list[Chunk] = []
    end = 0
    for chunk in chunks:
        if run and chunk.start != end:
            yield _one(run)
            run = []
        run.append(chunk)
        end = chunk.start + len(chunk.samples_T)
    if run:
        yield _one(run)


def _one(run: list[Chunk]) -> Chunk:
    return (
        run[0] if len(run) == 1 else Chunk(np.concatenate([chunk.samples_T for chunk in run]), run[0].start)
    )
