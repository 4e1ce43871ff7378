"""`python -m tests.stream.load --streams 200 --speech 0.35 --seconds 600`: one server, many live streams.

Prints delay from the end of the hop's audio to the event at a websocket client, losses, memory and processor
time of the server, and beside it the processor time of the load itself and the machine's idle share. 20 ms
chunks at 16 kHz, on real sockets.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np
import psutil

from cmlstream.models.errors import CmlstreamError
from tests.stream.load.audio import loops
from tests.stream.load.follower import Followed, Follower, follow
from tests.stream.load.lateness import percentile_ms, read_lateness
from tests.stream.load.senders import RAMP_S, Sent, send

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

MINUTES = 24
SETTLE_S = 4.0
"""From the first connection to the first chunk; all senders are connected by then."""
READ_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Reading:
    """The server and the machine at one moment of the run."""

    at_s: float
    memory_mb: float
    server_s: float
    idle_s: float


@asynccontextmanager
async def serving(*options: str) -> AsyncIterator[tuple[Process, int]]:
    """Run `cmlstream serve` on a free port; yield its process and port."""
    command = [sys.executable, "-m", "cmlstream.stream", "serve", "--port", "0", *options]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    try:
        yield process, await _port(process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _port(process: Process) -> int:
    assert process.stderr is not None
    async for line in process.stderr:
        if line.startswith(b"ingest"):
            return int(line.rsplit(b":", 1)[1].split(b"/")[0])
    raise CmlstreamError("`cmlstream serve` ended before it said where it is: run it to see why.")


async def _watch(server: psutil.Process, starts_s: float, readings: list[Reading]) -> None:
    await asyncio.sleep(starts_s + RAMP_S - time.monotonic())
    while True:
        spent = server.cpu_times()
        readings.append(
            Reading(
                time.monotonic(),
                server.memory_info().rss / 1e6,
                spent.user + spent.system,
                psutil.cpu_times().idle,
            )
        )
        await asyncio.sleep(READ_EVERY_S)


async def run(streams: int, speech_share: float, seconds: float, options: list[str]) -> None:
    """Load a server and print what came of it."""
    minutes = loops(MINUTES, speech_share)
    async with serving(*options) as (process, port):
        starts_s = time.monotonic() + SETTLE_S
        follower, ready = Follower(streams, starts_s), asyncio.Event()
        readings: list[Reading] = []
        following = asyncio.create_task(follow(f"ws://127.0.0.1:{port}/v1/events", follower, ready))
        await ready.wait()
        watching = asyncio.create_task(_watch(psutil.Process(process.pid), starts_s, readings))
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            sending = asyncio.get_running_loop().run_in_executor(
                pool, send, port, minutes, streams, starts_s, seconds
            )
            await asyncio.sleep(starts_s + RAMP_S - time.monotonic())
            early = await asyncio.to_thread(read_lateness, port)
            sent = await sending
        late = await asyncio.to_thread(read_lateness, port)
        watching.cancel()
        following.cancel()
        report(follower.followed, sent, readings[:-2])
        print(f"| lateness of the event loop, p99 (ms) | {percentile_ms(early, late, 99)} |")


def report(followed: Followed, sent: Sent, readings: list[Reading]) -> None:
    """Print the figures as a table."""
    first, last = readings[0], readings[-1]
    passed_s = last.at_s - first.at_s
    memory_mb = np.array([reading.memory_mb for reading in readings])
    delays_ms = np.array(followed.delays_ms)
    third = max(1, len(memory_mb) // 3)
    rows = {
        "delay of rolling estimates, p50 / p99 / worst (ms)": " / ".join(
            f"{np.percentile(delays_ms, percentile):.1f}" for percentile in (50, 99, 100)
        ),
        "rolling estimates, regions, events": f"{len(delays_ms)}, {followed.regions}, {followed.events}",
        "speech (s)": f"{followed.speech_s:.0f}",
        "holes in seq; dropped, skipped or thinned": f"{followed.holes}; {sum(followed.dropped.values())}",
        "chunks sent, late ones, bytes that had to wait": (
            f"{sent.chunks}, {sent.late_chunks}, {sent.refused_bytes}"
        ),
        "server: cores": f"{(last.server_s - first.server_s) / passed_s:.2f}",
        "load: cores of the senders": f"{sent.processor_s / passed_s:.2f}",
        "machine idle (%)": f"{100 * (last.idle_s - first.idle_s) / passed_s / psutil.cpu_count():.0f}",
        "server memory, median of the 2nd and of the last third (MB)": (
            f"{np.median(memory_mb[third : 2 * third]):.0f}, {np.median(memory_mb[-third:]):.0f}"
        ),
    }
    for name, value in rows.items():
        print(f"| {name} | {value} |")


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--speech", type=float, default=0.35, help="share of speech")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--serve", nargs=argparse.REMAINDER, default=[], help="options of serve; comes last")
    given = parser.parse_args()
    asyncio.run(run(given.streams, given.speech, given.seconds, given.serve))


if __name__ == "__main__":
    main()
