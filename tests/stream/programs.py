"""`cmlstream` in processes of their own, from within a test's event loop."""

from __future__ import annotations

import asyncio
import os
import re
from asyncio.subprocess import PIPE
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cmlstream.stream.server.serve import Address
from tests.conftest import PROGRAM

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator


@asynccontextmanager
async def program(*arguments: object, **options: Any) -> AsyncIterator[Process]:
    """Run `cmlstream`; what still runs at the end is killed."""
    options = {
        "stdout": PIPE,
        "stderr": PIPE,
        "env": {**os.environ, **options.pop("environment", {})},
        **options,
    }
    process = await asyncio.create_subprocess_exec(*PROGRAM, *map(str, arguments), **options)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def line_with(stream: asyncio.StreamReader | None, pattern: str) -> str:
    """Read on until a line comes that holds `pattern`."""
    assert stream is not None
    async for line in stream:
        if re.search(pattern, line.decode()):
            return line.decode()
    raise AssertionError(f"{pattern} was not said")


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """A `cmlstream serve` that takes streams."""

    process: Process
    address: Address
    said: str
    """On standard error so far."""

    async def rest(self) -> tuple[bytes, str]:
        """Wait for the end; return all of standard output and what else was said on standard error."""
        output, told = await self.process.communicate()
        return output, told.decode()


@asynccontextmanager
async def serving(*options: object, port: int = 0, **environment: str) -> AsyncIterator[Served]:
    """Run `cmlstream serve` until the context ends."""
    async with program("serve", "--port", port, *options, environment=environment) as process:
        said = ""
        # The notice is the last it says of itself.
        while "AI Act" not in said:
            assert process.stderr is not None
            line = await process.stderr.readline()
            assert line, f"it does not start: {said}"
            said += line.decode()
        found = re.search(r"ingest +ws://127\.0\.0\.1:(\d+)/", said)
        assert found, said
        yield Served(process, Address("127.0.0.1", int(found[1])), said)
