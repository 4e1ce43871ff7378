import asyncio
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmlstream.stream.ingest import Hello
from cmlstream.stream.sources.base import NewSpeaker
from cmlstream.stream.sources.convert import Converter
from cmlstream.stream.sources.ingest import FULL_PIECES, FULL_SAMPLES, IngestSource

AUDIO_T = np.random.default_rng(3).integers(-20_000, 20_000, 5_000).astype("<i2")


async def heard(source):
    return [item async for item in source.chunks()]


def pushed(pieces, **hello):
    async def run():
        source = IngestSource(Hello(stream="a", **hello))
        for piece in pieces:
            source.push(piece)
        source.finish("end of input")
        return source, await heard(source)

    return asyncio.run(run())


@given(
    cuts=st.lists(st.integers(0, 2 * len(AUDIO_T)), max_size=8), rate=st.sampled_from((8_000, 16_000, 48_000))
)
def test_how_audio_is_cut_into_messages_changes_nothing(cuts, rate):
    pcm = AUDIO_T.tobytes()
    edges = [0, *sorted(cuts), len(pcm)]
    source, chunks = pushed([pcm[a:b] for a, b in itertools.pairwise(edges)], rate=rate)
    converter = Converter(rate, 1)
    whole_T = np.concatenate([converter.push(AUDIO_T.reshape(-1, 1)), converter.flush()])
    assert source.frames == len(AUDIO_T)
    assert [chunk.start for chunk in chunks] == [0] * bool(chunks)
    np.testing.assert_array_equal(np.concatenate([chunk.samples_T for chunk in chunks]), whole_T)


def test_half_a_frame_is_forgotten_when_its_sender_is_cut_off():
    async def run():
        source = IngestSource(Hello(stream="a", channels=2))
        source.push(b"\1\0\1\0\7")
        source.cut_off()
        source.push(b"\3\0\3\0")
        source.finish("end of input")
        return source.frames, [chunk.samples_T.tolist() for chunk in await heard(source)]

    assert asyncio.run(run()) == (2, [[1, 3]])


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_skipped_audio_is_a_jump_of_its_length(rate):
    async def run():
        source = IngestSource(Hello(stream="a", rate=rate))
        source.push(bytes(2 * rate))
        source.skip(rate // 2)
        source.push(bytes(2 * rate))
        source.finish("end of input")
        return source, await heard(source)

    source, chunks = asyncio.run(run())
    assert chunks[-1].start == 24_000
    assert source.dropped_samples == pytest.approx(8_000, abs=1)
    assert source.frames == 2 * rate + rate // 2


def test_a_full_source_says_so_and_calls_back_when_there_is_room():
    async def run():
        source = IngestSource(Hello(stream="a"))
        calls = []
        source.when_room(lambda: calls.append(source.full))
        source.push(bytes(2 * FULL_SAMPLES - 2))
        assert not source.full
        source.push(bytes(2))
        assert source.full
        await anext(source.chunks())
        return calls

    assert asyncio.run(run()) == [False]


def test_a_source_is_full_of_pieces_too():
    async def run():
        source = IngestSource(Hello(stream="a"))
        calls = []
        source.when_room(lambda: calls.append(source.full))
        for _ in range(FULL_PIECES):
            assert not source.full
            source.push(bytes(2))
        assert source.full
        await anext(source.chunks())
        return calls

    assert asyncio.run(run()) == [False]


def test_of_what_is_skipped_and_who_speaks_only_the_last_is_held():
    async def run():
        source = IngestSource(Hello(stream="a"))
        source.push(bytes(200))
        source.change_speaker()
        for _ in range(10_000):
            source.skip(1)
            source.change_speaker()
        held = len(source._held)
        source.push(bytes(100))
        source.finish("end of input")
        return held, source, await heard(source)

    held, source, items = asyncio.run(run())
    assert held == 3
    assert [type(item) is NewSpeaker or (item.start, len(item.samples_T)) for item in items] == [
        (0, 100),
        (10_100, 0),
        True,
        (10_100, 50),
    ]
    assert (source.frames, source.dropped_samples) == (10_150, 10_000)


def test_what_comes_after_the_end_is_not_taken():
    async def run():
        source = IngestSource(Hello(stream="a", rate=8_000))
        source.push(bytes(200))
        source.finish("stopped")
        source.push(bytes(200))
        source.skip(100)
        source.change_speaker()
        return source.frames, source.dropped_samples, await heard(source)

    frames, dropped_samples, items = asyncio.run(run())
    assert (frames, dropped_samples) == (100, 0)
    assert sum(len(item.samples_T) for item in items) == 200


def test_a_change_of_speaker_keeps_its_place_and_comes_once():
    async def run():
        source = IngestSource(Hello(stream="a"))
        source.push(bytes(200))
        source.change_speaker()
        source.change_speaker()
        source.push(bytes(100))
        source.finish("end of input")
        return [type(item) is NewSpeaker or len(item.samples_T) for item in await heard(source)]

    assert asyncio.run(run()) == [100, True, 50]


def test_in_a_crowd_audio_gathers_and_still_comes():
    async def run():
        source = IngestSource(Hello(stream="a"), is_crowded=lambda: True)
        chunks = source.chunks()
        waiting = asyncio.ensure_future(anext(chunks))
        await asyncio.sleep(0)
        for _ in range(3):
            source.push(bytes(640))
            await asyncio.sleep(0)
            assert not waiting.done()
        return len((await waiting).samples_T)

    assert asyncio.run(run()) == 960


def test_only_the_first_reason_to_end_counts():
    source, _ = pushed([b"\0\0"])
    source.finish("stopped")
    assert source.ending == "end of input"


def test_audio_that_a_window_waits_for_does_not_gather():
    async def run():
        source = IngestSource(Hello(stream="a"), is_crowded=lambda: True)
        source.awaited = 640
        chunks = source.chunks()
        waiting = asyncio.ensure_future(anext(chunks))
        await asyncio.sleep(0)
        source.push(bytes(640))
        await asyncio.sleep(0)
        assert not waiting.done()
        source.push(bytes(640))
        for _ in range(3):
            await asyncio.sleep(0)
        return waiting.done() and len(waiting.result().samples_T)

    assert asyncio.run(run()) == 640
