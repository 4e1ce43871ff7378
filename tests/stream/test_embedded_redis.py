from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as Unreachable

from cmlstream.models.errors import ServiceError
from cmlstream.stream import embedded_redis as module
from cmlstream.stream.embedded_redis import embedded_redis

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from tests.stream.conftest import RedisServer

CHILD = """
import asyncio, signal
from redis.asyncio import Redis
from cmlstream.stream.embedded_redis import embedded_redis

async def main():
    interrupted = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted.set)
    async with embedded_redis() as url, Redis.from_url(url) as client:
        print(url, (await client.config_get("dir"))["dir"], flush=True)
        await interrupted.wait()
        print(await client.ping(), flush=True)

asyncio.run(main())
"""


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 60))


async def directory_of(url: str) -> str:
    async with Redis.from_url(url) as client:
        return (await client.config_get("dir"))["dir"]


def exists(directory: str) -> bool:
    return os.path.isdir(directory)


async def wait_until_gone(url: str, directory: str) -> None:
    async with asyncio.timeout(20):
        while exists(directory) or await answers(url):  # noqa: ASYNC110 it happens in another process
            await asyncio.sleep(0.01)


async def answers(url: str) -> bool:
    async with Redis.from_url(url, retry=None) as client:
        try:
            return await client.ping()
        except Unreachable:
            return False


def test_it_is_private_keeps_nothing_and_ends_with_the_context() -> None:
    async def check() -> None:
        async with embedded_redis() as url, Redis.from_url(url) as client:
            assert url.startswith("redis://127.0.0.1:")
            settings = await client.config_get("bind", "protected-mode", "save", "appendonly", "dir")
            directory = settings.pop("dir")
            assert settings == {
                "bind": "127.0.0.1",
                "protected-mode": "yes",
                "save": "",
                "appendonly": "no",
            }
            server = (await client.info("server"))["process_id"]
            assert os.getsid(server) != os.getsid(0), "Ctrl-C reaches a whole session"
        assert not exists(directory)
        assert not await answers(url)

    run(check())


def test_two_run_side_by_side() -> None:
    async def check() -> None:
        async with embedded_redis() as first, embedded_redis() as second:
            assert first != second
            async with Redis.from_url(first) as client:
                await client.set("key", "value")
            async with Redis.from_url(second) as client:
                assert await client.get("key") is None

    run(check())


def test_cancellation_ends_it() -> None:
    async def check() -> None:
        started: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def use() -> None:
            async with embedded_redis() as url:
                started.set_result(url)
                await asyncio.Event().wait()

        task = asyncio.create_task(use())
        url = await started
        directory = await directory_of(url)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not exists(directory)
        assert not await answers(url)

    run(check())


@pytest.fixture
def child() -> Any:
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    yield process
    process.kill()
    process.communicate()


def test_interrupting_the_terminal_does_not_reach_it(child: subprocess.Popen[str]) -> None:
    assert child.stdout is not None
    url, directory = child.stdout.readline().split()
    os.killpg(child.pid, signal.SIGINT)
    assert child.communicate(timeout=20)[0] == "True\n"
    assert child.returncode == 0
    run(wait_until_gone(url, directory))


def test_it_does_not_outlive_a_killed_program(child: subprocess.Popen[str]) -> None:
    assert child.stdout is not None
    url, directory = child.stdout.readline().split()
    child.kill()
    run(wait_until_gone(url, directory))


def test_a_missing_server_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    async def check() -> None:
        with pytest.raises(ServiceError, match="apt install redis-server"):
            async with embedded_redis():
                pass

    run(check())


def test_another_redis_that_took_the_port_is_not_mistaken_for_ours(
    redis_server: RedisServer, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    free = free_port()
    ports = iter([redis_server.port, free])
    monkeypatch.setattr(module, "_free_port", lambda: next(ports))

    async def check() -> None:
        async with embedded_redis() as url:
            assert url == f"redis://127.0.0.1:{free}/0"
        assert await answers(redis_server.url), "the other one is left alone"

    run(check())


def test_a_server_that_cannot_start_says_why(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_free_port", lambda: redis_server.port)

    async def check() -> None:
        with pytest.raises(ServiceError, match=r"redis-server does not start: .*listen"):
            async with embedded_redis():
                pass

    run(check())
