"""`cmlstream watch` as a user runs it: a process, beside a real server or Redis."""

import asyncio
import fcntl
import os
import pty
import signal
import struct
import termios
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from cmlstream.stream.events import Message, decode
from cmlstream.stream.sinks.hub import Hub
from tests.conftest import PROGRAM
from tests.stream.conftest import RedisServer
from tests.stream.redis_publishing import publishing
from tests.stream.serving import publish, run, serving, until
from tests.stream.synthetic import SyntheticSession


@asynccontextmanager
async def watching(*arguments: object, **options: Any) -> AsyncIterator[Process]:
    """Run `cmlstream watch`; what still runs at the end is killed."""
    options = {"stdout": PIPE, "stderr": PIPE, **options}
    process = await asyncio.create_subprocess_exec(*PROGRAM, "watch", *map(str, arguments), **options)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def talk() -> list[Message]:
    """Two streams, each of which says something and ends."""
    kitchen, hall = SyntheticSession("kitchen", "k"), SyntheticSession("hall", "h", source="a \x1b[2Jradio")
    messages = [one.started() for one in (kitchen, hall)]
    messages += [*kitchen.conversation(regions=2, updates=5), *hall.conversation(regions=1, updates=5)]
    return [*messages, kitchen.gap(), kitchen.ended(), hall.ended()]


def test_json_lines_are_the_events_as_they_were_sent_until_all_have_ended() -> None:
    async def check() -> None:
        hub, messages = Hub(), talk()
        await publish(hub, messages)
        async with serving(hub) as address:
            async with watching(address.page_url, "--json", "--since", 0, "--until-end") as process:
                output, _ = await process.communicate()
            asked = ("--stream", "hall", "--type", "speech.ended", "--no-embedding")
            async with watching(address.page_url, "--json", "--since", 0, "--until-end", *asked) as process:
                filtered, _ = await process.communicate()
        assert output.splitlines() == [message.payload for message in messages]
        assert process.returncode == 0
        assert filtered.count(b'"type":"speech.ended"') == len(filtered.splitlines()) == 1
        assert b"embedding" not in filtered

    run(check())


def test_a_pipe_gets_a_line_per_region_with_the_streams_name() -> None:
    async def check() -> None:
        hub = Hub()
        await publish(hub, talk())
        async with (
            serving(hub) as address,
            watching(address.events_url, "--since", "0", "--until-end") as process,
        ):
            output, said = await process.communicate()
        lines = output.decode().splitlines()
        assert [line.split()[0] for line in lines].count("kitchen") == 5
        assert sum("s of speech" in line and "activation" in line for line in lines) == 3
        assert "\x1b" not in output.decode()
        assert said.decode().splitlines() == [f"connected to 127.0.0.1:{address.port}"]

    run(check())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_exit_code_0(number: signal.Signals) -> None:
    async def check() -> None:
        hub, session = Hub(), SyntheticSession()
        async with serving(hub) as address, watching(address.page_url, "--json") as process:
            await until(lambda: hub.subscribers == 1)
            await hub.publish(session.affect())
            assert process.stdout
            assert await process.stdout.readline()
            process.send_signal(number)
            assert await process.wait() == 0
            await until(lambda: hub.subscribers == 0)

    run(check())


def test_a_closed_pipe_ends_it() -> None:
    async def check() -> None:
        hub, session = Hub(), SyntheticSession()
        reading, writing = os.pipe()
        async with serving(hub) as address, watching(address.page_url, "--json", stdout=writing) as process:
            os.close(writing)
            await until(lambda: hub.subscribers == 1)
            os.close(reading)
            await publish(hub, session.updates(2))
            assert await process.wait() == 0

    run(check())


def test_a_lost_server_is_told_once_and_its_return_too() -> None:
    async def check() -> None:
        async with serving(Hub()) as address:
            pass
        async with watching(address.page_url, "--json", "--since", "0") as process:
            assert process.stdout
            assert process.stderr
            assert await process.stderr.readline() == b"nobody listens there; trying again\n"
            hub = Hub()
            await hub.publish(SyntheticSession().affect())
            async with serving(hub, port=address.port):
                assert b'"seq":1' in await process.stdout.readline()
                assert (await process.stderr.readline()).startswith(b"connected to ")

    run(check())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["ftp://host"], "begins with 'ftp:'"),
        (["ws://host", "--since", "yesterday"], "Malformed since"),
        (["ws://host", "--type", "affct"], "Unknown type"),
        (["ws://host", "--token-file", "missing"], "cannot be read"),
        (["redis://127.0.0.1:1"], "Redis"),
        (["redis://127.0.0.1:1", "--features"], "Redis does not hold features"),
    ],
)
def test_a_mistake_is_one_sentence(run_program: Any, arguments: list[str], sentence: str) -> None:
    completed = run_program("watch", *arguments)
    assert completed.returncode == 2
    assert sentence in completed.stderr.decode()
    assert completed.stderr.count(b"\n") == 1
    assert completed.stdout == b""


def test_a_redis_is_watched_alike(redis_server: RedisServer) -> None:
    async def check() -> None:
        messages = talk()
        async with publishing(redis_server.url) as sink:
            for message in messages:
                await sink.publish(message)
        asked = ("--json", "--since", "0", "--until-end", "--stream", "kitchen", "--no-embedding")
        async with watching(redis_server.url, *asked) as process:
            output, _ = await process.communicate()
        expected = [message.event.seq for message in messages if message.event.stream == "kitchen"]
        assert [decode(line).seq for line in output.splitlines()] == expected
        assert b"embedding" not in output
        assert process.returncode == 0

    run(check())


def test_a_terminal_gets_a_live_view_of_all_streams() -> None:
    async def check() -> None:
        hub, sessions = Hub(), [SyntheticSession(name, name) for name in ("kitchen", "hall")]
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 90, 0, 0))
        environment = {**os.environ, "TERM": "xterm"}
        shown = bytearray()
        asyncio.get_running_loop().add_reader(master, lambda: shown.extend(os.read(master, 65_536)))
        async with (
            serving(hub) as address,
            watching(address.page_url, stdout=slave, stderr=slave, env=environment) as process,
        ):
            await until(lambda: hub.subscribers == 1)
            for session in sessions:
                await publish(hub, [session.started(), *session.updates(3), session.status()])
            await until(lambda: b"kitchen" in shown and b"hall" in shown)
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)
        os.close(slave)
        assert "●" in shown.decode()

    run(check())
