"""`cmlstream listen` in a terminal that is closed: it hears nobody any more, and what it heard is kept."""

import asyncio
import os
import pty
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cmlstream.stream.events import Affect, StreamEnded, decode
from cmlstream.stream.signals import stop_on_hangup
from tests.stream.programs import program
from tests.stream.serving import run, until
from tests.stream.speaking import assert_whole, hearing


@pytest.fixture(autouse=True)
def undisturbed():
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


@asynccontextmanager
async def in_terminal(
    *arguments: object,
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Callable[[], None]]]:
    """Run `cmlstream` in a terminal of its own that somebody reads; yield it and what closes that."""
    loop = asyncio.get_running_loop()
    ours, theirs = pty.openpty()

    def take_terminal() -> None:
        os.close(os.open(os.ttyname(0), os.O_RDWR))

    def close() -> None:
        loop.remove_reader(ours)
        os.close(ours)

    loop.add_reader(ours, os.read, ours, 65_536)
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
    async with program(*arguments, **streams, start_new_session=True, preexec_fn=take_terminal) as process:
        os.close(theirs)
        yield process, close


@pytest.mark.slow
def test_a_terminal_that_is_closed_ends_the_listening_and_all_of_it_is_recorded(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    arguments = ("listen", "sample", "--realtime", "--port", port, "--record", tmp_path)

    async def check() -> None:
        async with in_terminal(*arguments) as (process, close_terminal):
            async with hearing(f"ws://127.0.0.1:{port}") as heard:
                await until(lambda: heard.has(Affect, ["live"]))
                close_terminal()
                await until(lambda: heard.has(StreamEnded, ["live"]))
            assert await process.wait() == 0
        events.extend(heard.events["live"])

    events: list[object] = []
    run(check())
    assert_whole(events, reason="stopped")
    (recorded,) = tmp_path.glob("live/*/events.jsonl")
    assert [decode(line) for line in recorded.read_bytes().splitlines()] == events


def test_a_terminal_that_says_it_is_closed_twice_does_not_cut_the_end_short() -> None:
    async def check() -> None:
        stop = asyncio.Event()
        stop_on_hangup(stop)
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGHUP)
            await stop.wait()

    run(check())


def test_nohup_stays_in_force() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    async def check() -> None:
        stop_on_hangup(asyncio.Event())
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN

    run(check())
