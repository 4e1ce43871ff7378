import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import aclosing

import numpy as np
import pytest
import soundfile

from cmlstream.models.errors import InputError
from cmlstream.stream.events import Affect, Status, StreamEnded, decode
from cmlstream.stream.sources import microphone as microphone_module
from cmlstream.stream.sources.microphone import (
    Microphone,
    MicrophoneSource,
    NoMicrophoneError,
    choose,
    devices,
)
from cmlstream.stream.sources.open import SAMPLE_PATH, SourceSettings, open_source

DESK = Microphone(index=0, name="Desk microphone", channels=2, default_rate=48_000, is_default=False)
HEADSET = Microphone(index=1, name="Headset", channels=1, default_rate=44_100, is_default=True)
HEADSET_BACK = Microphone(index=12, name="Headset (back)", channels=1, default_rate=44_100, is_default=False)


@pytest.fixture
def speaking(sound_server):
    """The sample is being played in front of the microphone."""
    player = sound_server.play(SAMPLE_PATH)
    yield sound_server
    player.kill()
    player.wait()


async def record(source, duration_s):
    """Return that much audio; what a busy machine lost in between must have been counted."""
    pieces, length = [], 0
    async with aclosing(source.chunks()) as chunks:
        async for chunk in chunks:
            lost_samples = chunk.start - length
            assert 0 <= lost_samples <= source.dropped_samples
            pieces.append(chunk.samples_T)
            length += lost_samples + len(chunk.samples_T)
            if length >= duration_s * 16_000:
                return np.concatenate(pieces)
    raise AssertionError("a microphone never ends")


def hears_the_sample(recorded_T):
    """Whether some half second of the recording is beyond doubt a piece of the sample.

    Half a second, because on a busy machine the player stumbles; other speech does not come near.
    """
    played_T, _ = soundfile.read(SAMPLE_PATH)
    pieces = recorded_T[: len(recorded_T) // 8_000 * 8_000].reshape(-1, 8_000) / 32_768
    return any(similarity(piece_T, played_T) > 0.9 for piece_T in pieces)


def similarity(recorded_T, played_T):
    """The largest normalised correlation of the recording with any equally long piece of what was played."""
    length = 2 ** (len(recorded_T) + len(played_T)).bit_length()  # the transform of another length is slow
    products = np.fft.irfft(np.fft.rfft(played_T, length) * np.conj(np.fft.rfft(recorded_T, length)), length)
    best = products[: len(played_T)].argmax()
    heard_T = played_T[best : best + len(recorded_T)]
    energy = (heard_T**2).sum() * (recorded_T**2).sum()
    return products[best] / np.sqrt(energy) if energy > 0 else 0.0


def test_other_sound_is_not_taken_for_the_sample():
    played_T, _ = soundfile.read(SAMPLE_PATH, dtype="int16")
    assert hears_the_sample(played_T[40_000:60_000])
    assert not hears_the_sample(played_T[::-1][:24_000])


@pytest.mark.parametrize("spec", ["mic", "mic:HEAD"])
def test_the_microphone_hears_what_is_played(speaking, spec):
    source = open_source(spec, SourceSettings())
    assert source.paced
    assert source.description == f"microphone {'headset' if ':' in spec else 'default'}"
    recorded_T = asyncio.run(record(source, 2.5))
    assert recorded_T.dtype == np.int16
    assert hears_the_sample(recorded_T)
    assert source.dropped_samples == 0


def test_one_channel_of_the_microphone_can_be_picked(speaking):
    recorded_T = asyncio.run(record(MicrophoneSource("headset", channel=2), 2.5))
    assert hears_the_sample(recorded_T)


def test_a_channel_the_microphone_lacks_is_refused(sound_server):
    with pytest.raises(InputError, match="channel 99 was asked for, but the audio has 32"):
        asyncio.run(record(MicrophoneSource(channel=99), 1))


def test_devices_lists_what_the_server_has(sound_server):
    assert {device.name: device.is_default for device in devices()} == {"default": True, "headset": False}
    assert all(device.channels > 0 and device.default_rate > 0 for device in devices())


def test_a_missing_device_is_refused_with_a_list_of_what_there_is(sound_server):
    with pytest.raises(InputError, match="no microphone 'studio': name one of 0 '") as refused:
        open_source("mic:studio", SourceSettings())
    assert not isinstance(refused.value, NoMicrophoneError)


@pytest.mark.usefixtures("no_sound")
@pytest.mark.parametrize("spec", ["mic", "mic:headset"])
def test_a_machine_without_any_microphone_is_told_apart(spec):
    assert devices() == []
    with pytest.raises(NoMicrophoneError, match="no microphone: plug one in, or name a file or `sample`"):
        open_source(spec, SourceSettings())


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, HEADSET),
        ("0", DESK),
        ("12", HEADSET_BACK),
        ("desk", DESK),
        ("HEADSET", HEADSET),
        ("back", HEADSET_BACK),
        ("head", HEADSET_BACK),
    ],
)
def test_a_device_is_chosen_by_index_name_or_part_of_it(wanted, expected):
    assert choose([DESK, HEADSET_BACK, HEADSET], wanted) in (
        [expected] if wanted != "head" else [HEADSET_BACK]
    )


