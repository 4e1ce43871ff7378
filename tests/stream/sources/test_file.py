import asyncio
import threading

import numpy as np
import psutil
import pytest
import soundfile

from cmlstream.models.errors import InputError
from cmlstream.stream.sources.convert import Converter
from cmlstream.stream.sources.file import FileSource, read_whole
from cmlstream.stream.sources.open import SAMPLE_PATH


def take(source):
    async def collect():
        loop = asyncio.get_running_loop()
        began = loop.time()
        return [(chunk, loop.time() - began) async for chunk in source.chunks()]

    return asyncio.run(collect())


def heard(source):
    """All samples of the source, which must follow on each other."""
    position = 0
    pieces = []
    for chunk, _ in take(source):
        assert chunk.start == position
        position += len(chunk.samples_T)
        pieces.append(chunk.samples_T)
    return np.concatenate(pieces)


@pytest.fixture
def noise_TC():
    return np.random.default_rng(7).normal(0, 0.1, (30_000, 2)).clip(-1, 1)


def test_the_sample_comes_out_as_it_is_stored():
    stored_T, rate = soundfile.read(SAMPLE_PATH, dtype="int16")
    assert rate == 16_000
    np.testing.assert_array_equal(heard(FileSource(SAMPLE_PATH)), stored_T)
    np.testing.assert_array_equal(read_whole(SAMPLE_PATH), stored_T)


@pytest.mark.parametrize(
    ("suffix", "subtype"),
    [
        ("wav", "PCM_U8"),
        ("wav", "PCM_24"),
        ("wav", "FLOAT"),
        ("wav", "ULAW"),
        ("flac", "PCM_16"),
        ("ogg", "VORBIS"),
        ("mp3", "MPEG_LAYER_III"),
        ("aiff", "PCM_32"),
    ],
)
@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_every_kind_of_file_is_heard(tmp_path, noise_TC, suffix, subtype, rate):
    path = tmp_path / f"noise.{suffix}"
    soundfile.write(path, noise_TC, rate, subtype=subtype)
    decoded_TC, _ = soundfile.read(path, dtype="float32", always_2d=True)
    converter = Converter(rate, 2)
    expected_T = np.concatenate([converter.push(decoded_TC), converter.flush()])
    np.testing.assert_allclose(heard(FileSource(path)), expected_T, atol=1)
    assert len(expected_T) == pytest.approx(len(noise_TC) * 16_000 / rate, rel=0.1)


def test_one_channel_can_be_picked(tmp_path, noise_TC):
    path = tmp_path / "call.wav"
    soundfile.write(path, noise_TC, 16_000, subtype="PCM_16")
    right_T = soundfile.read(path, dtype="int16")[0][:, 1]
    np.testing.assert_array_equal(heard(FileSource(path, channel=2)), right_T)
    with pytest.raises(InputError, match=r"call\.wav: channel 3 was asked for, but the audio has 2"):
        take(FileSource(path, channel=3))


def test_nan_in_a_float_file_is_silence(tmp_path, noise_TC):
    path = tmp_path / "broken.wav"
    noise_TC[5_000:6_000] = np.nan
    soundfile.write(path, noise_TC, 16_000, subtype="FLOAT")
    samples_T = heard(FileSource(path))
    assert not samples_T[5_000:6_000].any()
    assert samples_T[6_000:].any()


def test_in_real_time_nothing_is_early_and_nothing_drifts(tmp_path, noise_TC):
    path = tmp_path / "second.wav"
    soundfile.write(path, noise_TC[:16_000], 16_000)
    source = FileSource(path, realtime=True)
    assert source.paced
    arrivals = take(source)
    late_s = [arrived_s - (chunk.start + len(chunk.samples_T)) / 16_000 for chunk, arrived_s in arrivals]
    assert min(late_s) > -0.002
    assert np.median(late_s) < 0.05
    assert max(len(chunk.samples_T) for chunk, _ in arrivals) == 320
    assert sum(len(chunk.samples_T) for chunk, _ in arrivals) == 16_000


def test_a_late_reader_of_a_real_time_file_catches_up(tmp_path, noise_TC):
    path = tmp_path / "half.wav"
    soundfile.write(path, noise_TC[:8_000], 16_000)

    async def read_late():
        loop = asyncio.get_running_loop()
        began = loop.time()
        async for chunk in FileSource(path, realtime=True).chunks():
            if chunk.start == 0:
                await asyncio.sleep(0.3)  # the reader's own work
        return loop.time() - began

    assert asyncio.run(read_late()) == pytest.approx(0.5, abs=0.1)


def test_a_file_as_fast_as_it_can_is_faster_than_speech_and_not_paced():
    source = FileSource(SAMPLE_PATH)
    assert not source.paced
    arrivals = take(source)
    assert arrivals[-1][1] < arrivals[-1][0].start / 16_000 / 5


def test_closing_early_closes_the_file_and_ends_the_thread():
    def is_open():
        return str(SAMPLE_PATH) in {file.path for file in psutil.Process().open_files()}

    async def first():
        before = set(threading.enumerate())
        chunks = FileSource(SAMPLE_PATH).chunks()
        await anext(chunks)
        (reader,) = set(threading.enumerate()) - before
        assert is_open()
        await chunks.aclose()
        return reader

    reader = asyncio.run(first())
    reader.join(5)
    assert not reader.is_alive()
    assert not is_open()


@pytest.mark.parametrize(
    ("name", "contents", "sentence"),
    [
        ("nothing.wav", b"", "is empty: give a recording"),
        ("notes.txt", b"just words", r"cannot be read as audio \(.*\): give one of AIFF, .*FLAC.*WAV"),
        ("tape.raw", b"\0" * 100, "is raw audio without a header: feed it with `cmlstream listen -"),
    ],
)
def test_what_is_no_audio_file_is_refused_by_name(tmp_path, name, contents, sentence):
    path = tmp_path / name
    path.write_bytes(contents)
    with pytest.raises(InputError, match=f"{name} {sentence}"):
        take(FileSource(path))


def test_a_path_that_is_no_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"missing\.wav does not exist: check the path"):
        take(FileSource(tmp_path / "missing.wav"))
    with pytest.raises(InputError, match="is a folder: name one audio file in it"):
        take(FileSource(tmp_path))


def test_a_file_without_frames_is_refused(tmp_path):
    path = tmp_path / "silent.wav"
    soundfile.write(path, np.zeros((0, 1)), 16_000)
    with pytest.raises(InputError, match=r"silent\.wav holds no audio"):
        take(FileSource(path))


def test_a_rate_outside_the_range_is_refused_with_the_files_name(tmp_path):
    path = tmp_path / "slow.wav"
    soundfile.write(path, np.zeros((100, 1)), 4_000)
    with pytest.raises(InputError, match=r"slow\.wav: a sample rate of 4000 Hz"):
        take(FileSource(path))


def test_a_file_that_breaks_off_says_so_after_what_it_had(tmp_path):
    path = tmp_path / "torn.flac"
    path.write_bytes(SAMPLE_PATH.read_bytes()[:300_000])
    position = 0

    async def listen():
        nonlocal position
        async for chunk in FileSource(path).chunks():
            position += len(chunk.samples_T)

    with pytest.raises(InputError, match=r"torn\.flac breaks off \(.*\): give an intact copy"):
        asyncio.run(listen())
    assert position > 16_000
