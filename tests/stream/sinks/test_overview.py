import asyncio
import io

from rich.console import Console

from cmlstream.stream.sinks.overview import STREAMS, Overview
from tests.stream.synthetic import SyntheticSession


def drawn(*messages, say="", width=100):
    console = Console(file=io.StringIO(), width=width, height=30, force_terminal=True, color_system=None)

    async def show():
        view = Overview(console)
        view.say(say)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(view.run())
            for message in messages:
                await view.publish(message)
            await view.close()

    asyncio.run(show())
    return console.file.getvalue()


def test_one_stream_is_drawn_large():
    session = SyntheticSession("kitchen", source="the kitchen")
    text = drawn(session.started(), session.affect(), say="connected to host:1")
    assert "activation" in text
    assert "the kitchen" in text
    assert "connected to host:1" in text


def test_several_are_drawn_side_by_side():
    text = drawn(*(SyntheticSession(name).affect() for name in ("kitchen", "hall")))
    assert "kitchen" in text
    assert "hall" in text


def test_before_anything_came_the_connection_is_told_without_control_characters():
    text = drawn(say="no \x1b[2Jconnection")
    assert "no  [2Jconnection" in text


def test_the_streams_remembered_are_bounded_and_ended_ones_go_first():
    async def publish():
        view = Overview(Console(file=io.StringIO()))
        await view.publish(SyntheticSession("first").affect())
        await view.publish(SyntheticSession("over").ended())
        for number in range(STREAMS - 1):
            await view.publish(SyntheticSession(f"stream-{number}").affect())
        return view._pictures.keys()

    names = asyncio.run(publish())
    assert len(names) == STREAMS
    assert "first" in names
    assert "over" not in names