def test_without_a_default_the_first_device_is_taken():
    assert choose([DESK, HEADSET_BACK], None) == DESK


def test_an_unplugged_microphone_is_told(speaking):
    async def unplug_while_listening():
        async with aclosing(MicrophoneSource("headset").chunks()) as chunks:
            await anext(chunks)
            await asyncio.to_thread(speaking.unplug)
            async for _ in chunks:
                pass

    with pytest.raises(InputError, match="'headset' sent nothing for 2 s: check that it is plugged in"):
        asyncio.run(unplug_while_listening())


def test_a_frozen_sound_server_does_not_hold_the_program(speaking):
    async def freeze_while_listening():
        async with aclosing(MicrophoneSource().chunks()) as chunks:
            await anext(chunks)
            speaking.freeze()
            async for _ in chunks:
                pass

    with pytest.raises(InputError, match="sent nothing for 2 s"):
        asyncio.run(asyncio.wait_for(freeze_while_listening(), 15))
    (left_behind,) = [thread for thread in threading.enumerate() if thread.name == "microphone"]
    speaking.kill()
    left_behind.join(10)
    assert not left_behind.is_alive()


def test_a_slow_reader_loses_the_oldest_and_is_told(speaking, monkeypatch):
    monkeypatch.setattr(microphone_module, "HELD_SAMPLES", 3_200)
    source = MicrophoneSource()

    async def stall():
        async with aclosing(source.chunks()) as chunks:
            before = await anext(chunks)
            while source.dropped_samples == 0:
                await asyncio.sleep(0.3)  # the reader's own work, longer than the queue is
                after = await anext(chunks)
            jump = after.start - (before.start + len(before.samples_T))
            return jump, source.dropped_samples

    jump, dropped_samples = asyncio.run(stall())
    assert jump == dropped_samples > 0


def test_cancelling_releases_the_device(speaking):
    async def listen_and_cancel():
        listening = asyncio.create_task(record(MicrophoneSource(), 3_600))
        while await asyncio.to_thread(speaking.listeners) == 0:
            assert not listening.done()
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening
        return await asyncio.to_thread(speaking.listeners)

    assert asyncio.run(listen_and_cancel()) == 0
    assert "microphone" not in {thread.name for thread in threading.enumerate()}


def test_listening_twice_at_once_works(speaking):
    async def both():
        return await asyncio.gather(record(MicrophoneSource(), 1), record(MicrophoneSource("headset"), 1))

    assert all(len(recorded_T) >= 16_000 for recorded_T in asyncio.run(both()))


def test_c_libraries_are_quiet_and_python_is_not(no_sound, monkeypatch):
    monkeypatch.delenv("ALSA_CONFIG_PATH")  # the machine's own names many devices that are not there
    monkeypatch.setenv("PULSE_SERVER", "unix:/nowhere")
    noisy = "import pyaudio; pyaudio.PyAudio()"
    quiet = (
        "import sys; from cmlstream.stream.sources.microphone import devices; devices(); "
        "print('heard', file=sys.stderr)"
    )
    assert "ALSA lib" in errors_of(noisy)
    assert errors_of(quiet) == "heard\n"


def errors_of(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr


@pytest.fixture
def jack_server(no_sound, monkeypatch):
    """JACK, whose devices know one rate only: here 48 kHz."""
    if not shutil.which("jackd"):
        pytest.skip("jackd is not installed: no device here that refuses 16 kHz")
    name = f"cmlstream-{os.getpid()}"
    monkeypatch.setenv("JACK_DEFAULT_SERVER", name)
    server = subprocess.Popen(
        ["jackd", "--name", name, "--no-realtime", "--no-mlock", "-d", "dummy", "-r", "48000", "-p", "960"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    subprocess.run(
        ["jack_wait", "--server", name, "--wait", "--timeout", "10"], check=True, capture_output=True
    )
    yield
    server.terminate()
    server.wait()


@pytest.mark.usefixtures("jack_server")
def test_a_device_that_refuses_16_khz_is_converted_from_its_own_rate():
    source = MicrophoneSource()
    assert source.description == "microphone system"
    recorded_T = asyncio.run(record(source, 1))
    assert len(recorded_T) > 8_000  # a busy machine makes JACK lose some, which is counted
    assert not recorded_T.any()


@pytest.mark.slow
def test_listen_without_a_source_hears_the_microphone_and_estimates_what_was_said(speaking, start_program):
    process = start_program("listen", "--json", "--port", "0")
    events = []
    for line in process.stdout:
        events.append(decode(line))
        if isinstance(events[-1], Affect):
            break
    process.send_signal(signal.SIGINT)
    events += [decode(line) for line in process.stdout]
    assert process.wait() == 0
    assert events[0].source.startswith("microphone")
    assert isinstance(events[-1], StreamEnded)
    assert all(event.delay_ms is not None for event in events if isinstance(event, Status))


@pytest.mark.slow
def test_listen_without_a_source_and_without_a_microphone_plays_the_sample(no_sound, start_program):
    process = start_program("listen", "--json", "--port", "0")
    assert b"no microphone" in process.stderr.readline()
    assert decode(process.stdout.readline()).source == "file sample.flac"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
