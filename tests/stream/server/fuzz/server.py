"""`python -m tests.stream.server.fuzz.server`: a service of its own process that tells what it holds.

Prints its port; then, for every line on standard input, one line of JSON with what has to stay the same.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys

import msgspec
import psutil

from cmlstream.stream.pipeline import Pipeline
from cmlstream.stream.server.connection import Connection
from cmlstream.stream.server.live_stream import LiveStream
from cmlstream.stream.server.patience import Patience
from cmlstream.stream.server.receiving import Conversation
from cmlstream.stream.sources.ingest import IngestSource
from tests.stream.service import service


class Reading(msgspec.Struct, frozen=True):
    """What a process holds that must not grow."""

    tasks: int
    descriptors: int
    kept: int
    """Objects of a connection or of a stream that goes on."""
    memory_mb: float


KINDS = (Connection, Conversation, LiveStream, Pipeline, IngestSource)


async def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    limits = {
        "hello_s": 1.0,
        "idle_s": 2.0,
        "grace_s": 0.2,
        "message_bytes": 65_536,
        "bytes_per_second": 100_000,
    }
    async with service(patience=Patience(send_s=2.0, close_s=1.0), **limits) as running:
        print(running.address.port, flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(msgspec.json.encode(_reading()).decode(), flush=True)


def _reading() -> Reading:
    gc.collect()
    process = psutil.Process()
    return Reading(
        tasks=len(asyncio.all_tasks()),
        descriptors=process.num_fds(),
        # Not isinstance, which wakes lazy modules of torch.
        kept=sum(issubclass(type(one), KINDS) for one in gc.get_objects()),
        memory_mb=process.memory_info().rss / 2**20,
    )


if __name__ == "__main__":
    asyncio.run(main())
