"""What publishing to Redis adds to the CPU of a stream: python -m tests.stream.redis_cost [MINUTES].

The same events of 64 streams, at the pace of live ones, go into no sink and into RedisSink; what that adds
for each event is set against the CPU of `cmlstream listen FILE` for as much audio.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import soundfile

from cmlstream.stream.embedded_redis import embedded_redis
from tests.stream.redis_publishing import publishing
from tests.stream.synthetic import SyntheticSession

STREAMS = 64
UPDATES_PER_S = 4
SECONDS = 20
SAMPLE = Path(__file__).parents[2] / "stream" / "sources" / "sample.flac"


async def paced_cpu_s(url: str | None) -> tuple[float, int]:
    """Return the CPU of making, and of publishing, the events of all streams, and their number."""
    sessions = [SyntheticSession(f"room-{number}") for number in range(STREAMS)]
    async with AsyncExitStack() as stack:
        sink = await stack.enter_async_context(publishing(url)) if url else None
        before, published = time.process_time(), 0
        loop = asyncio.get_running_loop()
        start = loop.time()
        for turn in range(SECONDS * UPDATES_PER_S):
            for index, session in enumerate(sessions):
                # Streams are not in step: their events come one by one.
                due = start + (turn + index / STREAMS) / UPDATES_PER_S
                await asyncio.sleep(due - loop.time())
                messages = (
                    [session.affect()] if turn % UPDATES_PER_S else [session.affect(), session.status()]
                )
                for message in messages:
                    published += 1
                    if sink:
                        await sink.publish(message)
        spent = time.process_time() - before
    return spent, published


def listen_cpu_s(path: Path, *options: str) -> float:
    """Return the CPU of the command for one file, as fast as it goes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [
        sys.executable,
        "-m",
        "cmlstream.stream",
        "listen",
        str(path),
        "--json",
        "--port",
        "0",
        *options,
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


async def main(minutes: float) -> None:
    sample, rate = soundfile.read(SAMPLE, dtype="int16")
    seconds = minutes * 60
    with tempfile.TemporaryDirectory() as directory:
        path, brief = Path(directory) / "long.flac", Path(directory) / "brief.flac"
        soundfile.write(path, np.resize(sample, int(seconds * rate)), rate)
        soundfile.write(brief, sample[: 2 * rate], rate)
        async with embedded_redis() as url:
            start_s = await asyncio.to_thread(listen_cpu_s, brief)
            plain_s = await asyncio.to_thread(listen_cpu_s, path)
            start_redis_s = await asyncio.to_thread(listen_cpu_s, brief, "--redis", url)
            redis_s = await asyncio.to_thread(listen_cpu_s, path, "--redis", url)
            without_s, events = await paced_cpu_s(None)
            with_s, _ = await paced_cpu_s(url)
    stream_s = plain_s - start_s
    print(f"listen, {minutes:g} min: {stream_s:.2f} s, with Redis {redis_s - start_redis_s:.2f} s")
    event_us = 1e6 * (with_s - without_s) / events
    print(f"{STREAMS} streams, paced: {event_us:.0f} us for each of {events} events")
    per_second_us = event_us * (UPDATES_PER_S + 1)
    print(
        f"= {per_second_us:.0f} us of {1e6 * stream_s / seconds:.0f} us for a second of speech, "
        f"{100 * per_second_us * seconds / 1e6 / stream_s:.1f} %"
    )


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 5))
