import asyncio
import os

import pytest

from cmlstream.models.errors import ServiceError
from cmlstream.stream.events import decode
from cmlstream.stream.sinks import lines as lines_module
from cmlstream.stream.sinks.lines import LineSink, json_line, text_line
from tests.stream.synthetic import SyntheticSession


async def write(messages, descriptor, stop=None):
    sink = LineSink(descriptor, json_line, stop or asyncio.Event())
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(sink.run())
        for message in messages:
            await sink.publish(message)
        await sink.close()


def test_every_event_becomes_one_json_line_in_order(tmp_path):
    messages = SyntheticSession().updates(1_000)
    path = tmp_path / "events.jsonl"
    with path.open("wb") as output:
        asyncio.run(write(messages, output.fileno()))
    lines = path.read_bytes().splitlines()
    assert [decode(line) for line in lines] == [message.event for message in messages]


def test_a_slow_reader_makes_publish_wait_and_loses_nothing():
    messages = SyntheticSession().updates(1_000)
    reading, writing = os.pipe()

    async def run():
        publishing = asyncio.create_task(write(messages, writing))
        done, _ = await asyncio.wait({publishing}, timeout=0.2)
        assert not done, "a pipe holds far less than this"
        lines = [await asyncio.to_thread(reader.readline) for _ in messages]
        await publishing
        return lines

    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "wb"):
        lines = asyncio.run(run())
    assert [decode(line).seq for line in lines] == list(range(1, 1_001))


def test_a_stalled_reader_holds_up_the_end_no_longer_than_patience(monkeypatch):
    monkeypatch.setattr(lines_module, "PATIENCE_S", 0.05)
    reading, writing = os.pipe()

    async def run():
        stop = asyncio.Event()
        publishing = asyncio.create_task(write(SyntheticSession().updates(1_000), writing, stop))
        done, _ = await asyncio.wait({publishing}, timeout=0.2)
        assert not done, "until somebody asks for the end it waits"
        stop.set()
        async with asyncio.timeout(20):
            await publishing

    with os.fdopen(reading, "rb"), os.fdopen(writing, "wb"):
        asyncio.run(run())


def test_a_reader_that_left_asks_for_the_end():
    reading, writing = os.pipe()
    os.close(reading)

    async def run():
        stop = asyncio.Event()
        await write(SyntheticSession().updates(600), writing, stop)
        return stop.is_set()

    with os.fdopen(writing, "wb"):
        assert asyncio.run(run())


def test_a_full_disk_is_told_when_all_else_has_ended():
    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(ExceptionGroup) as caught:
        asyncio.run(write(SyntheticSession().updates(600), full.fileno()))
    assert caught.group_contains(ServiceError, match="No space left")


def test_people_get_a_line_for_what_matters_and_none_for_the_rest():
    session = SyntheticSession(source="a test")
    assert b"listening to a test" in text_line(session.started())
    ended = text_line(session.speech_ended()).decode()
    assert "activation +" in ended
    assert "%" in ended
    assert text_line(session.speech_ended(short=True)) == b""
    assert text_line(session.affect()) == text_line(session.status()) == b""
    assert b"audio missing until" in text_line(session.gap())
    assert b"The microphone is gone." in text_line(session.error())
    assert b"end of input" in text_line(session.ended())
