import asyncio
import socket
import struct

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.stream.events import Affect, Gap, SpeechEnded, StreamEnded, StreamStarted
from cmlstream.stream.ingest import Refusal
from cmlstream.stream.server.patience import Patience
from cmlstream.stream.server.receiving import FRAME_BYTES
from cmlstream.stream.server.tokens import Tokens
from cmlstream.stream.sources.file import read_whole
from cmlstream.stream.sources.open import SAMPLE_PATH
from tests.signals import quiet_noise, speech_like
from tests.stream.server.test_serve import until
from tests.stream.service import (
    answer,
    events_until_end,
    following,
    greet,
    say,
    send_pcm,
    sending,
    service,
    told,
)
from tests.stream.serving import run

AUDIO_T = np.concatenate(
    [quiet_noise(0.5), speech_like(2.2, seed=1), quiet_noise(1.0), speech_like(1.2, seed=2), quiet_noise(0.6)]
)
PCM = AUDIO_T.astype("<i2").tobytes()


def values(events):
    return [
        (type(event), event.seq, event.start_sample, event.end_sample, getattr(event, "activation", None))
        for event in events
        if type(event).__name__ != "Status"
    ]


async def uninterrupted(audio=PCM, **hello):
    async with service() as running, following(running.address) as follower:
        async with sending(running.address) as sender:
            await greet(sender, **hello)
            await send_pcm(sender, audio)
            await say(sender, "end")
            summary = await answer(sender, "summary")
        return summary, await events_until_end(follower)


def test_a_stream_is_heard_acknowledged_and_summed_up():
    async def check():
        summary, events = await uninterrupted()
        assert summary["sample"] == len(AUDIO_T)
        assert summary["audio_s"] == pytest.approx(len(AUDIO_T) / SAMPLE_RATE)
        assert summary["events"] == events[-1].seq == len(events)
        assert summary["regions"] == sum(isinstance(event, SpeechEnded) for event in events) == 2
        assert [type(events[0]), type(events[-1])] == [StreamStarted, StreamEnded]
        assert events[-1].reason == "end of input"
        assert {event.session for event in events} == {summary["session"]}

    run(check())


@pytest.mark.parametrize(
    ("hello", "encode"),
    [
        ({"format": "pcm_f32le"}, lambda a: (a / 32768).astype("<f4").tobytes()),
        ({"channels": 2}, lambda a: np.repeat(a, 2).astype("<i2").tobytes()),
        ({"channels": 2, "channel": 2}, lambda a: np.stack([a * 0, a], 1).astype("<i2").tobytes()),
    ],
)
def test_every_way_of_writing_the_same_audio_gives_the_same_estimates(hello, encode):
    async def check():
        _, expected = await uninterrupted()
        _, events = await uninterrupted(encode(AUDIO_T), **hello)
        assert [value[:4] for value in values(events)] == [value[:4] for value in values(expected)]
        for event, plain in zip(events, expected, strict=True):
            if isinstance(event, Affect):
                assert event.activation == pytest.approx(plain.activation, abs=1e-4)

    run(check())


def test_messages_may_be_cut_anywhere_even_in_the_middle_of_a_sample():
    async def check():
        _, expected = await uninterrupted()
        async with service() as running, following(running.address) as follower:
            async with sending(running.address) as sender:
                await greet(sender)
                for at in range(0, len(PCM), 333):
                    await sender.send(PCM[at : at + 333])
                await sender.send([b"", b""])
                await say(sender, "end")
                assert (await answer(sender, "summary"))["sample"] == len(AUDIO_T)
            assert values(await events_until_end(follower)) == values(expected)

    run(check())


