import asyncio
import io

import msgspec
import pytest
from rich.console import Console

from cmlstream.stream.sinks.bars import COURSE_STEPS
from cmlstream.stream.sinks.picture import Picture
from cmlstream.stream.sinks.terminal import LiveView, draw
from tests.stream.synthetic import SyntheticSession

PLACES = ("page    http://127.0.0.1:8765/",)


def seen(picture, width=100):
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(draw(picture, PLACES))
    return console.file.getvalue()


def picture_of(*messages):
    picture = Picture()
    for message in messages:
        picture.show(message.event)
    return picture


def test_before_anything_is_heard_the_view_says_quiet_and_where_the_page_is():
    text = seen(Picture())
    assert "quiet" in text
    assert PLACES[0] in text


def test_an_estimate_shows_with_its_numbers_course_and_likeliest_emotion():
    session = SyntheticSession()
    update = session.affect()
    text = seen(picture_of(session.started(), session.speech_started(), *session.updates(5), update))
    assert "speaking" in text
    assert f"{update.event.activation:+.2f}" in text
    assert f"{update.event.emotion['anger']:.0%}" in text
    assert any(step in text for step in COURSE_STEPS)


def test_speech_that_ended_is_quiet_again_and_keeps_its_estimate():
    session = SyntheticSession()
    ended = session.speech_ended()
    text = seen(picture_of(session.speech_started(), ended))
    assert "quiet" in text
    assert f"{ended.event.valence:+.2f}" in text


def test_a_region_too_short_for_an_estimate_changes_no_number():
    session = SyntheticSession()
    update = session.affect()
    assert picture_of(update, session.speech_ended(short=True)).latest == update.event


def test_the_delay_and_the_gaps_are_told():
    session = SyntheticSession()
    text = seen(picture_of(session.status(), session.gap()))
    assert "delay 12 ms" in text
    assert "1 gaps" in text


def test_losses_that_happened_are_told_and_others_take_no_room():
    session = SyntheticSession()
    status = session.status()
    lossy = msgspec.structs.replace(status.event, thinned_updates=7, skipped_events=9)
    assert "thinned" not in seen(picture_of(status))
    picture = picture_of(status)
    picture.show(lossy)
    text = seen(picture, width=200)
    assert "7 updates thinned" in text
    assert "9 events skipped" in text


def test_a_stream_that_ended_says_so_until_it_begins_again():
    session = SyntheticSession()
    picture = picture_of(session.speech_started(), session.ended())
    assert "ended" in seen(picture)
    picture.show(SyntheticSession(session="again").started().event)
    assert "ended" not in seen(picture)


def test_a_source_cannot_steer_the_terminal():
    picture = picture_of(SyntheticSession(source="\x1b[2J\u202eevil\r\n").started())
    text = seen(picture)
    assert "evil" in text
    assert not {"\x1b", "\u202e", "\r"} & set(text)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width):
    session = SyntheticSession()
    text = seen(picture_of(session.started(), *session.updates(50), session.status()), width)
    assert max(map(len, text.splitlines())) <= width


def test_the_view_draws_on_its_console_until_closed():
    console = Console(file=io.StringIO(), width=90, force_terminal=True)

    async def run():
        view = LiveView(console, PLACES)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(view.run())
            await asyncio.sleep(0)
            await view.publish(SyntheticSession(source="the kitchen").started())
            await view.close()

    asyncio.run(run())
    assert "the kitchen" in console.file.getvalue()
