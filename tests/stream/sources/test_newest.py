import asyncio
import threading

import numpy as np
import pytest

from cmlstream.models.errors import InputError
from cmlstream.stream.sources.newest import EndOfAudio, NewestQueue, PatientQueue


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


def test_what_finished_is_told_after_all_that_was_held():
    async def run():
        queue = NewestQueue(100)
        queue.put(samples(10))
        queue.finish(EndOfAudio())
        first = await queue.get()
        with pytest.raises(EndOfAudio):
            await queue.get()
        return first

    assert len(asyncio.run(run()).samples_T) == 10


def test_a_reader_that_waits_is_told_of_the_end():
    async def run():
        queue = NewestQueue(100)
        threading.Timer(0.05, queue.finish, [InputError("broken")]).start()
        await queue.get()

    with pytest.raises(InputError, match="broken"):
        asyncio.run(run())


def test_who_brings_too_much_to_a_patient_queue_waits_and_nothing_is_lost():
    async def run():
        queue = PatientQueue(50)
        thread = threading.Thread(target=lambda: [queue.put(samples(20, value)) for value in range(100)])
        thread.start()
        await asyncio.to_thread(thread.join, 0.1)
        assert thread.is_alive()
        return [await queue.get() for _ in range(100)], queue.dropped_samples

    chunks, dropped_samples = asyncio.run(run())
    assert [chunk.start for chunk in chunks] == list(range(0, 2_000, 20))
    assert dropped_samples == 0


def test_a_piece_larger_than_a_patient_queue_goes_through():
    async def run():
        queue = PatientQueue(50)
        queue.put(samples(200))
        return await queue.get()

    assert len(asyncio.run(run()).samples_T) == 200


def test_closing_a_patient_queue_sets_free_who_waits():
    async def run():
        queue = PatientQueue(10)
        thread = threading.Thread(target=lambda: [queue.put(samples(10)) for _ in range(9)])
        thread.start()
        await queue.get()
        queue.close()
        await asyncio.to_thread(thread.join, 5)
        return thread.is_alive()

    assert not asyncio.run(run())
