"""What a recording holds, read as its owner would; and a program that records until it is killed."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from cmlstream.models.contract import SAMPLE_RATE, Samples
from cmlstream.stream.recording.recorder import Recorder
from cmlstream.stream.session import Session
from cmlstream.stream.sources.base import CHUNK_SAMPLES, Chunk
from tests.stream.synthetic import SyntheticSession

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cmlstream.stream.recording.intake import Intake

SECOND = SAMPLE_RATE
NOISE_T = (np.random.default_rng(7).standard_normal(20 * SAMPLE_RATE) * 3_000).astype(np.int16)


def noise(start: int, count: int) -> Samples:
    """What is heard at any position: one can tell by the samples where they belong."""
    return np.take(NOISE_T, np.arange(start, start + count), mode="wrap")


def recorded_audio(folder: Path) -> dict[int, Samples]:
    """Return the stretches of a session by where they begin."""
    audio = {}
    for path in sorted(folder.glob("audio-*.flac")):
        samples_T, rate = soundfile.read(path, dtype="int16")
        assert rate == SAMPLE_RATE
        audio[int(path.stem.removeprefix("audio-"))] = samples_T
    return audio


def events_file(root: Path, session: Session) -> Path:
    return root / session.stream / session.identifier / "events.jsonl"


@asynccontextmanager
async def recording(root: Path, intake: Intake | None = None) -> AsyncIterator[Recorder]:
    recorder = Recorder(root, intake)
    running = asyncio.create_task(recorder.run())
    try:
        yield recorder
    finally:
        await recorder.close()
        await running


def events_of(session: Session) -> SyntheticSession:
    return SyntheticSession(session.stream, session.identifier)


async def record_at_once(root: Path) -> None:
    """Record as fast as it goes, with an event for every tenth chunk, and lost audio now and then."""
    async with recording(root) as recorder:
        session = Session("desk", "test 1")
        events = events_of(session)
        await recorder.publish(events.started())
        position = 0
        for turn in range(20_000):
            recorder.hear(session, Chunk(noise(position, CHUNK_SAMPLES), position))
            position += CHUNK_SAMPLES * (2 if turn % 700 == 699 else 1)
            if turn % 10 == 0:
                await recorder.publish(events.affect())
                await asyncio.sleep(0)
        await asyncio.Event().wait()


async def record_and_wait(root: Path) -> None:
    """Record three seconds and an event, say so, and wait."""
    async with recording(root) as recorder:
        session = Session("desk", "test 1")
        for position in range(0, 3 * SECOND, CHUNK_SAMPLES):
            recorder.hear(session, Chunk(noise(position, CHUNK_SAMPLES), position))
        await recorder.publish(events_of(session).started())
        print("heard", flush=True)
        await asyncio.Event().wait()


async def record_within_a_limit(root: Path) -> None:
    """Record until that stops, and print why."""
    async with recording(root) as recorder:
        session = Session("desk", "test 1")
        events = events_of(session)
        await recorder.publish(events.started())
        position = 0
        while (failure := recorder.take_failure(session)) is None:
            recorder.hear(session, Chunk(noise(position, CHUNK_SAMPLES), position))
            position += CHUNK_SAMPLES
            await asyncio.sleep(0.004)
        print(failure)


if __name__ == "__main__":
    program = {
        "at once": record_at_once,
        "and wait": record_and_wait,
        "within a limit": record_within_a_limit,
    }[sys.argv[1]]
    asyncio.run(program(Path(sys.argv[2])))
