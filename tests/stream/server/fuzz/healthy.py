"""`python -m tests.stream.server.fuzz.healthy PORT`: a well-behaved stream in a process of its own.

Sends speech at its own pace and follows its events, until standard input ends; then prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys

import msgspec
import numpy as np
from websockets.asyncio.client import connect

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.stream.events import Affect, Gap, SpeechEnded, Status, StreamEnded, decode
from tests.signals import quiet_noise, speech_like

CHUNK_SAMPLES = 320


class Report(msgspec.Struct, frozen=True):
    """What became of the stream."""

    audio_s: float
    speech_ended: int
    gaps: int
    holes: int
    """Numbers of events that are missing or came twice."""
    sessions: int
    dropped_samples: int
    thinned_updates: int
    late_ms: list[float]
    """Of every rolling estimate and status, after the end of its audio had been sent."""


async def main(port: int) -> None:
    stop = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(_follow(port))
        speaking = tasks.create_task(_speak(port, stop))
    began_s, summary = speaking.result()
    came = following.result()
    events = [event for event, _ in came]
    report = Report(
        audio_s=summary["audio_s"],
        speech_ended=sum(isinstance(event, SpeechEnded) for event in events),
        gaps=sum(isinstance(event, Gap) for event in events),
        holes=sum(after.seq != before.seq + 1 for before, after in itertools.pairwise(events)),
        sessions=len({event.session for event in events}),
        dropped_samples=summary["dropped_samples"],
        thinned_updates=summary["thinned_updates"],
        late_ms=[
            (at_s - began_s - event.end_sample / SAMPLE_RATE) * 1000
            for event, at_s in came
            if isinstance(event, Affect | Status)
        ],
    )
    print(msgspec.json.encode(report).decode())


async def _speak(port, stop):
    """Return when the first sample was due, and the summary."""
    loop = asyncio.get_running_loop()
    audio_T = np.concatenate([speech_like(4.0, seed=7), quiet_noise(1.0)]).astype("<i2")
    async with connect(f"ws://127.0.0.1:{port}/v1/ingest", proxy=None) as connection:
        await connection.send('{"type": "hello", "stream": "healthy"}')
        assert json.loads(await connection.recv())["type"] == "ready"
        # Unread acknowledgements would fill the connection, and pings would get no answer.
        hearing = asyncio.create_task(_last(connection))
        began_s, sent = loop.time(), 0
        while not stop.done():
            begin = sent % len(audio_T)
            chunk_T = audio_T[begin : begin + CHUNK_SAMPLES]
            sent += len(chunk_T)
            await asyncio.sleep(began_s + sent / SAMPLE_RATE - loop.time())
            await connection.send(chunk_T.tobytes())
        await connection.send('{"type": "end"}')
        return began_s, await hearing


async def _last(connection):
    said = [json.loads(message) async for message in connection]
    return said[-1]


async def _follow(port):
    """Return the events with the time at which each came."""
    loop = asyncio.get_running_loop()
    came = []
    async with connect(f"ws://127.0.0.1:{port}/v1/events?stream=healthy", proxy=None) as connection:
        async for message in connection:
            came.append((decode(message), loop.time()))
            if isinstance(came[-1][0], StreamEnded):
                break
    return came


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
