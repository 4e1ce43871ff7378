import asyncio

import pytest

from cmlstream.stream.stopping import until


class Ticks:
    """An endless source that remembers whether it was closed; it never yields unless told to."""

    def __init__(self):
        self.closed = False
        self.due = asyncio.Event()

    async def items(self):
        try:
            number = 0
            while True:
                await self.due.wait()
                self.due.clear()
                number += 1
                yield number
        finally:
            self.closed = True


async def collect(iterator):
    return [item async for item in iterator]


def test_all_items_come_when_nobody_stops():
    async def three():
        for number in range(3):
            yield number

    async def run():
        return await collect(until(asyncio.Event(), three()))

    assert asyncio.run(run()) == [0, 1, 2]


def test_stopping_ends_even_while_the_next_item_is_awaited_and_closes_the_source():
    async def run():
        ticks, stop = Ticks(), asyncio.Event()
        ticks.due.set()
        found = []
        async for item in until(stop, ticks.items()):
            found.append(item)
            asyncio.get_running_loop().call_soon(stop.set)
        return found, ticks.closed

    assert asyncio.run(run()) == ([1], True)


def test_cancelling_closes_the_source():
    async def run():
        ticks = Ticks()
        collecting = asyncio.create_task(collect(until(asyncio.Event(), ticks.items())))
        for _ in range(5):
            await asyncio.sleep(0)
        collecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await collecting
        return ticks.closed, len(asyncio.all_tasks())

    assert asyncio.run(run()) == (True, 1)


def test_an_error_of_the_source_passes_through():
    async def broken():
        yield 1
        raise OSError("unplugged")

    async def run():
        await collect(until(asyncio.Event(), broken()))

    with pytest.raises(OSError, match="unplugged"):
        asyncio.run(run())