def test_a_sender_that_was_cut_off_goes_on_where_it_was_and_nothing_shows():
    async def check():
        _, expected = await uninterrupted()
        async with service() as running, following(running.address) as follower:
            position, session = 0, None
            for stop in (2 * SAMPLE_RATE, 3 * SAMPLE_RATE + 17, len(AUDIO_T)):
                async with sending(running.address) as sender:
                    ready = await greet(sender)
                    assert ready["session"] == (session or ready["session"])
                    assert ready["sample"] == position
                    session = ready["session"]
                    # Half a sample more, which only the next connection can bring whole.
                    await send_pcm(sender, PCM[2 * position : 2 * stop + (stop < len(AUDIO_T))])
                    if stop < len(AUDIO_T):
                        await answer(sender, "ack")
                        await until(lambda stop=stop: next(iter(running.streams)).source.frames == stop)
                        sender.transport.abort()
                        await until(lambda: next(iter(running.streams)).sender is None)
                        position = stop
                    else:
                        await say(sender, "end")
                        await answer(sender, "summary")
            assert values(await events_until_end(follower)) == values(expected)

    run(check())


def test_a_sender_that_stays_away_ends_its_stream_and_its_last_word_is_heard():
    async def check():
        async with service(grace_s=0.2) as running, following(running.address) as follower:
            async with sending(running.address) as sender:
                await greet(sender)
                await send_pcm(sender, PCM[: 2 * 2 * SAMPLE_RATE])
                await answer(sender, "ack")
                sender.transport.abort()
            events = await events_until_end(follower)
            assert events[-1].reason == "sender gone"
            assert any(isinstance(event, SpeechEnded) and event.activation is not None for event in events)
            async with sending(running.address) as sender:
                ready = await greet(sender)
                assert (ready["sample"], ready["session"] == events[0].session) == (0, False)

    run(check())


def test_a_sender_from_elsewhere_begins_a_session_that_names_the_one_it_was_in():
    async def check():
        async with service() as running, following(running.address) as follower:
            async with sending(running.address) as sender:
                ready = await greet(sender, session="1732400000000-abcdef")
                assert ready["sample"] == 0
                await send_pcm(sender, PCM[:2_000])
                await say(sender, "end")
                await answer(sender, "summary")
            started, *_ = await events_until_end(follower)
            assert started.session == ready["session"] != "1732400000000-abcdef"
            assert started.continues == "1732400000000-abcdef"

    run(check())


def test_skipped_audio_becomes_a_gap():
    async def check():
        async with service() as running, following(running.address) as follower:
            async with sending(running.address) as sender:
                await greet(sender, rate=8_000)
                await sender.send(np.zeros(8_000, "<i2").tobytes())
                await say(sender, "skip", samples=4_000)
                await sender.send(np.zeros(8_000, "<i2").tobytes())
                await say(sender, "end")
                summary = await answer(sender, "summary")
            (gap,) = [event for event in await events_until_end(follower) if isinstance(event, Gap)]
            assert (gap.start_sample, gap.end_sample) == (16_000, 24_000)
            assert (summary["sample"], summary["dropped_samples"]) == (20_000, 8_000)

    run(check())


def test_audio_that_is_skipped_last_is_a_gap_too():
    async def check():
        async with service() as running, following(running.address) as follower:
            async with sending(running.address) as sender:
                await greet(sender)
                await sender.send(np.zeros(16_000, "<i2").tobytes())
                for _ in range(3):
                    await say(sender, "skip", samples=4_000)
                await say(sender, "end")
                await answer(sender, "summary")
            gaps = [event for event in await events_until_end(follower) if isinstance(event, Gap)]
            assert (gaps[0].start_sample, gaps[-1].end_sample) == (16_000, 28_000)

    run(check())


