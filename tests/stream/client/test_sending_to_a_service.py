"""The sender against the real server: what is published is what would have been without any trouble."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from cmlstream.models.errors import ServiceError
from cmlstream.stream.client import Lost, follow, open_sender, send, uplink
from cmlstream.stream.events import Gap
from cmlstream.stream.server.serve import Address
from cmlstream.stream.server.tls import Certificate
from cmlstream.stream.server.tokens import Tokens
from cmlstream.stream.sources.file import read_whole
from cmlstream.stream.sources.open import SAMPLE_PATH, SourceSettings, open_source
from tests.stream.server.certificates import make_pair
from tests.stream.service import events_until_end, following, service
from tests.stream.serving import run, until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from cmlstream.stream.client import Sender, State
    from cmlstream.stream.events import Event
    from tests.stream.service import Service

OWN = {"stream", "session", "start_time", "end_time"}
"""What two runs on one file may differ in."""
SAMPLE_T = read_whole(SAMPLE_PATH)
CHUNK_SAMPLES = 320


class FragileLine:
    """A way to a server that breaks after so many bytes of a sender, once for each number in `breaks`."""

    def __init__(self, breaks: list[int]) -> None:
        self.address: Address | None = None
        """Where it leads; None is nowhere."""
        self.origin = ""
        self._breaks = breaks
        self._writers: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def laid(self) -> AsyncIterator[FragileLine]:
        async with await asyncio.start_server(self._relay, "127.0.0.1", 0) as server:
            self.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield self
            self.cut()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.address is None:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection(self.address.host, self.address.port)
        self._writers += [writer, far_writer]
        limit = self._breaks.pop(0) if self._breaks else None
        await asyncio.gather(_pass_on(far_reader, writer, None), _pass_on(reader, far_writer, limit))
        self.cut()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int | None) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(4_096):
            writer.write(data if limit is None else data[:limit])
            await writer.drain()
            if limit is not None and (limit := limit - len(data)) <= 0:
                break
    writer.close()


@asynccontextmanager
async def fragile_service(breaks: list[int], **limits: Any) -> AsyncIterator[tuple[Service, FragileLine]]:
    """Serve behind a line, whose own name senders may use."""
    line = FragileLine(breaks)
    async with line.laid(), service(settings={"allowed_origins": (line.origin,)}, **limits) as running:
        line.address = running.address
        yield running, line


def comparable(event: Event) -> dict[str, Any]:
    fields = msgspec.to_builtins(event)
    return {name: value for name, value in fields.items() if name not in OWN}


def assert_close(one: Any, other: Any) -> None:
    """Equal but for 1e-4 in numbers, at any depth."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_close(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_close(*pair)
    elif isinstance(one, float):
        assert one == pytest.approx(other, abs=1e-4)
    else:
        assert one == other


async def published(running: Service) -> list[Event]:
    async with following(running.address) as follower:
        return await events_until_end(follower)


