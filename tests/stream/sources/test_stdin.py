import asyncio
import os
import pty
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmlstream.models.errors import InputError
from cmlstream.stream.sources.convert import Converter
from cmlstream.stream.sources.stdin import RawSource


@pytest.fixture
def noise_TC():
    return np.random.default_rng(3).normal(0, 3_000, (40_000, 2)).astype("<i2")


def feed(pieces, rate=16_000, channels=1, channel=None):
    """Write the pieces into a real pipe from another thread; return the samples heard at its other end."""
    reading, writing = os.pipe()

    def write():
        with os.fdopen(writing, "wb", buffering=0) as pipe:
            for piece in pieces:
                pipe.write(piece)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        return asyncio.run(listen(RawSource(reading, rate, channels, channel)))
    finally:
        os.close(reading)
        writer.join()


async def listen(source):
    pieces = [np.zeros(0, np.int16)]
    async for chunk in source.chunks():
        assert chunk.start == sum(map(len, pieces))
        pieces.append(chunk.samples_T)
    return np.concatenate(pieces)


def test_samples_come_out_as_they_were_written(noise_TC):
    np.testing.assert_array_equal(feed([noise_TC[:, 0].tobytes()]), noise_TC[:, 0])


def test_rate_and_channels_are_as_told(noise_TC):
    converter = Converter(44_100, 2, channel=2)
    expected_T = np.concatenate([converter.push(noise_TC), converter.flush()])
    np.testing.assert_array_equal(feed([noise_TC.tobytes()], 44_100, 2, channel=2), expected_T)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 4_000), max_size=6).map(sorted))
def test_writes_may_cut_a_frame_anywhere(cuts):
    recorded = np.random.default_rng(5).normal(0, 3_000, (1_000, 2)).astype("<i2").tobytes()
    pieces = [recorded[start:end] for start, end in zip([0, *cuts], [*cuts, len(recorded)], strict=True)]
    np.testing.assert_array_equal(feed(pieces, 16_000, 2), feed([recorded], 16_000, 2))


def test_half_a_sample_at_the_end_is_left_out_with_a_warning(noise_TC, caplog):
    np.testing.assert_array_equal(feed([noise_TC[:100, 0].tobytes(), b"\x01"]), noise_TC[:100, 0])
    assert "ended inside a frame" in caplog.text


def test_a_plain_file_can_be_redirected(tmp_path, noise_TC):
    path = tmp_path / "speech.raw"
    path.write_bytes(noise_TC[:, 0].tobytes())
    with path.open("rb") as file:
        samples_T = asyncio.run(listen(RawSource(file.fileno(), 16_000)))
    np.testing.assert_array_equal(samples_T, noise_TC[:, 0])


def test_waiting_for_a_silent_pipe_leaves_the_loop_free_and_can_be_cancelled():
    reading, writing = os.pipe()

    async def wait_and_work():
        waiting = asyncio.create_task(listen(RawSource(reading, 16_000)))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        # Nobody is left who would take what comes.
        os.write(writing, b"\1\0")
        assert os.read(reading, 2) == b"\1\0"

    asyncio.run(wait_and_work())
    os.close(reading)
    os.close(writing)


def test_the_writer_waits_while_nobody_reads(noise_TC):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    async def read_one_chunk():
        chunks = RawSource(reading, 16_000).chunks()
        filled = os.write(writing, noise_TC.tobytes())
        assert filled < noise_TC.nbytes
        chunk = await anext(chunks)
        await chunks.aclose()
        assert 0 < len(chunk.samples_T) * 2 <= 16_000
        assert os.write(writing, noise_TC.tobytes()) < noise_TC.nbytes

    asyncio.run(read_one_chunk())
    os.close(reading)
    os.close(writing)


def test_a_pipe_that_ends_at_once_is_refused():
    with pytest.raises(InputError, match="standard input is empty: pipe raw 16-bit audio into it"):
        feed([])


def test_dev_null_is_refused():
    with open(os.devnull, "rb") as null, pytest.raises(InputError, match="standard input is empty"):
        asyncio.run(listen(RawSource(null.fileno(), 16_000)))


def test_a_terminal_is_refused():
    ours, theirs = pty.openpty()
    with pytest.raises(InputError, match="standard input is a terminal: pipe raw audio into it"):
        asyncio.run(listen(RawSource(theirs, 16_000)))
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize(("magic", "kind"), [(b"RIFF", "WAV"), (b"fLaC", "FLAC"), (b"OggS", "Ogg")])
def test_a_file_with_a_header_is_refused_however_it_is_cut(magic, kind):
    with pytest.raises(InputError, match=f"is a {kind} file, not raw audio"):
        feed([magic[:1], magic[1:] + bytes(100)])


def test_a_folder_is_refused(tmp_path):
    descriptor = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(InputError, match="standard input cannot be read"):
        asyncio.run(listen(RawSource(descriptor, 16_000)))
    os.close(descriptor)


@pytest.mark.parametrize(("rate", "channels"), [(4_000, 1), (16_000, 0)])
def test_an_impossible_format_is_refused_before_anything_is_read(rate, channels):
    with pytest.raises(InputError, match="cannot be used"):
        RawSource(0, rate, channels)
