import asyncio
import shutil
import subprocess
from contextlib import aclosing

import numpy as np
import pytest
import soundfile

from cmlstream.models.errors import InputError
from cmlstream.stream.events import SpeechEnded, decode
from cmlstream.stream.sources.file import read_whole
from cmlstream.stream.sources.open import SAMPLE_PATH

from .broadcasting import write
from .hearing import SECOND, alike, source_at, whole

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (44_100, 2), (8_000, 6)])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_flac_over_http_is_the_file_to_the_bit(web, rate, channels, subtype):
    noise_TC = np.random.default_rng(3).normal(0, 0.2, (2 * rate, channels)).clip(-1, 1)
    path = web.directory / "noise.flac"
    soundfile.write(path, noise_TC, rate, subtype=subtype)
    source = source_at(web.url("noise.flac"))
    np.testing.assert_array_equal(whole(source), read_whole(path))
    assert not source.paced
    assert source.dropped_samples == 0


@pytest.mark.parametrize(
    ("name", "codec", "rate", "agreement"),
    [
        ("speech.mp3", "libmp3lame", 44_100, 0.98),
        ("speech.mp4", "aac", 44_100, 0.95),
        ("speech.m4a", "aac", 16_000, 0.98),
        ("speech.webm", "libopus", 48_000, 0.95),
        ("speech.mkv", "pcm_s16le", 48_000, 0.999),
        ("speech.ogg", "libopus", 48_000, 0.95),
        ("speech.ts", "mp2", 48_000, 0.98),
        ("speech.wav", "pcm_mulaw", 8_000, 0.9),
    ],
)
def test_every_kind_of_media_over_http_is_heard(web, speech_T, name, codec, rate, agreement):
    write(web.directory / name, speech_T, codec, rate)
    heard_T = whole(source_at(web.url(name)))
    assert len(heard_T) == pytest.approx(len(speech_T), abs=0.1 * SECOND)
    assert alike(heard_T, speech_T) > agreement


@pytest.mark.parametrize("name", ["speech.mp4", "speech.webm", "speech.mkv"])
def test_a_file_that_libsndfile_refuses_is_heard_nevertheless(tmp_path, speech_T, name):
    write(tmp_path / name, speech_T, "libopus", 48_000)
    source = source_at(str(tmp_path / name))
    assert source.description == f"file {name}"
    assert alike(whole(source), speech_T) > 0.95


def test_a_colon_in_the_name_of_a_video_is_no_protocol(tmp_path, speech_T):
    path = tmp_path / "tcp:take.webm"
    write(path, speech_T, "libopus", 48_000, container="webm")
    assert len(whole(source_at(str(path)))) == pytest.approx(len(speech_T), abs=0.1 * SECOND)


def test_hls_on_demand_is_heard_whole(web, speech_T):
    write(web.directory / "list.m3u8", speech_T, "aac", 44_100, hls_time="1", hls_list_size="0")
    source = source_at(web.url("list.m3u8"))
    heard_T = whole(source)
    assert not source.paced
    assert len(heard_T) == pytest.approx(len(speech_T), abs=0.1 * SECOND)
    assert alike(heard_T, speech_T) > 0.95
    assert len(set(web.requested)) > 5


def test_a_channel_is_picked_and_one_that_is_missing_is_told(web):
    left_T, right_T = np.random.default_rng(5).integers(-9_000, 9_000, (2, SECOND), dtype=np.int16)
    soundfile.write(web.directory / "call.flac", np.stack([left_T, right_T], 1), SECOND)
    np.testing.assert_array_equal(whole(source_at(web.url("call.flac"), channel=2)), right_T)
    with pytest.raises(InputError, match="channel 3 was asked for, but the audio has 2"):
        whole(source_at(web.url("call.flac"), channel=3))


