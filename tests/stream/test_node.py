"""How a node ends: streams first, then all places where events go at once."""

import asyncio

from cmlstream.stream.node import end
from cmlstream.stream.sinks.base import Sink
from tests.stream.service import greet, sending, service
from tests.stream.serving import run


class Meeting(Sink):
    """A sink that takes as long to close as another does."""

    def __init__(self, barrier: asyncio.Barrier) -> None:
        self._barrier = barrier

    async def publish(self, message: object) -> None:
        """Nothing is kept."""

    async def run(self) -> None:
        """Nothing waits."""

    async def close(self) -> None:
        await self._barrier.wait()


def test_no_sink_waits_for_another_to_close_and_all_wait_for_the_streams() -> None:
    async def check() -> None:
        barrier = asyncio.Barrier(2)
        async with service() as running, sending(running.address) as sender:
            await greet(sender)
            (live,) = running.streams
            await end(running.streams, [Meeting(barrier), Meeting(barrier)])
            assert live.ended.done()

    run(check())
