import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from cmlstream.models.errors import ConfigurationError, InputError, ServiceError
from cmlstream.stream.client import AudioFormat, Connected, Connecting, Lost, State, open_sender, send, uplink
from cmlstream.stream.ingest import Refusal
from cmlstream.stream.sources.base import Chunk, NewSpeaker, Source
from tests.stream.client.ingesting import StrictServer
from tests.stream.serving import run, until

FINAL = [refusal for refusal in Refusal if refusal.is_final] + [Refusal.TAKEN_OVER]
PASSING = [refusal for refusal in Refusal if refusal not in FINAL]
CHUNK_BYTES = 640


def noise(seconds: float) -> bytes:
    """Audio in which every place can be told from every other."""
    return np.random.default_rng(1).integers(-9_000, 9_000, round(seconds * 16_000), np.int16).tobytes()


def chunks_of(audio: bytes) -> list[bytes]:
    return [audio[start : start + CHUNK_BYTES] for start in range(0, len(audio), CHUNK_BYTES)]


async def one_by_one(items: list[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item


class Played(Source):
    """A source whose audio is there at once, but which is live or not as one likes."""

    description = "a test"

    def __init__(self, heard: list[Chunk | NewSpeaker], *, paced: bool, breaks: bool = False) -> None:
        self.paced = paced
        self._heard = heard
        self._breaks = breaks

    async def chunks(self) -> AsyncIterator[Chunk | NewSpeaker]:
        for one in self._heard:
            yield one
        if self._breaks:
            raise InputError("the test is unplugged")


def test_audio_arrives_as_it_was_pushed_and_ends_with_the_summary() -> None:
    async def check() -> None:
        audio = noise(3)
        async with StrictServer().opened() as server:
            summary = await send(server.url, one_by_one(chunks_of(audio)), stream="desk", token="t" * 20)
            (hello,) = server.hellos
        assert server.heard.audio == audio
        assert (summary.session, summary.sample) == ("s1", 48_000)
        assert (hello.stream, hello.rate, hello.session) == ("desk", 16_000, None)

    run(check())


@pytest.mark.parametrize("paced", [False, True])
def test_a_source_tells_of_gaps_and_speakers_in_their_place(paced: bool) -> None:
    async def check() -> None:
        samples_T = np.arange(1, 1_001, dtype=np.int16)
        heard = [Chunk(samples_T, 0), NewSpeaker(), Chunk(samples_T, 1_500), Chunk(samples_T, 2_500)]
        async with StrictServer().opened() as server:
            summary = await send(server.url, Played(heard, paced=paced), stream="desk")
        assert server.hellos[0].live is paced
        assert server.heard.skips == [(1_000, 500)]
        assert server.heard.speakers in ([1_000], [1_500])
        assert server.heard.audio == samples_T.tobytes() + bytes(1_000) + 2 * samples_T.tobytes()
        assert summary.dropped_samples == 500

    run(check())


def test_a_source_that_breaks_is_ended_properly_before_its_error_is_raised() -> None:
    async def check() -> None:
        chunk = Chunk(np.ones(320, np.int16), 0)
        async with StrictServer().opened() as server:
            with pytest.raises(InputError, match="unplugged"):
                await send(server.url, Played([chunk], paced=True, breaks=True), stream="desk")
        assert server.heard.frames == 320

    run(check())


@pytest.mark.parametrize(
    ("form", "audio"),
    [
        (AudioFormat(), np.arange(100, dtype=np.int16)),
        (AudioFormat(), bytearray(range(200))),
        (AudioFormat("pcm_f32le", 48_000, 2, channel=2), np.ones((50, 2), np.float32)),
        (AudioFormat("mulaw", 8_000), np.arange(200, dtype=np.uint8)),
    ],
)
def test_every_format_is_pushed_as_bytes_or_arrays_which_may_change_afterwards(
    form: AudioFormat, audio: Any
) -> None:
    async def check() -> None:
        expected = bytes(memoryview(audio).cast("B"))
        async with StrictServer().opened() as server:
            server.heard.frame_bytes = form.frame_bytes
            async with open_sender(server.url, stream="desk", form=form) as sender:
                await sender.push(audio)
                audio[:] = type(audio)(200) if isinstance(audio, bytearray) else 0
                await sender.end()
        assert server.heard.audio == expected
        assert server.hellos[0].format == form.encoding
        assert server.hellos[0].channel == form.channel

    run(check())


def test_what_is_no_audio_of_this_format_is_refused_before_it_is_sent() -> None:
    async def check() -> None:
        async with StrictServer().opened() as server, open_sender(server.url, stream="desk") as sender:
            with pytest.raises(InputError, match="'d' was pushed as pcm_s16le"):
                await sender.push(np.zeros(10))  # type: ignore[arg-type]
            with pytest.raises(InputError, match="3 bytes were pushed"):
                sender.push_newest(b"123")
            await sender.end()
            with pytest.raises(InputError, match="after the end"):
                await sender.push(b"12")
            with pytest.raises(InputError, match="after the end"):
                sender.skip(1)
        assert server.heard.frames == 0

    run(check())


def test_long_audio_is_cut_into_messages_that_servers_take() -> None:
    async def check() -> None:
        audio = noise(100)
        async with StrictServer().opened() as server, open_sender(server.url, stream="desk") as sender:
            await sender.push(audio)
            await sender.end()
        assert server.heard.audio == audio

    run(check())


def test_a_cut_link_resumes_where_the_server_got_to() -> None:
    async def check() -> None:
        audio = noise(4)
        states: list[State] = []
        async with (
            StrictServer().opened() as server,
            open_sender(server.url, stream="desk", on_state=states.append) as sender,
        ):
            for index, chunk in enumerate(chunks_of(audio)):
                await sender.push(chunk)
                if index % 50 == 25:
                    await until(lambda: server.heard.frames > 0)
                    server.acknowledging = index % 100 == 25
                    hellos = len(server.hellos)
                    server.cut()
                    await until(lambda: len(server.hellos) > hellos)  # noqa: B023 - runs within this turn
            await sender.end()
        assert server.heard.audio == audio
        assert [hello.session for hello in server.hellos] == [None, "s1", "s1", "s1", "s1"]
        assert [type(state) for state in states] == [
            Connecting,
            Connected,
            *4 * [Lost, Connecting, Connected],
        ]

    run(check())


def test_a_server_that_forgot_the_session_gets_what_it_had_not_acknowledged_as_a_new_one() -> None:
    async def check() -> None:
        audio = noise(2)
        async with StrictServer().opened() as server, open_sender(server.url, stream="desk") as sender:
            await sender.push(audio[:32_000])
            await until(lambda: sender.progress.acknowledged_frames == 16_000)
            server.acknowledging = False
            await sender.push(audio[32_000:48_000])
            await until(lambda: server.heard.frames == 24_000)
            server.forget()
            server.cut()
            server.acknowledging = True
            await sender.push(audio[48_000:])
            summary = await sender.end()
            assert sender.progress.session == "s2"
        assert server.sessions["s1"].audio == audio[:48_000]
        assert server.sessions["s2"].audio == audio[32_000:]
        assert (summary.session, summary.sample) == ("s2", 16_000)

    run(check())


def test_a_link_that_is_cut_while_the_stream_ends_says_end_again() -> None:
    async def check() -> None:
        async with StrictServer().opened() as server, open_sender(server.url, stream="desk") as sender:
            await sender.push(noise(1))
            await until(lambda: server.heard.frames == 16_000)
            server.reading.clear()
            messages = server.messages
            ending = asyncio.create_task(sender.end())
            await until(lambda: server.messages > messages)
            server.cut()
            server.reading.set()
            summary = await ending
        assert summary.sample == 16_000

    run(check())


def test_a_stream_that_goes_on_after_another_sender_begins_at_its_sample() -> None:
    async def check() -> None:
        audio = noise(1)
        async with StrictServer().opened() as server:
            server.heard.audio += bytes(2_000)
            summary = await send(server.url, one_by_one(chunks_of(audio)), stream="desk")
        assert server.heard.audio == bytes(2_000) + audio
        assert server.heard.skips == []
        assert summary.sample == 17_000

    run(check())


def test_a_stalled_link_is_given_up_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        audio = noise(10)
        async with StrictServer().opened() as server, open_sender(server.url, stream="desk") as sender:
            await sender.push(audio[:32_000])
            await until(lambda: server.heard.frames == 16_000)
            server.stall()
            await sender.push(audio[32_000:])
            await until(lambda: len(server.hellos) == 2)
            await sender.end()
        assert server.heard.audio == audio

    monkeypatch.setattr(uplink, "QUIET_S", 0.1)
    monkeypatch.setattr(uplink, "PONG_S", 0.1)
    run(check())


def test_a_server_that_says_nothing_but_is_there_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        async with StrictServer().opened() as server, open_sender(server.url, stream="desk") as sender:
            await asyncio.sleep(0.3)  # several times the quiet after which it is asked
            await sender.push(noise(0.1))
            await sender.end()
        assert len(server.hellos) == 1

    monkeypatch.setattr(uplink, "QUIET_S", 0.05)
    run(check())


def test_a_server_that_does_not_get_round_to_reading_has_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        audio = noise(60)  # more than the buffers of sockets take
        async with (
            StrictServer().opened() as server,
            open_sender(server.url, stream="desk", buffer_bytes=2 * len(audio)) as sender,
        ):
            server.reading.clear()
            await sender.push(audio)
            await until(lambda: server.messages > 0)
            await asyncio.sleep(2.5)  # more than twice what a server has that is not held up
            server.reading.set()
            await sender.end()
        assert server.heard.audio == audio
        assert len(server.hellos) == 1

    monkeypatch.setattr(uplink, "QUIET_S", 0.05)
    monkeypatch.setattr(uplink, "PONG_S", 1.0)
    run(check())


def test_live_audio_loses_its_oldest_when_the_buffer_is_full_and_says_so() -> None:
    async def check() -> None:
        audio = noise(4)
        async with (
            StrictServer().opened() as server,
            open_sender(server.url, stream="desk", buffer_bytes=40_000) as sender,
        ):
            sender.push_newest(audio[:32_000])
            await until(lambda: sender.progress.acknowledged_frames == 16_000)
            server.refusals = [Refusal.SERVER_STOPS]
            server.cut()
            for chunk in chunks_of(audio[32_000:]):
                sender.push_newest(chunk)
            assert sender.progress.buffered_bytes <= 40_000
            await sender.end()
            skipped = sender.progress.skipped_frames
        assert server.heard.skips == [(16_000, skipped)]
        assert 30_000 < skipped < 48_000
        kept = audio[32_000 + 2 * skipped :]
        assert server.heard.audio == audio[:32_000] + bytes(2 * skipped) + kept

    run(check())


def test_a_file_waits_when_the_buffer_is_full() -> None:
    async def check() -> None:
        audio = noise(4)
        async with StrictServer().opened() as server:
            server.acknowledging = False
            async with open_sender(server.url, stream="desk", buffer_bytes=40_000) as sender:
                pushing = asyncio.create_task(push_all(sender, audio))
                await until(lambda: server.heard.frames > 10_000)
                assert sender.progress.buffered_bytes <= 40_000
                assert not pushing.done()
                server.acknowledging = True
                server.cut()
                await pushing
                await sender.end()
        assert server.heard.audio == audio
        assert server.heard.skips == []

    run(check())


async def push_all(sender: Any, audio: bytes) -> None:
    for chunk in chunks_of(audio):
        await sender.push(chunk)


@pytest.mark.parametrize("refusal", FINAL, ids=lambda refusal: refusal.code)
def test_a_final_refusal_is_an_error_with_its_code(refusal: Refusal) -> None:
    async def check() -> None:
        async with StrictServer().opened() as server:
            server.refusals = [refusal]
            with pytest.raises(ServiceError, match=rf"refuses \({refusal.code}\): It cannot be\."):
                await send(server.url, one_by_one([noise(1)]), stream="desk")
        assert len(server.hellos) == 1

    run(check())


@pytest.mark.parametrize("refusal", PASSING, ids=lambda refusal: refusal.code)
def test_another_refusal_is_waited_out(refusal: Refusal) -> None:
    async def check() -> None:
        states: list[State] = []
        async with StrictServer().opened() as server:
            server.refusals = [refusal]
            await send(server.url, one_by_one([noise(1)]), stream="desk", on_state=states.append)
        (lost,) = [state for state in states if isinstance(state, Lost)]
        assert lost.why == f"It cannot be [{refusal.code}]"
        assert server.heard.frames == 16_000

    run(check())


@pytest.mark.parametrize("refusal", [Refusal.UNAUTHORIZED, Refusal.TAKEN_OVER], ids=lambda one: one.code)
def test_a_final_refusal_in_the_midst_ends_whatever_the_body_does(refusal: Refusal) -> None:
    async def check() -> None:
        async with StrictServer().opened() as server:
            with pytest.raises(ServiceError, match=refusal.code):
                await send_and_be_refused(server, refusal)
        assert len(server.hellos) == 1

    run(check())


async def send_and_be_refused(server: StrictServer, refusal: Refusal) -> None:
    async with open_sender(server.url, stream="desk") as sender:
        await sender.push(noise(1))
        await server.refuse(refusal)
        await asyncio.get_running_loop().create_future()


def test_the_error_of_the_body_comes_out_as_it_is() -> None:
    async def check() -> None:
        async with StrictServer().opened() as server:
            with pytest.raises(LookupError, match="mine"):
                async with open_sender(server.url, stream="desk"):
                    raise LookupError("mine")

    run(check())


def test_cancelling_closes_the_connection() -> None:
    async def check() -> None:
        async with StrictServer().opened() as server:
            sending = asyncio.create_task(send(server.url, one_by_one([noise(1)]), stream="desk"))
            server.acknowledging = False
            server.reading.clear()
            await until(lambda: server.connection is not None)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert server.connection is not None
            server.reading.set()
            await server.connection.wait_closed()

    run(check())


def test_nobody_to_send_to_is_told_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            with pytest.raises(ServiceError, match=rf"127\.0\.0\.1:{port} cannot be sent to: nobody listens"):
                await send(f"ws://127.0.0.1:{port}", one_by_one([]), stream="desk")

    monkeypatch.setattr(uplink, "OPENING_S", 0.3)
    run(check())


@pytest.mark.parametrize(
    ("url", "options", "message"),
    [
        ("ftp://host", {}, "begins with 'ftp:'"),
        ("ws://user:word@host", {}, "holds a secret"),
        ("ws://host", {"stream": "a/b"}, "cannot be called 'a/b'"),
        ("ws://host", {"form": AudioFormat(rate=4_000)}, "format cannot be sent"),
        ("ws://host", {"form": AudioFormat(channels=2, channel=3)}, "Channel 3 was asked for"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_opened(
    url: str, options: dict[str, Any], message: str
) -> None:
    async def check() -> None:
        with pytest.raises(ConfigurationError, match=message):
            await send(url, one_by_one([]), **{"stream": "desk", **options})

    run(check())
