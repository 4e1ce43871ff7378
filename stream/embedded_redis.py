"""A private redis-server for whoever has none: on loopback, without a trace on disk, gone when we are.

It has a process session of its own, so Ctrl-C at the terminal does not end it before `stream.ended` is out.
What ends it when this process dies without a word is a pipe: the shell that becomes the server first leaves a
watcher behind, which waits for the end of our side of the pipe. (PR_SET_PDEATHSIG would need code between
fork and exec, which is unsafe beside torch's threads.) The watcher stays in the server's process group, so
its number, which is the server's, cannot pass to another process while the watcher may still signal it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import tempfile
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cmlstream.models.errors import ServiceError

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

START_TIMEOUT_S = 10.0
POLL_S = 0.02
ATTEMPTS = 5
"""How often another port is tried when somebody takes the one that was free a moment ago."""

WATCHED_SERVER = """
exec 3<&0
( read -r _ <&3; kill -KILL "$$"; rm -rf -- "$1" ) &
exec redis-server --port "$2" --dir "$1" --logfile "$1/log" \\
    --bind 127.0.0.1 --protected-mode yes --save '' --appendonly no --daemonize no 3<&- </dev/null
"""


@asynccontextmanager
async def embedded_redis() -> AsyncIterator[str]:
    """Run a redis-server while the context lasts, and give its URL.

    It is stopped however the context is left, cancellation and a killed process included.

    Raises:
        ServiceError: redis-server is not installed, or does not start.

    """
    if shutil.which("redis-server") is None:
        raise ServiceError("redis-server is not on the PATH: install it with `apt install redis-server`")
    with tempfile.TemporaryDirectory(prefix="cmlstream-redis-") as directory:
        server = await _start(Path(directory))
        try:
            yield server.url
        finally:
            await server.stop()


@dataclass(frozen=True, slots=True)
class _Server:
    process: Process
    lifeline: int
    """Our side of the pipe, a descriptor that nobody inherits; asyncio would close one of its own early."""
    url: str

    async def stop(self) -> None:
        """Kill the server and its watcher: nothing of theirs is worth saving."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        os.close(self.lifeline)
        await self.process.wait()


async def _start(directory: Path) -> _Server:
    for _ in range(ATTEMPTS):
        server = await _launch(directory, _free_port())
        try:
            if await _answers(server):
                return server
        except BaseException:
            await server.stop()
            raise
        await server.stop()
    raise ServiceError(f"redis-server does not start: {_last_line(directory / 'log')}")


async def _launch(directory: Path, port: int) -> _Server:
    far_end, lifeline = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", WATCHED_SERVER, "sh", str(directory), str(port)),
            stdin=far_end,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except BaseException:
        os.close(lifeline)
        raise
    finally:
        os.close(far_end)
    return _Server(process, lifeline, f"redis://127.0.0.1:{port}/0")


async def _answers(server: _Server) -> bool:
    """Wait until this very server answers; False when it ends instead, as where another has its port."""
    # Importing redis takes 0.15 s, which only those who use it should wait for.
    from .redis_client import FAILURES, open_client

    client = open_client(server.url)
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            while server.process.returncode is None:
                with suppress(*FAILURES):
                    if (await client.info("server"))["process_id"] == server.process.pid:
                        return True
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        pass
    finally:
        await client.aclose()
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return lines[-1].strip() if lines else "it leaves no word why"
