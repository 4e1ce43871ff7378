"""The examples, run as their first lines say; the page is in page/test_module.py."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.stream.events import Message, SpeechEnded
from cmlstream.stream.sinks.hub import Hub
from tests.signals import quiet_noise, speech_like
from tests.stream.conftest import RedisServer
from tests.stream.node import COMMAND, needs_node
from tests.stream.redis_publishing import publishing
from tests.stream.service import service
from tests.stream.serving import publish, run, serving, until
from tests.stream.synthetic import SyntheticSession

EXAMPLES = Path(__file__).parents[2] / "stream" / "examples"
PYTHON = (sys.executable, "-W", "error", "-m")


@asynccontextmanager
async def running(*command: str | Path) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(*map(str, command), stdout=PIPE, stderr=PIPE)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def line_of(process: Process) -> str:
    assert process.stdout
    assert process.stderr
    line = await process.stdout.readline()
    return line.decode() or pytest.fail((await process.stderr.read()).decode())


def talk() -> list[Message]:
    return list(SyntheticSession().conversation(regions=2, updates=3))


def utterances(messages: list[Message]) -> list[SpeechEnded]:
    return [message.event for message in messages if isinstance(message.event, SpeechEnded)]


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("[a-z]*.*")), ids=lambda path: path.name)
def test_examples_are_short(example: Path) -> None:
    assert len(example.read_text().splitlines()) <= 35


def test_python_follows() -> None:
    async def check() -> None:
        hub, messages = Hub(), talk()
        await publish(hub, messages)
        async with (
            serving(hub) as address,
            running(*PYTHON, "cmlstream.stream.examples.follow", address.events_url) as process,
        ):
            for ended in utterances(messages):
                assert str(ended.activation) in await line_of(process)

    run(check())


def test_python_sends(tmp_path: Path) -> None:
    samples_T = np.concatenate([quiet_noise(0.5), speech_like(1.5, seed=3), quiet_noise(1.0)])
    path = tmp_path / "talk.flac"
    soundfile.write(path, np.stack([samples_T, samples_T], axis=1), SAMPLE_RATE)

    async def check() -> None:
        async with (
            service() as live,
            running(*PYTHON, "cmlstream.stream.examples.send", path, live.address.ingest_url) as process,
        ):
            assert f"sample={samples_T.size}" in await line_of(process)
            assert await process.wait() == 0

    run(check())


@needs_node
def test_javascript_follows() -> None:
    async def check() -> None:
        hub, messages = Hub(), talk()
        await publish(hub, messages)
        async with (
            serving(hub) as address,
            running(*COMMAND, EXAMPLES / "follow.js", address.page_url) as process,
        ):
            for ended in utterances(messages):
                assert json.dumps(ended.valence) in await line_of(process)

    run(check())


def test_a_shell_follows_a_redis_without_a_hole(redis_server: RedisServer) -> None:
    async def check() -> None:
        messages = SyntheticSession().updates(300)
        async with (
            publishing(redis_server.url) as sink,
            running(EXAMPLES / "follow.sh", "kitchen", "-p", str(redis_server.port)) as process,
        ):
            await until(lambda: "blocked_clients:1" in redis_server.cli("INFO", "clients"))
            for message in messages:
                await sink.publish(message)
            followed = [await line_of(process) for _ in messages]
        assert [json.loads(line)["seq"] for line in followed] == list(range(1, 301))

    run(check())
