import asyncio
import subprocess
import sys

import pytest
import soundfile

from cmlstream.models.errors import InputError
from cmlstream.stream.sources.file import FileSource
from cmlstream.stream.sources.media import MediaSource
from cmlstream.stream.sources.open import SAMPLE_PATH, SourceSettings, open_source


async def duration_s(source):
    return sum([len(chunk.samples_T) async for chunk in source.chunks()]) / 16_000


def test_sample_is_the_file_that_ships():
    source = open_source("sample", SourceSettings())
    assert source.description == "file sample.flac"
    assert asyncio.run(duration_s(source)) == pytest.approx(soundfile.info(SAMPLE_PATH).duration)


def test_a_path_is_a_file_with_the_pace_that_was_asked_for():
    assert isinstance(open_source(str(SAMPLE_PATH), SourceSettings()), FileSource)
    assert not open_source(str(SAMPLE_PATH), SourceSettings()).paced
    assert open_source(str(SAMPLE_PATH), SourceSettings(realtime=True)).paced


def test_a_colon_in_a_file_name_is_no_url(tmp_path):
    path = tmp_path / "take: two.wav"
    soundfile.write(path, [0.0] * 1_600, 16_000)
    assert asyncio.run(duration_s(open_source(str(path), SourceSettings()))) == pytest.approx(0.1)


@pytest.mark.parametrize("url", ["http://example.org/talk.mp3", "rtsp://camera/1", "srt://studio:9000"])
def test_a_url_is_media(url):
    source = open_source(url, SourceSettings())
    assert isinstance(source, MediaSource)
    assert source.description == url


def test_a_channel_the_sample_lacks_is_told():
    with pytest.raises(InputError, match="channel 2 was asked for, but the audio has 1"):
        asyncio.run(duration_s(open_source("sample", SourceSettings(channel=2))))


LISTEN_TO_STDIN = """
import asyncio
from cmlstream.stream.sources.open import SourceSettings, open_source
async def listen():
    source = open_source("-", SourceSettings(rate=8_000, channels=2))
    return sum([len(chunk.samples_T) async for chunk in source.chunks()])
print(asyncio.run(listen()))
"""


def test_a_dash_is_standard_input_in_the_format_that_was_told():
    finished = subprocess.run(
        [sys.executable, "-c", LISTEN_TO_STDIN], input=bytes(8_000 * 2 * 2), capture_output=True, check=True
    )
    assert int(finished.stdout) == 16_000


def test_a_closed_standard_input_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="standard input is closed"):
        open_source("-", SourceSettings())


def test_files_are_opened_without_loading_what_microphones_and_urls_need():
    code = (
        "import sys; import cmlstream.stream.sources.open; sys.exit(bool({'pyaudio', 'av'} & {*sys.modules}))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


MISSING_EXTRA = """
import sys
sys.modules["pyaudio"] = sys.modules["av"] = None
from cmlstream.models.errors import InputError
from cmlstream.stream.sources.open import SourceSettings, open_source
try:
    open_source(sys.argv[1], SourceSettings())
except InputError as error:
    print(error)
"""


def test_without_the_extra_a_microphone_says_what_to_install():
    finished = subprocess.run(
        [sys.executable, "-c", MISSING_EXTRA, "mic"], capture_output=True, text=True, check=True
    )
    assert "pip install cmlstream[mic]" in finished.stdout
    assert "portaudio19-dev" in finished.stdout


def test_without_the_extra_urls_and_videos_say_what_to_install(tmp_path):
    (tmp_path / "talk.mp4").write_bytes(b"a video" * 100)
    for source in ("rtsp://user:hush@camera/1", tmp_path / "talk.mp4"):
        finished = subprocess.run(
            [sys.executable, "-c", MISSING_EXTRA, source], capture_output=True, text=True, check=True
        )
        assert "pip install 'cmlstream[media]'" in finished.stdout
        assert "hush" not in finished.stdout


def test_the_sample_is_small_quiet_enough_and_of_the_right_kind():
    samples_T, rate = soundfile.read(SAMPLE_PATH, always_2d=True)
    assert (rate, samples_T.shape[1]) == (16_000, 1)
    assert 40 < len(samples_T) / rate < 50
    assert 0.5 < abs(samples_T).max() < 0.99
    assert SAMPLE_PATH.stat().st_size < 900_000
