import asyncio
import signal
from contextlib import AsyncExitStack, aclosing

import numpy as np
import pytest

from cmlstream.models.errors import InputError
from cmlstream.stream.events import Affect, Gap, StreamEnded, decode
from cmlstream.stream.sources import reopening
from cmlstream.stream.sources.base import Chunk, NewSpeaker, Source
from cmlstream.stream.sources.open import SAMPLE_PATH, SourceSettings, open_source
from cmlstream.stream.sources.reopening import ReopenedSource
from tests.stream.client.ingesting import StrictServer
from tests.stream.programs import line_with, program
from tests.stream.serving import run, until


class Fleeting(Source):
    """Yields what it was given, then breaks, or ends."""

    description = "a test"
    paced = True

    def __init__(self, *heard, breaks=True, dropped_samples=0):
        self._heard = heard
        self._breaks = breaks
        self.dropped_samples = dropped_samples

    async def chunks(self):
        for one in self._heard:
            yield one
        if self._breaks:
            raise InputError("it is gone")


def chunk(start, length=320):
    return Chunk(np.full(length, 7, np.int16), start)


async def heard_from(source):
    return [one async for one in source.chunks()]


def test_the_time_between_is_lost_audio_and_told_once(monkeypatch):
    monkeypatch.setattr(reopening, "WAIT_S", 0.05)
    told = []
    sources = [
        Fleeting(),  # can be opened while it is away, and breaks at once
        InputError("not yet"),
        Fleeting(chunk(0), NewSpeaker(), chunk(1_000), breaks=False, dropped_samples=5),
    ]

    def reopen():
        one = sources.pop(0)
        if isinstance(one, InputError):
            raise one
        return one

    source = ReopenedSource(Fleeting(chunk(0), chunk(320), dropped_samples=3), reopen, told.append)
    first, second, third, speaker, fourth = asyncio.run(heard_from(source))
    assert told == ["it is gone", None]
    assert [first.start, second.start] == [0, 320]
    assert third.start > 640
    assert speaker == NewSpeaker()
    assert fourth.start == third.start + 1_000
    assert source.dropped_samples == 8
    assert sources == []


def test_a_source_that_never_worked_is_not_waited_for():
    source = ReopenedSource(Fleeting(), Fleeting, lambda _: None)
    with pytest.raises(InputError, match="it is gone"):
        asyncio.run(heard_from(source))


def test_it_can_be_closed_while_it_waits():
    async def close_while_waiting():
        waiting = asyncio.Event()
        source = ReopenedSource(Fleeting(chunk(0)), Fleeting, lambda _: waiting.set())
        reading = asyncio.create_task(heard_from(source))
        await waiting.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(close_while_waiting())


@pytest.mark.slow
def test_a_microphone_that_is_plugged_again_is_heard_again(sound_server):
    async def check():
        told = []
        settings = SourceSettings()
        source = ReopenedSource(
            open_source("mic:headset", settings), lambda: open_source("mic:headset", settings), told.append
        )
        async with aclosing(source.chunks()) as chunks:
            before = await anext(chunks)
            await asyncio.to_thread(sound_server.unplug)
            plugging = asyncio.create_task(plug_when_missed(sound_server, told))
            end = before.start + len(before.samples_T)
            async for one in chunks:
                if told[-1:] == [None]:
                    break
                end = one.start + len(one.samples_T)
            await plugging
        assert one.start - end > 16_000

    run(check())


async def plug_when_missed(sound_server, told):
    await until(lambda: told)
    await asyncio.to_thread(sound_server.plug)


@pytest.mark.slow
def test_a_microphone_unplugged_and_plugged_again_while_sending_is_one_stream_with_a_gap(sound_server):
    async def check():
        player = sound_server.play(SAMPLE_PATH)
        async with StrictServer().opened() as server, AsyncExitStack() as sending:
            process = await sending.enter_async_context(
                program("send", "mic:headset", server.url, "--stream", "desk")
            )
            await until(lambda: np.frombuffer(server.heard.audio, np.int16).any())
            await asyncio.to_thread(sound_server.unplug)
            player.kill()
            await line_with(process.stderr, r"microphone 'headset' sent nothing for 2 s.*; waiting for it")
            await asyncio.to_thread(sound_server.plug)
            second_player = sound_server.play(SAMPLE_PATH)
            await line_with(process.stderr, "The source is back")
            await until(lambda: server.heard.skips)
            (skip,) = server.heard.skips
            await until(lambda: np.frombuffer(server.heard.audio, np.int16)[sum(skip) :].any())
            process.send_signal(signal.SIGINT)
            await line_with(process.stderr, r"Sent \d+\.\d s of audio")
            assert await process.wait() == 0
            for one in (player, second_player):
                one.kill()
                one.wait()
        assert skip[1] > 16_000
        assert [hello.session for hello in server.hellos] == [None]

    run(check())


@pytest.mark.slow
def test_a_microphone_unplugged_and_plugged_again_while_listening_is_one_session_with_a_gap(sound_server):
    async def check():
        players = [sound_server.play(SAMPLE_PATH)]
        async with program("listen", "mic:headset", "--json", "--port", "0") as process:
            events = [decode(await process.stdout.readline())]
            await read_until(process.stdout, events, Affect)
            await asyncio.to_thread(sound_server.unplug)
            await line_with(process.stderr, r"microphone 'headset' sent nothing for 2 s.*; waiting for it")
            await asyncio.to_thread(sound_server.plug)
            players.append(sound_server.play(SAMPLE_PATH))
            await line_with(process.stderr, "The microphone is back")
            await read_until(process.stdout, events, Gap)
            await read_until(process.stdout, events, Affect)
            process.send_signal(signal.SIGINT)
            events += [decode(line) async for line in process.stdout]
            assert await process.wait() == 0
        for player in players:
            player.kill()
            player.wait()
        (gap,) = [event for event in events if isinstance(event, Gap)]
        assert gap.kind == "audio"
        assert gap.end_sample - gap.start_sample > 16_000
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert isinstance(events[-1], StreamEnded)
        assert events[-1].reason == "stopped"

    run(check())


async def read_until(stream, events, kind):
    while not isinstance(events[-1], kind):
        events.append(decode(await stream.readline()))
