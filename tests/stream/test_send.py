"""`cmlstream send` as a user runs it: a process, beside a real server."""

import asyncio
import json
import os
import pty
import re
import signal
from asyncio.subprocess import PIPE
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from cmlstream.stream import send
from cmlstream.stream.client import follow
from cmlstream.stream.events import Affect
from cmlstream.stream.ingest import Refusal
from cmlstream.stream.sources.file import read_whole
from cmlstream.stream.sources.open import SAMPLE_PATH
from tests.stream.client.ingesting import StrictServer
from tests.stream.programs import line_with, program
from tests.stream.serving import run, until

SAMPLE = read_whole(SAMPLE_PATH).astype("<i2").tobytes()
TOKEN = "a-token.of_twenty~one"


def test_a_file_is_sent_and_the_summary_is_data() -> None:
    async def check() -> None:
        async with (
            StrictServer().opened() as server,
            program("send", "sample", server.url, "--stream", "desk", "--json") as process,
        ):
            output, told = await process.communicate()
        assert process.returncode == 0
        assert json.loads(output)["sample"] == len(SAMPLE) // 2
        assert server.heard.audio == SAMPLE
        assert server.hellos[0].stream == "desk"
        assert re.fullmatch(r"Connected to 127\.0\.0\.1:\d+\n", told.decode())

    run(check())


def test_a_pipe_is_sent_and_people_get_a_sentence() -> None:
    async def check() -> None:
        async with StrictServer().opened() as server:
            arguments = ("send", "-", server.url, "--channels", "2")
            async with program(*arguments, stdin=PIPE) as process:
                output, told = await process.communicate(bytes(64_000))
        assert (process.returncode, output) == (0, b"")
        assert re.search(r"^Sent 1\.0 s of audio with .* \(session s1\)\.$", told.decode(), re.MULTILINE)
        assert server.heard.frames == 16_000
        assert server.hellos[0].stream == send.default_stream()

    run(check())


@pytest.mark.parametrize("place", ["environment", "file"])
def test_a_token_is_presented_and_never_shown(place: str, tmp_path: Path) -> None:
    async def check() -> None:
        file = tmp_path / "token"
        file.write_text(f"{TOKEN}\n")
        arguments = ("--token-file", file) if place == "file" else ()
        environment = {"CMLSTREAM_TOKEN": "wrong-for-the-file-case" if place == "file" else TOKEN}
        async with StrictServer().opened() as server:
            async with program(
                "--log-level", "debug", "send", "sample", server.url, *arguments, environment=environment
            ) as process:
                output, told = await process.communicate()
            assert server.connection is not None
            assert server.connection.request is not None
            assert server.connection.request.headers["Authorization"] == f"Bearer {TOKEN}"
        assert process.returncode == 0
        assert TOKEN.encode() not in output + told

    run(check())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_stream_with_its_summary_and_exit_code_0(number: signal.Signals) -> None:
    async def check() -> None:
        async with (
            StrictServer().opened() as server,
            program("send", "sample", server.url, "--realtime", "--json") as process,
        ):
            await until(lambda: server.heard.frames > 1_000)
            process.send_signal(number)
            output, _ = await process.communicate()
        assert process.returncode == 0
        assert json.loads(output)["sample"] == server.heard.frames
        assert SAMPLE.startswith(server.heard.audio)

    run(check())


def test_a_signal_does_not_wait_for_ever_for_a_server_that_is_gone() -> None:
    async def check() -> None:
        async with (
            StrictServer().opened() as server,
            program("send", "sample", server.url, "--realtime", "--json") as process,
        ):
            await until(lambda: server.heard.frames > 1_000)
            server.refusals = 100 * [Refusal.SERVER_STOPS]
            server.cut()
            await line_with(process.stderr, "No connection")
            process.send_signal(signal.SIGINT)
            output, told = await process.communicate()
        assert (process.returncode, output) == (2, b"")
        assert re.search(r"did not answer the end within 5 s: \d+\.\d s of audio may be lost", told.decode())

    run(check())