def test_at_its_own_pace_nothing_is_early(web, speech_T):
    soundfile.write(web.directory / "second.flac", speech_T[:SECOND], SECOND)
    source = source_at(web.url("second.flac"), realtime=True)

    async def lateness():
        loop = asyncio.get_running_loop()
        late_s, began_s = [], None
        async for chunk in source.chunks():
            arrived_s = loop.time()
            began_s = arrived_s - len(chunk.samples_T) / SECOND if began_s is None else began_s
            late_s.append(arrived_s - began_s - (chunk.start + len(chunk.samples_T)) / SECOND)
        return late_s

    late_s = asyncio.run(lateness())
    assert source.paced
    assert len(late_s) >= 50
    assert min(late_s) > -0.03


def test_a_recording_waits_for_a_slow_reader_and_loses_nothing(web):
    noise_T = np.random.default_rng(9).integers(-9_000, 9_000, 20 * SECOND, dtype=np.int16)
    soundfile.write(web.directory / "long.flac", noise_T, SECOND)

    async def slowly():
        chunks = []
        async with aclosing(source_at(web.url("long.flac")).chunks()) as arriving:
            async for chunk in arriving:
                chunks.append(chunk.samples_T)
                if len(chunks) == 1:
                    await asyncio.sleep(0.3)  # the reader's own work, during which the thread fills the queue
        return np.concatenate(chunks)

    np.testing.assert_array_equal(asyncio.run(slowly()), noise_T)


def test_a_download_that_breaks_off_is_resumed_without_a_loss(web):
    noise_T = np.random.default_rng(9).integers(-9_000, 9_000, 30 * SECOND, dtype=np.int16)
    soundfile.write(web.directory / "long.flac", noise_T, SECOND)
    web.break_at = 300_000
    np.testing.assert_array_equal(whole(source_at(web.url("long.flac"))), noise_T)
    assert len(web.requested) == 2


def test_a_download_that_cannot_be_resumed_is_an_error_after_what_was_heard(web):
    noise_T = np.random.default_rng(9).integers(-9_000, 9_000, 30 * SECOND, dtype=np.int16)
    soundfile.write(web.directory / "long.flac", noise_T, SECOND)
    web.break_at, web.ranges = 600_000, False
    heard = []

    async def listen():
        async for chunk in source_at(web.url("long.flac")).chunks():
            heard.append(chunk.samples_T)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(InputError, match=r"/long\.flac breaks off \(.*\): check the connection"):
        asyncio.run(listen())
    heard_T = np.concatenate(heard)
    assert len(heard_T) > SECOND
    np.testing.assert_array_equal(heard_T, noise_T[: len(heard_T)])


def test_https_is_verified_against_the_authorities_that_python_trusts(
    web, certificate, speech_T, monkeypatch
):
    soundfile.write(web.directory / "talk.flac", speech_T, SECOND)
    web.encrypt(certificate)
    url = web.url("talk.flac").replace("http", "https", 1)
    with pytest.raises(InputError, match=r"talk\.flac cannot be opened \(.* certificate"):
        whole(source_at(url))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    np.testing.assert_array_equal(whole(source_at(url)), speech_T)


@pytest.fixture
def certificate(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    path = tmp_path / "certificate.pem"
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    name = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", *kind, *name, "-keyout", path, "-out", tmp_path / "added.pem"]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    path.write_bytes(path.read_bytes() + (tmp_path / "added.pem").read_bytes())
    return path


def test_listening_to_a_url_tells_of_the_speech_there(web, run_program):
    shutil.copy(SAMPLE_PATH, web.directory / "sample.flac")
    finished = run_program("listen", web.url("sample.flac?token=hush"), "--json", "--port", "0")
    events = [decode(line) for line in finished.stdout.splitlines()]
    assert finished.returncode == 0, finished.stderr
    assert events[0].source == web.url("sample.flac")
    assert sum(isinstance(event, SpeechEnded) for event in events) > 2
    assert events[-1].reason == "end of input"
    assert b"hush" not in finished.stdout + finished.stderr