def test_a_stream_cut_off_three_times_is_heard_as_one_that_was_not(
    start_program: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    async def check() -> None:
        line = FragileLine([200_000, 431_001, 300_003])
        async with line.laid():
            line.address = await asyncio.to_thread(_started, start_program, line.origin, tmp_path)
            source = open_source("sample", SourceSettings())
            calm = await send(line.address.ingest_url, source, stream="calm")
            states: list[State] = []
            cut = await send(line.origin, source, stream="cut", on_state=states.append)
            expected = await _published(line.address, "calm")
            heard = await _published(line.address, "cut")
        assert sum(isinstance(state, Lost) for state in states) == 3
        assert [event.seq for event in heard] == list(range(1, len(expected) + 1))
        assert_close([comparable(event) for event in heard], [comparable(event) for event in expected])
        assert cut.sample == calm.sample == len(SAMPLE_T)
        assert cut.dropped_samples == cut.thinned_updates == 0

    run(check())


def _started(start_program: Callable[..., subprocess.Popen[bytes]], origin: str, folder: Path) -> Address:
    """Start the service in a process of its own, warmed up, and return where it is."""
    settings = folder / "serve.toml"
    settings.write_text(f'allowed_origins = ["{origin}"]\n')
    process = start_program("serve", "--port", "0", "--config", settings)
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(rb"ingest +ws://127\.0\.0\.1:(\d+)/", line):
            return Address("127.0.0.1", int(found[1]))
    raise AssertionError("it does not start")


async def _published(address: Address, stream: str) -> list[Event]:
    return [event async for event in follow(address.page_url, stream=stream, since=0, until_end=True)]


def test_audio_that_found_no_room_is_published_as_a_gap() -> None:
    async def check() -> None:
        async with fragile_service([]) as (running, line):
            async with open_sender(line.origin, stream="desk", buffer_bytes=60_000) as sender:
                sender.push_newest(SAMPLE_T[:16_000])
                await until(lambda: sender.progress.acknowledged_frames == 16_000)
                line.address = None
                line.cut()
                for start in range(16_000, 96_000, CHUNK_SAMPLES):
                    sender.push_newest(SAMPLE_T[start : start + CHUNK_SAMPLES])
                line.address = running.address
                summary = await sender.end()
                lost = sender.progress.skipped_frames
            events = await published(running)
        (gap,) = [event for event in events if isinstance(event, Gap)]
        assert (gap.kind, gap.start_sample, gap.end_sample) == ("audio", 16_000, 16_000 + lost)
        assert summary.dropped_samples == lost > 0
        assert summary.sample == 96_000

    run(check())


def test_audio_goes_over_tls_with_a_token_by_the_programs_own_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check() -> None:
        pair = make_pair(tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(pair.certificate))
        (tmp_path / "tokens.toml").write_text(
            '[[token]]\nname = "desk"\nsecret = "a-token-of-sixteen"\nscopes = ["ingest"]\n'
        )
        (tmp_path / "tokens.toml").chmod(0o600)
        tokens = Tokens.load(tmp_path / "tokens.toml")
        certificate = Certificate(pair.certificate, pair.private_key)
        async with service(tokens=tokens, settings={"certificate": certificate}) as running:
            url = f"wss://localhost:{running.address.port}"
            summary = await send(url, _spoken(), stream="desk", token="a-token-of-sixteen")
            assert summary.sample == 16_000
            with pytest.raises(ServiceError, match="refuses"):
                await send(url, _spoken(), stream="desk", token="another-of-sixteen")

    run(check())


async def _spoken() -> AsyncIterator[NDArray[np.int16]]:
    yield SAMPLE_T[:16_000]


def test_a_summary_that_was_lost_on_its_way_is_told_again() -> None:
    async def check() -> None:
        async with fragile_service([]) as (running, line):
            async with open_sender(line.origin, stream="desk") as sender:
                await sender.push(SAMPLE_T[:48_000])
                await until(lambda: sender.progress.acknowledged_frames == 48_000)
                (live,) = running.streams
                ending = asyncio.create_task(sender.end())
                await until(lambda: live.source.ended)
                line.cut()
                summary = await ending
            events = await published(running)
            assert len(running.streams) == 0
        assert summary.session == events[0].session
        assert summary.events == events[-1].seq
        assert summary.sample == 48_000

    run(check())


def test_a_stream_that_waits_too_long_for_its_sender_goes_on_as_a_new_session() -> None:
    async def check() -> None:
        async with (
            fragile_service([], grace_s=0.05) as (running, line),
            open_sender(line.origin, stream="desk") as sender,
        ):
            await sender.push(SAMPLE_T[:32_000])
            await until(lambda: sender.progress.acknowledged_frames == 32_000)
            before = sender.progress.session
            line.address = None
            line.cut()
            await sender.push(SAMPLE_T[32_000:48_000])
            await until(lambda: len(running.streams) == 0)
            line.address = running.address
            summary = await sender.end()
        assert summary.session != before
        assert summary.sample == 16_000

    run(check())


def test_a_server_that_stops_is_waited_for_and_gets_the_rest() -> None:
    async def check() -> None:
        line = FragileLine([])
        async with line.laid():
            host = {"allowed_origins": (line.origin,)}
            async with AsyncExitStack() as first:
                running = await first.enter_async_context(service(settings=host))
                line.address = running.address
                async with open_sender(line.origin, stream="desk") as sender:
                    await sender.push(SAMPLE_T[:32_000])
                    await until(lambda: sender.progress.acknowledged_frames == 32_000)
                    before = sender.progress.session
                    await first.aclose()
                    await sender.push(SAMPLE_T[32_000:48_000])
                    async with service(settings=host) as running:
                        line.address = running.address
                        summary = await sender.end()
        assert summary.session != before
        assert summary.sample == 16_000

    run(check())


def test_a_sender_that_is_heard_keeps_its_stream_from_another(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        async with service() as running, open_sender(running.address.ingest_url, stream="desk") as first:
            speaking = asyncio.create_task(_speak_for_ever(first))
            await until(lambda: first.progress.acknowledged_frames > 0)
            with pytest.raises(ServiceError, match=r"Another connection sends this stream.*stream_busy"):
                await send(running.address.ingest_url, _nothing(), stream="desk")
            speaking.cancel()
            await first.end()

    monkeypatch.setattr(uplink, "OPENING_S", 0.3)
    run(check())


async def _speak_for_ever(sender: Sender) -> None:
    while True:
        await sender.push(bytes(640))
        await asyncio.sleep(0.02)


async def _nothing() -> AsyncIterator[bytes]:
    await asyncio.get_running_loop().create_future()
    yield b""