def test_a_lost_link_is_told_once_and_its_return_too() -> None:
    async def check() -> None:
        async with (
            StrictServer().opened() as server,
            program("send", "sample", server.url, "--realtime") as process,
        ):
            await until(lambda: server.heard.frames > 1_000)
            server.refusals = [Refusal.TOO_MANY_STREAMS, Refusal.TOO_MANY_STREAMS]
            server.forget()
            server.cut()
            await line_with(process.stderr, "the server has begun a new session")
            process.send_signal(signal.SIGINT)
            await process.wait()
        assert server.heard.frames > 0

    run(check())


@pytest.mark.slow
def test_a_server_that_is_killed_and_started_again_gets_the_rest_as_a_new_session(free_port: Any) -> None:
    async def check() -> None:
        port = free_port()
        url = f"ws://127.0.0.1:{port}"
        async with program("serve", "--port", port) as server:
            await line_with(server.stderr, "^ingest")
            async with program("send", "sample", url, "--stream", "desk", "--realtime", "--json") as process:
                async for event in follow(url, types=["affect"]):
                    before = event.session
                    break
                server.kill()
                await line_with(process.stderr, "No connection")
                async with program("serve", "--port", port) as again:
                    await line_with(again.stderr, "^ingest")
                    async for event in follow(url, types=["affect"], since=0):
                        after = event.session
                        assert isinstance(event, Affect)
                        break
                    process.send_signal(signal.SIGINT)
                    output, told = await process.communicate()
        assert process.returncode == 0
        assert json.loads(output)["session"] == after != before
        assert json.loads(output)["dropped_samples"] == 0
        assert b"the server has begun a new session" in told

    run(check())


def test_a_terminal_gets_a_live_view() -> None:
    async def check() -> None:
        ours, theirs = pty.openpty()
        async with StrictServer().opened() as server:
            environment = {"TERM": "xterm", "COLUMNS": "100"}
            async with program(
                "send", "sample", server.url, "--realtime", stderr=theirs, environment=environment
            ) as process:
                os.close(theirs)
                await until(lambda: server.heard.frames > 16_000)
                process.send_signal(signal.SIGINT)
                drawn = await asyncio.to_thread(_all_of, ours)
                assert await process.wait() == 0
        for words in ("file sample.flac", "level", "dBFS", "Connected to", "delay", " ms", "buffered"):
            assert words in drawn

    run(check())


def _all_of(terminal: int) -> str:
    drawn = b""
    with suppress(OSError):  # the other end is closed
        while data := os.read(terminal, 65_536):
            drawn += data
    os.close(terminal)
    return drawn.decode()


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (["none.wav", "ws://127.0.0.1:1"], {}, "none.wav does not exist"),
        (["sample", "redis://127.0.0.1"], {}, "begins with 'redis:'"),
        (["sample", "ws://127.0.0.1:1/?token=secret"], {}, "holds a secret"),
        (["sample", "ws://127.0.0.1:1", "--stream", "a/b"], {}, "cannot be called 'a/b'"),
        (["sample", "ws://127.0.0.1:1", "--token-file", "none"], {}, "none cannot be read"),
        (["sample", "ws://127.0.0.1:1"], {"CMLSTREAM_TOKEN": "short"}, "CMLSTREAM_TOKEN"),
        (["-", "ws://127.0.0.1:1", "--rate", "4000"], {}, "4000 Hz"),
        (["sample", "ws://127.0.0.1:1"], {}, "127.0.0.1:1 cannot be sent to: nobody listens there; check"),
    ],
)
def test_a_mistake_is_one_sentence(
    run_program: Any,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    environment: dict[str, str],
    sentence: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    completed = run_program("send", *arguments)
    last = completed.stderr.decode().splitlines()[-1]
    assert completed.returncode == 2
    assert last.startswith("cmlstream: ")
    assert sentence in last
    assert "short" not in last
    assert completed.stdout == b""


@pytest.mark.parametrize(
    ("host", "stream"),
    [("desk.example.org", "desk.example.org"), ("-_büro 2", "b-ro-2"), ("", "sender"), ("x" * 90, "x" * 64)],
)
def test_a_machine_s_name_becomes_a_valid_stream(
    monkeypatch: pytest.MonkeyPatch, host: str, stream: str
) -> None:
    monkeypatch.setattr(send.socket, "gethostname", lambda: host)
    assert send.default_stream() == stream