def test_a_new_speaker_begins_a_baseline():
    async def check():
        async with service() as running, following(running.address) as follower:
            spoken = read_whole(SAMPLE_PATH)[: 12 * SAMPLE_RATE].astype("<i2").tobytes()
            async with sending(running.address) as sender:
                await greet(sender)
                await send_pcm(sender, spoken)
                await say(sender, "new_speaker")
                await send_pcm(sender, spoken)
                await say(sender, "end")
                await answer(sender, "summary")
            regions = [e for e in await events_until_end(follower) if isinstance(e, SpeechEnded)]
            one, other = regions[: len(regions) // 2], regions[len(regions) // 2 :]
            assert one[-1].baseline_s > one[0].baseline_s == 0
            for mine, theirs in zip(one, other, strict=True):
                assert mine.baseline_s == theirs.baseline_s
                assert mine.activation == pytest.approx(theirs.activation, abs=1e-4)

    run(check())


@pytest.mark.parametrize(
    ("messages", "refusal"),
    [
        (["not JSON"], Refusal.BAD_HELLO),
        (['{"type":"hello","stream":"../etc"}'], Refusal.BAD_HELLO),
        (['{"type":"hello","stream":"a","rate":4000}'], Refusal.BAD_HELLO),
        (['{"type":"hello","stream":"a","format":"mp3"}'], Refusal.BAD_HELLO),
        (['{"type":"hello","stream":"a","sample_rate":16000}'], Refusal.BAD_HELLO),
        (['{"type":"hello","stream":"a","channels":1,"channel":2}'], Refusal.BAD_HELLO),
        ([b"\0\0"], Refusal.BAD_HELLO),
        (['{"type":"end"}'], Refusal.BAD_HELLO),
        (['{"type":"hello","stream":"a"}', '{"type":"hello","stream":"a","rate":8000}'], Refusal.BAD_MESSAGE),
        (['{"type":"hello","stream":"a"}', "{"], Refusal.BAD_MESSAGE),
        (['{"type":"hello","stream":"a"}', '{"type":"skip","samples":-1}'], Refusal.BAD_MESSAGE),
        (
            ['{"type":"hello","stream":"a","rate":8000}', '{"type":"skip","samples":1099511627776}'],
            Refusal.BAD_MESSAGE,
        ),
    ],
)
def test_what_makes_no_sense_is_answered_with_a_code_that_is_documented(messages, refusal):
    async def check():
        async with service() as running, sending(running.address) as sender:
            for message in messages:
                await sender.send(message)
            assert await told(sender) == (refusal.code, refusal.close_code)

    run(check())


def test_who_says_nothing_is_told_so():
    async def check():
        async with service(hello_s=0.05) as running, sending(running.address) as sender:
            assert (await told(sender))[0] == "hello_timeout"

    run(check())


def test_who_falls_silent_is_told_so_and_may_come_back():
    async def check():
        async with service(idle_s=0.1) as running:
            async with sending(running.address) as sender:
                await greet(sender)
                await sender.send(PCM[:2_000])
                assert (await told(sender))[0] == "idle"
            async with sending(running.address) as sender:
                assert (await greet(sender))["sample"] == 1_000

    run(check())


def test_a_stream_that_is_being_sent_is_busy_unless_its_session_is_known():
    async def check():
        async with (
            service() as running,
            sending(running.address) as first,
            sending(running.address) as second,
        ):
            ready = await greet(first)
            await first.send(PCM[:2_000])
            assert (await greet(second))["code"] == "stream_busy"
            async with sending(running.address) as third:
                assert (await greet(third, session=ready["session"]))["sample"] == 1_000
                assert (await told(first))[0] == "taken_over"

    run(check())


def test_a_stream_goes_on_only_in_the_format_it_began_with():
    async def check():
        async with service() as running:
            async with sending(running.address) as sender:
                await greet(sender)
                sender.transport.abort()
            async with sending(running.address) as sender:
                assert (await greet(sender, rate=48_000))["code"] == "format_changed"

    run(check())


def test_more_streams_than_there_are_places_are_turned_away():
    async def check():
        async with service(streams=1) as running:
            async with sending(running.address) as first, sending(running.address) as second:
                await greet(first, "one")
                assert (await greet(second, "two"))["code"] == "too_many_streams"
                await say(first, "end")
                await answer(first, "summary")
            async with sending(running.address) as third:
                assert (await greet(third, "three"))["type"] == "ready"

    run(check())


def test_a_message_that_is_too_long_and_a_flood_are_refused():
    async def check():
        async with service(message_bytes=1_024, bytes_per_second=2_000) as running:
            async with sending(running.address) as sender:
                await greet(sender)
                await sender.send(bytes(1_025))
                with pytest.raises(ConnectionClosed) as closed:
                    await answer(sender)
                assert closed.value.rcvd.code == 1009
            async with sending(running.address) as sender:
                await greet(sender, "other")
                for _ in range(25):
                    await sender.send(bytes(1_000 - FRAME_BYTES))
                assert (await told(sender))[0] == "too_fast"
            async with sending(running.address) as sender:
                await greet(sender, "other")
                await sender.send(bytes(1_000))
                assert (await told(sender))[0] == "too_fast", "coming again allows no more"

    run(check())


def test_only_a_token_for_ingest_lets_a_sender_in(tmp_path):
    path = tmp_path / "tokens.toml"
    path.write_text(
        '[[token]]\nname = "kitchen"\nsecret = "kitchen-kitchen-kitchen"\nscopes = ["ingest"]\n'
        '[[token]]\nname = "wall"\nsecret = "wall-wall-wall-wall"\nscopes = ["events"]\n'
    )
    path.chmod(0o600)

    async def check():
        async with service(tokens=Tokens.load(path)) as running:
            async with sending(running.address) as sender:
                assert (await greet(sender))["code"] == "unauthorized"
            async with sending(running.address) as sender:
                assert (await greet(sender, token="wall-wall-wall-wall"))["code"] == "forbidden"
            async with sending(running.address) as sender:
                assert (await greet(sender, token="kitchen-kitchen-kitchen"))["type"] == "ready"
            header = {"Authorization": "Bearer kitchen-kitchen-kitchen"}
            async with sending(running.address, additional_headers=header) as sender:
                assert (await greet(sender, "a"))["type"] == "ready"
            protocols = ["cmlstream.v1", "bearer.kitchen-kitchen-kitchen"]
            async with sending(running.address, subprotocols=protocols) as sender:
                assert sender.subprotocol == "cmlstream.v1"
                assert (await greet(sender, "b"))["type"] == "ready"

    run(check())


def test_a_server_that_stops_publishes_every_open_region_and_says_why():
    async def check():
        async with service() as running:
            follower = await connect(running.address.events_url + "?since=0", proxy=None)
            sender = await connect(running.address.ingest_url, proxy=None)
            await greet(sender)
            await send_pcm(sender, PCM[: 2 * 2 * SAMPLE_RATE])
            await answer(sender, "ack")
        assert await told(sender) == ("server_stops", 1001)
        events = await events_until_end(follower)
        assert events[-1].reason == "stopped"
        assert any(isinstance(event, SpeechEnded) and event.activation is not None for event in events)

    run(check())


def test_a_sender_that_does_not_read_is_cut_off_and_its_stream_waits():
    async def check():
        async with service(patience=Patience(send_s=0.2, close_s=0.2)) as running:
            port = running.address.port
            raw = socket.create_connection(("127.0.0.1", port))
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
            raw.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(
                raw,
                f"GET /v1/ingest HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                "Sec-WebSocket-Version: 13\r\n\r\n".encode(),
            )
            assert (await loop.sock_recv(raw, 4_096)).startswith(b"HTTP/1.1 101")
            hello = b'{"type":"hello","stream":"deaf"}'
            await loop.sock_sendall(raw, bytes((0x81, 0x80 | len(hello))) + bytes(4) + hello)
            await until(lambda: len(running.streams) == 1)
            live = next(iter(running.streams))
            live.sender.dismiss(Refusal.IDLE, "x" * 4_000_000)
            await until(lambda: live.sender is None)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.close()

    run(check())
