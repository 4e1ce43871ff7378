"""The main job as a user runs it: a process, real sockets, a real Redis."""

import asyncio
import contextlib
import json
import select
import signal
import subprocess

import msgspec
import numpy as np
import pytest
import redis
import soundfile
from websockets.asyncio.client import connect

from cmlstream.models import archive
from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.stream.events import Affect, SpeechEnded, Status, StreamEnded, StreamStarted, decode
from tests.conftest import PROGRAM
from tests.signals import quiet_noise, speech_like

WALL = {"session", "start_time", "end_time"}
"""What two runs on one file may differ in."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Five seconds with one region of speech."""
    path = tmp_path_factory.mktemp("audio") / "clip.wav"
    pieces = [quiet_noise(0.6), speech_like(3.2, seed=11), quiet_noise(1.2)]
    soundfile.write(path, np.concatenate(pieces), SAMPLE_RATE)
    return path


def events_of(completed):
    return [decode(line) for line in completed.stdout.splitlines()]


def assert_close(one, other):
    """Equal but for 1e-4 in numbers, at any depth."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one.keys() - WALL:
            assert_close(one[key], other[key])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_close(*pair)
    elif isinstance(one, float):
        assert one == pytest.approx(other, abs=1e-4)
    else:
        assert one == other


@pytest.mark.slow
def test_a_file_gives_one_session_and_the_same_again(run_program, clip):
    first = run_program("listen", clip, "--json", "--port", "0")
    second = run_program("listen", clip, "--json", "--port", "0")
    assert first.returncode == 0
    events = events_of(first)
    assert isinstance(events[0], StreamStarted)
    assert isinstance(events[-1], StreamEnded)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert sum(isinstance(event, SpeechEnded) for event in events) == 1
    assert sum(isinstance(event, Affect) for event in events) >= 6
    lines = (completed.stdout.splitlines() for completed in (first, second))
    for one, other in zip(*lines, strict=True):
        assert_close(json.loads(one), json.loads(other))


@pytest.mark.slow
def test_standard_input_rate_and_channels_give_the_same_speech(run_program, clip):
    samples_T, _ = soundfile.read(clip, dtype="int16")
    stereo = np.repeat(samples_T[:, None], 2, axis=1).tobytes()
    piped = run_program("listen", "-", "--channels", "2", "--json", "--port", "0", stdin=stereo)
    direct = run_program("listen", clip, "--json", "--port", "0")
    ended = [[event for event in events_of(run) if isinstance(event, SpeechEnded)] for run in (piped, direct)]
    assert ended[0][0].start_sample == ended[1][0].start_sample
    assert ended[0][0].activation == pytest.approx(ended[1][0].activation, abs=1e-4)


@pytest.mark.slow
def test_a_hearer_of_the_websocket_and_of_redis_get_what_standard_output_gets(
    start_program, clip, redis_server
):
    process = start_program(
        *("listen", clip, "--realtime", "--json", "--port", "0", "--stream", "desk"),
        *("--redis", redis_server.url),
    )
    heard = asyncio.run(_follow(_address(process, "ws://")))
    printed = process.stdout.read().splitlines()
    assert process.wait() == 0
    assert heard == printed
    client = redis.Redis.from_url(redis_server.url)
    entries = client.xrange("cmlstream:{desk}:events")
    assert [fields[b"event"] for _, fields in entries] == printed
    latest = decode(client.get("cmlstream:{desk}:latest"))
    assert isinstance(latest, SpeechEnded)
    assert client.zrange("cmlstream:streams", 0, -1) == [b"desk"]
    client.close()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_flushes_the_region_and_ends_the_stream_with_exit_code_0(start_program, clip, number):
    process = start_program("listen", clip, "--realtime", "--json", "--port", "0")
    for line in process.stdout:
        if isinstance(decode(line), Affect):
            break
    process.send_signal(number)
    rest = [decode(line) for line in process.stdout]
    assert process.wait() == 0
    assert [type(event) for event in rest[-3:]] == [SpeechEnded, Status, StreamEnded]
    assert rest[-3].activation is not None
    assert rest[-1].reason == "stopped"


@pytest.mark.slow
def test_a_redis_that_dies_does_not_stop_the_listening(start_program, clip, redis_server):
    process = start_program(
        "listen", clip, "--realtime", "--json", "--port", "0", "--redis", redis_server.url
    )
    for line in process.stdout:
        if isinstance(decode(line), Affect):
            redis_server.kill()
            break
    rest = [decode(line) for line in process.stdout]
    assert process.wait() == 0
    assert isinstance(rest[-1], StreamEnded)
    assert any(isinstance(event, Affect) for event in rest)


@pytest.mark.slow
def test_the_embedded_redis_takes_the_last_event_even_on_interrupt(start_program, clip):
    process = start_program("listen", clip, "--realtime", "--json", "--port", "0", "--redis", "embedded")
    address = _address(process, "redis://")
    with contextlib.closing(redis.Redis.from_url(address)) as client:
        subscription = client.pubsub()
        subscription.subscribe("cmlstream:{live}:live")
        assert subscription.get_message(timeout=30)["type"] == "subscribe"
        for line in process.stdout:
            if isinstance(decode(line), Affect):
                break
        process.send_signal(signal.SIGINT)
        seen = []
        with contextlib.suppress(redis.ConnectionError):
            while message := subscription.get_message(timeout=30):
                seen.append(decode(message["data"]))
        subscription.close()
    assert process.wait() == 0
    assert isinstance(seen[-1], StreamEnded)


@pytest.mark.slow
def test_a_reader_that_closes_the_pipe_ends_it_without_a_complaint(start_program, clip):
    process = start_program("listen", clip, "--realtime", "--json", "--port", "0")
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert "Error" not in process.stderr.read().decode()


@pytest.mark.slow
def test_output_that_cannot_be_written_to_keeps_nothing_from_redis(clip, redis_server):
    with open("/dev/full", "wb", buffering=0) as full:
        completed = subprocess.run(
            [*PROGRAM, "listen", clip, "--json", "--port", "0", "--redis", redis_server.url],
            stdout=full, stderr=subprocess.PIPE,
        )  # fmt: skip
    assert completed.returncode == 2
    assert b"Standard output cannot be written to" in completed.stderr
    with contextlib.closing(redis.Redis.from_url(redis_server.url)) as client:
        events = [decode(fields[b"event"]) for _, fields in client.xrange("cmlstream:{live}:events")]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert isinstance(events[-1], StreamEnded)


@pytest.fixture(scope="module")
def mistakes(tmp_path_factory):
    """Files that no one can listen to, a configuration and models that are wrong."""
    folder = tmp_path_factory.mktemp("mistakes")
    (folder / "empty.wav").write_bytes(b"")
    (folder / "junk.wav").write_bytes(b"this is not audio")
    soundfile.write(folder / "silent.wav", np.zeros(0, np.int16), SAMPLE_RATE)
    soundfile.write(folder / "slow.wav", np.zeros(4_000, np.int16), 4_000)
    (folder / "typo.toml").write_text("prot = 9000\n")
    shipped = archive.default_path()
    (folder / "changed.pt").write_bytes(shipped.read_bytes() + b"x")
    (folder / "changed.pt.sha256").write_bytes(shipped.with_name("affect.pt.sha256").read_bytes())
    (folder / "unsigned.pt").write_bytes(shipped.read_bytes())
    return folder


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.wav"], "none.wav does not exist"),
        (["{}/empty.wav"], "empty.wav is empty"),
        (["{}/junk.wav"], "junk.wav cannot be read as audio"),
        (["{}/silent.wav"], "silent.wav holds no audio"),
        (["{}/slow.wav"], "4000 Hz"),
        (["{}"], "is a folder"),
        (["mic:no such device"], "microphone"),
        (["sample", "--config", "{}/typo.toml"], "no option `prot`"),
        (["sample", "--model", "{}/changed.pt"], "changed or damaged"),
        (["sample", "--model", "{}/unsigned.pt"], "--trust-model"),
        (["sample", "--model", "none.pt"], "none.pt cannot be read"),
        (["sample", "--host", "0.0.0.0"], "--insecure"),
        (["sample", "--stream", "a/b"], "Option `stream` is 'a/b'"),
        (["-", "--rate", "4000"], "Option `rate` is 4000"),
        (["sample", "--redis", "redis://127.0.0.1:1"], "127.0.0.1:1"),
        (["sample", "--redis", "http://127.0.0.1"], "redis://"),
        (["gopher://hole"], "gopher"),
    ],
)
def test_a_mistake_is_one_sentence_with_exit_code_2(run_program, mistakes, arguments, message):
    filled = [argument.format(mistakes) for argument in arguments]
    completed = run_program("listen", *filled, "--json", "--port", "0")
    (sentence,) = completed.stderr.decode().splitlines()
    assert completed.returncode == 2
    assert sentence.startswith("cmlstream: ")
    assert message in sentence
    assert completed.stdout == b""


@pytest.mark.slow
def test_a_stalled_reader_does_not_keep_an_interrupted_program_alive(start_program):
    process = start_program("listen", "sample", "--json", "--port", "0")
    _address(process, "ws://")
    assert select.select([process.stdout], [], [], 60)[0], "events are there, and nobody reads them"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0


def test_a_taken_port_is_named(run_program, free_port):
    import socket

    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        completed = run_program("listen", "sample", "--port", str(port))
    assert completed.returncode == 2
    assert str(port) in completed.stderr.decode()


def _address(process: subprocess.Popen, beginning: str) -> str:
    """Find an address in what the program says of itself."""
    for line in process.stderr:
        for word in line.decode().split():
            if word.startswith(beginning):
                return word
    raise AssertionError(f"no {beginning} was printed")


async def _follow(url: str) -> list[bytes]:
    async with connect(f"{url}&since=0", proxy=None) as socket:
        return [payload.encode() async for payload in socket if msgspec.json.decode(payload)["type"]]
