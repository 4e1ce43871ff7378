"""Real servers of sound: one with a microphone into which the tests can speak, and of media."""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cmlstream.stream.sources import decoder
from cmlstream.stream.sources.file import read_whole
from cmlstream.stream.sources.open import SAMPLE_PATH

from .broadcasting import Listener, WebServer, encoded

ALSA_CONFIGURATION = """
pcm.default { type pulse hint { show on description "Default" } }
pcm.headset { type pulse device "headset" hint { show on description "Headset" } }
"""
"""Read instead of the machine's own, so that the tests know every device there is."""
NO_DEVICE = 'pcm.default { type pulse server "unix:/nowhere" }'
"""What ALSA knows on a machine without a sound card whose sound server does not run."""


class SoundServer:
    """PulseAudio with a sink, `room`, and a microphone, `headset`, that hears what is played there.

    Its microphone takes up to 2 s to wake: the sink moves in blocks of that length until someone listens.
    """

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "socket"
        self._process = subprocess.Popen(
            [
                "pulseaudio",
                "-n",
                "--daemonize=no",
                "--use-pid-file=no",
                "--exit-idle-time=-1",
                "--disable-shm=yes",
                "--log-target=stderr",
                "--log-level=info",
                f"--load=module-native-protocol-unix socket={self.socket} auth-anonymous=1",
                "--load=module-null-sink sink_name=room rate=48000",
                "--load=module-remap-source master=room.monitor source_name=headset",
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        said = []
        while "Daemon startup complete" not in (line := self._process.stderr.readline()):
            said.append(line)
            assert line, "".join(said)

    def play(self, path: Path) -> subprocess.Popen[bytes]:
        """Play a sound file into the room; it goes on until the process returned is killed."""
        return subprocess.Popen(["paplay", "--latency-msec=200", "--device=room", path])

    def unplug(self) -> None:
        """Take the microphone away, and the sink, or the server would go on with the sink's monitor."""
        self._control("unload-module", "module-remap-source")
        self._control("unload-module", "module-null-sink")

    def plug(self) -> None:
        """Bring back what `unplug` took away."""
        self._control("load-module", "module-null-sink", "sink_name=room", "rate=48000")
        self._control("load-module", "module-remap-source", "master=room.monitor", "source_name=headset")

    def listeners(self) -> int:
        """Return how many streams record from the microphone, besides the one that remaps it."""
        listed = self._control("list", "short", "source-outputs").splitlines()
        return sum("module-remap-source" not in line for line in listed)

    def freeze(self) -> None:
        """Stop answering without closing anything."""
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stderr is not None
        self._process.stderr.close()

    def _control(self, *arguments: str) -> str:
        return subprocess.run(
            ["pactl", *arguments], check=True, capture_output=True, text=True, timeout=10
        ).stdout


@pytest.fixture
def sound_server(tmp_path_factory, monkeypatch) -> Iterator[SoundServer]:
    if not shutil.which("pulseaudio"):
        pytest.skip("pulseaudio is not installed: no microphone to speak into")
    directory = tmp_path_factory.mktemp("pulse")
    _use_only(directory, ALSA_CONFIGURATION, monkeypatch)
    server = SoundServer(directory)
    monkeypatch.setenv("PULSE_SERVER", f"unix:{server.socket}")
    yield server
    server.kill()


@pytest.fixture
def no_sound(tmp_path, monkeypatch) -> None:
    """A machine without any device that can be opened."""
    _use_only(tmp_path, NO_DEVICE, monkeypatch)


def _use_only(directory: Path, alsa_configuration: str, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = directory / "alsa.conf"
    configuration.write_text(alsa_configuration)
    monkeypatch.setenv("ALSA_CONFIG_PATH", os.fspath(configuration))
    monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(directory))
    monkeypatch.setenv("XDG_CONFIG_HOME", os.fspath(directory))
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "nobody")


@pytest.fixture(scope="session")
def speech_T():
    return read_whole(SAMPLE_PATH)[2 * 16_000 : 8 * 16_000]


@pytest.fixture
def web(tmp_path):
    server = WebServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def listening():
    with contextlib.ExitStack() as stack:

        def listen(serve):
            listener = Listener(serve)
            stack.callback(listener.stop)
            return listener

        yield listen


@pytest.fixture
def nothing_is_left_behind(monkeypatch):
    """Threads of a source end, at the latest when the library has waited long enough; so do its sockets."""
    monkeypatch.setattr(decoder, "OPENING_LIMIT_S", 3.0)
    monkeypatch.setattr(decoder, "STALL_LIMIT_S", 2.0)
    monkeypatch.setattr(decoder, "HTTP_STALL_LIMIT_S", 3.0)
    process = psutil.Process()
    before = process.num_fds()
    yield
    for thread in threading.enumerate():
        if thread.name == "media":
            thread.join(10)
            assert not thread.is_alive()
    assert process.num_fds() <= before + 1  # asyncio.to_thread may have started its pool meanwhile


@pytest.fixture
def impatient(nothing_is_left_behind, monkeypatch):
    monkeypatch.setattr(decoder, "OPENING_LIMIT_S", 0.4)


@pytest.fixture
def mulaw(speech_T):
    """20 ms of mu-law at 8 kHz each."""
    stream = encoded(speech_T, "pcm_mulaw", 8_000, "mulaw")
    return [stream[begin : begin + 160] for begin in range(0, len(stream) - 159, 160)]
