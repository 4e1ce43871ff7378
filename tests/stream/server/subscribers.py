"""`python -m tests.stream.server.subscribers`: how soon one event reaches a thousand subscribers.

One stream as it is while someone speaks, five events a second, on real sockets to another process. Beside
the delay from publishing to arrival it prints how late the server's event loop came to other work meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np

from cmlstream.stream.server.following import EVENTS_PATH
from cmlstream.stream.server.lateness import measure_lateness
from cmlstream.stream.server.serve import ServerSettings, serve
from cmlstream.stream.sinks.hub import Hub
from tests.stream.server.many_clients import follow
from tests.stream.serving import until
from tests.stream.synthetic import SyntheticSession

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from multiprocessing.connection import Connection

    from cmlstream.stream.events import Message
    from cmlstream.stream.server.serve import Address

EVENTS_PER_S = 5
PROBE_S = 0.005


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run came to."""

    subscribers: int
    events: int
    delays_ms: tuple[float, ...]
    """From publishing to arrival, of every event at every subscriber."""
    lateness_ms: tuple[float, ...]
    """Of the server's event loop."""
    processor_ms: float
    """Of the server, for one event to everybody."""
    skipped_events: int

    def table(self) -> str:
        """Return it for people."""
        rows = [
            (name, *(f"{value:8.1f}" for value in np.percentile(figures, (50, 99, 100))))
            for name, figures in (("delay_ms", self.delays_ms), ("loop_lateness_ms", self.lateness_ms))
        ]
        lines = [f"{self.subscribers} subscribers, {self.events} events, {self.skipped_events} skipped"]
        lines.append(f"{'':18}{'p50':>8}{'p99':>8}{'max':>8}")
        lines += [f"{name:18}{''.join(values)}" for name, *values in rows]
        lines.append(f"server: {self.processor_ms:.1f} ms of processor time for each event")
        return "\n".join(lines)


async def measure(subscribers: int = 1_000, events: int = 50, query: str = "?stream=kitchen") -> Measured:
    """Publish `events` to so many subscribers and wait until all have come."""
    # As serve does: one look of the collector at all that torch consists of takes 0.1 s.
    gc.collect()
    gc.freeze()
    hub = Hub()
    settings = ServerSettings(port=0, subscribers=subscribers)
    async with serve(hub, settings) as address, _clients(address, query, subscribers, events) as pipe:
        await until(lambda: hub.subscribers == subscribers)
        lateness_s: list[float] = []
        probing = asyncio.create_task(measure_lateness(lateness_s.append, PROBE_S))
        used_s = time.process_time()
        published_s = await _publish(hub, events)
        arrivals = await asyncio.to_thread(pipe.recv)
        used_s = time.process_time() - used_s
        probing.cancel()
    return Measured(
        subscribers,
        events,
        tuple(_delays_ms(published_s, arrivals)),
        tuple(1000 * late_s for late_s in lateness_s),
        1000 * used_s / events,
        hub.skipped_events,
    )


@asynccontextmanager
async def _clients(address: Address, query: str, clients: int, events: int) -> AsyncIterator[Connection]:
    """Run the followers in a process that inherits nothing; yield the pipe to it when all are connected."""
    spawning = get_context("spawn")
    ours, theirs = spawning.Pipe()
    arguments = (theirs, address.host, address.port, EVENTS_PATH + query, clients, events)
    process = spawning.Process(target=follow, args=arguments, daemon=True)
    process.start()
    theirs.close()
    try:
        await asyncio.to_thread(ours.recv)
        yield ours
    finally:
        process.terminate()
        await asyncio.to_thread(process.join)


async def _publish(hub: Hub, events: int) -> dict[int | None, float]:
    published_s = {}
    due_s = time.monotonic()
    for message in _speech(events):
        due_s += 1 / EVENTS_PER_S
        await asyncio.sleep(due_s - time.monotonic())
        published_s[message.event.seq] = time.monotonic()
        await hub.publish(message)
    return published_s


def _speech(events: int) -> list[Message]:
    session = SyntheticSession()
    return [session.status() if index % 5 == 4 else session.affect() for index in range(events)]


def _delays_ms(published_s: Mapping[int | None, float], arrivals: Mapping[int, list[float]]) -> list[float]:
    return [
        1000 * (arrived_s - published_s[seq]) for seq, arrived in arrivals.items() for arrived_s in arrived
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscribers", type=int, default=1_000)
    parser.add_argument("--events", type=int, default=50)
    chosen = parser.parse_args()
    print(asyncio.run(measure(chosen.subscribers, chosen.events)).table())


if __name__ == "__main__":
    main()
