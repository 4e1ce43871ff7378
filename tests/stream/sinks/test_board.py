import io

import msgspec
import pytest
from rich.console import Console

from cmlstream.stream.sinks.board import board
from cmlstream.stream.sinks.picture import Picture
from tests.stream.synthetic import SyntheticSession


def seen(pictures, width=100, height=30):
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    console.print(board(pictures, width, height))
    return console.file.getvalue().splitlines()


def picture_of(*messages):
    picture = Picture()
    for message in messages:
        picture.show(message.event)
    return picture


def heard(name, speaking=True):
    session = SyntheticSession(name)
    return picture_of(session.started(), *session.updates(20), session.status(speaking=speaking))


def streams(count):
    return {f"stream-{n:02}": heard(f"stream-{n:02}", speaking=n % 7 == 0) for n in range(count)}


def test_a_row_tells_level_speech_estimate_confidence_and_delay():
    picture = heard("kitchen")
    row = next(line for line in seen({"kitchen": picture}) if "kitchen" in line)
    name, probability = picture.likeliest
    for told in (
        "●",
        f"{picture.level_dbfs:.0f} dB",
        f"{picture.latest.activation:+.2f}",
        f"{picture.latest.valence:+.2f}",
        f"{name} {probability:.0%}",
        f"{picture.latest.confidence:.0%}",
        "12 ms",
    ):
        assert told in row


def test_what_was_lost_is_told_and_nothing_otherwise():
    session = SyntheticSession()
    lossy = msgspec.structs.replace(
        session.status().event, dropped_samples=3_200, thinned_updates=4, skipped_events=5
    )
    picture = picture_of(session.status(), session.gap())
    assert not any("dropped" in line for line in seen({"kitchen": picture}, width=120))
    picture.show(lossy)
    row = seen({"kitchen": picture}, width=120)[1]
    assert "200 ms dropped, 4 thinned, 5 skipped, 1 gaps" in row


def test_alarms_stand_in_place_of_the_level():
    status = SyntheticSession().status().event
    rows = {}
    for alarm in ("muted", "clipping"):
        picture = Picture()
        picture.show(msgspec.structs.replace(status, **{alarm: True}))
        rows[alarm] = picture
    text = "\n".join(seen(rows))
    assert text.count("muted") == text.count("clipping") == 2


@pytest.mark.parametrize("width", [24, 40, 60, 80, 120, 160, 220])
@pytest.mark.parametrize("count", [2, 8, 60])
def test_every_row_fits_in_one_line_of_the_terminal_and_names_the_emotion_where_it_can(width, count):
    lines = seen(streams(count), width, 24)
    assert len(lines) == min(count, 24) + 1
    assert max(map(len, lines)) <= width
    if width >= 40:
        assert all("%" in line for line in lines[1 : min(count, 23) + 1])


def test_where_not_all_fit_those_that_speak_are_shown_and_the_rest_is_counted():
    lines = seen(streams(60), height=15)
    shown = [line.split()[0] for line in lines[1:15]]
    assert {f"stream-{n:02}" for n in range(0, 60, 7)} <= set(shown)
    assert shown == sorted(shown)
    assert "+ 46 more" in lines[-1]
