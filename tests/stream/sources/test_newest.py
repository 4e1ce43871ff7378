import asyncio
import threading

import numpy as np

from cmlstream.stream.sources.newest import NewestQueue


def samples(length, value=1):
    return np.full(length, value, np.int16)


def test_audio_comes_out_in_order_with_its_position():
    async def run():
        queue = NewestQueue(1_000)
        for value in (1, 2, 3):
            queue.put(samples(10, value))
        return [await queue.get() for _ in range(3)]

    chunks = asyncio.run(run())
    assert [chunk.start for chunk in chunks] == [0, 10, 20]
    assert [chunk.samples_T[0] for chunk in chunks] == [1, 2, 3]


def test_when_full_the_oldest_goes_and_is_counted():
    async def run():
        queue = NewestQueue(100)
        for value in range(25):
            queue.put(samples(10, value))
        return await queue.get(), queue.dropped_samples

    chunk, dropped_samples = asyncio.run(run())
    assert (chunk.start, chunk.samples_T[0], dropped_samples) == (150, 15, 150)


def test_the_newest_is_kept_even_if_it_is_larger_than_the_queue():
    async def run():
        queue = NewestQueue(5)
        queue.put(samples(10, 1))
        queue.put(samples(10, 2))
        return await queue.get(), queue.dropped_samples

    chunk, dropped_samples = asyncio.run(run())
    assert (chunk.start, len(chunk.samples_T), dropped_samples) == (10, 10, 10)


def test_what_the_device_lost_is_a_jump():
    async def run():
        queue = NewestQueue(100)
        queue.put(samples(10))
        queue.skip(7)
        queue.put(samples(10))
        return [await queue.get(), await queue.get()], queue.dropped_samples

    chunks, dropped_samples = asyncio.run(run())
    assert [chunk.start for chunk in chunks] == [0, 17]
    assert dropped_samples == 7


def test_nothing_is_lost_between_a_thread_and_a_reader_that_keeps_up():
    async def run():
        queue = NewestQueue(10_000)
        thread = threading.Thread(target=lambda: [queue.put(samples(1, value)) for value in range(10_000)])
        thread.start()
        values = [int((await queue.get()).samples_T[0]) for _ in range(10_000)]
        thread.join()
        return values

    assert asyncio.run(run()) == list(range(10_000))


def test_a_device_that_outlives_the_loop_is_ignored():
    async def run():
        queue = NewestQueue(100)
        queue.close()
        return queue

    queue = asyncio.run(run())
    queue.put(samples(10))  # would raise: the loop is closed
    assert queue.dropped_samples == 0
