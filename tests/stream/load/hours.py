"""`python -m tests.stream.load.hours --hours 6`: audio pushed as fast as it goes; is memory flat?

One sender that is in no hurry, so that nothing is thinned; a follower reads every event.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import TYPE_CHECKING

import numpy as np
import psutil

from cmlstream.stream.client import open_sender
from tests.stream.load.__main__ import serving
from tests.stream.load.audio import LOOP_S, loops
from tests.stream.load.follower import Follower, follow

if TYPE_CHECKING:
    from cmlstream.models.contract import Samples

MINUTES = 30


async def push(port: int, minutes: list[Samples], hours: float, server: psutil.Process) -> list[float]:
    """Send; return the server's resident MB after every tenth of the way."""
    readings_mb = []
    count = int(hours * 3600 / LOOP_S)
    async with open_sender(f"ws://127.0.0.1:{port}", stream="load-0", live=False) as sender:
        for sent in range(count):
            await sender.push(minutes[sent % len(minutes)])
            if (sent + 1) % max(1, count // 20) == 0:
                readings_mb.append(server.memory_info().rss / 1e6)
        await sender.end()
    return readings_mb


async def run(hours: float) -> None:
    """Push and print."""
    minutes = loops(MINUTES, 0.35)
    async with serving() as (process, port):
        follower, ready = Follower(1, time.monotonic()), asyncio.Event()
        following = asyncio.create_task(follow(f"ws://127.0.0.1:{port}/v1/events", follower, ready))
        await ready.wait()
        began_s = time.monotonic()
        readings_mb = np.array(await push(port, minutes, hours, psutil.Process(process.pid)))
        passed_s = time.monotonic() - began_s
        following.cancel()
    settled_mb = readings_mb[len(readings_mb) // 10 :]
    growth = (settled_mb.max() - settled_mb.min()) / settled_mb.min()
    print(f"| {hours:g} h of audio, pushed in (s) | {passed_s:.0f} |")
    print(f"| events, holes in seq | {follower.followed.events}, {follower.followed.holes} |")
    print(f"| server memory after each twentieth (MB) | {', '.join(f'{mb:.0f}' for mb in readings_mb)} |")
    print(f"| widest difference after the first tenth (%) | {100 * growth:.1f} |")


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=6)
    asyncio.run(run(parser.parse_args().hours))


if __name__ == "__main__":
    main()
