"""What the page keeps of its streams, in Node.js: bounded, each event once, completed by what comes later."""

import json
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cmlstream.stream.events import Message
from cmlstream.stream.forms import Form, payload
from tests.stream.node import COMMAND, needs_node
from tests.stream.synthetic import SyntheticSession

pytestmark = needs_node

PAGE = Path(__file__).parents[3] / "stream" / "page"
LIGHT = Form(embedding=False, features=False)
FULL = Form(embedding=True, features=True)
PRELUDE = f"""
import {{ readFileSync }} from "node:fs";
import {{ Store }} from "{PAGE}/store.js";
const store = new Store();
for (const line of readFileSync(0, "utf8").split("\\n")) if (line) store.take(JSON.parse(line));
const state = store.streams.get("kitchen");
const told = (answer) => console.log(JSON.stringify(answer));
"""


def after(messages: list[bytes], script: str, tmp_path: Path) -> Any:
    """Return what `script` tells of a store that has taken all messages."""
    path = tmp_path / "script.js"
    path.write_text(PRELUDE + script)
    done = subprocess.run([*COMMAND, path], input=b"\n".join(messages), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def encoded(messages: list[Message], form: Form = FULL) -> list[bytes]:
    return [payload(message, form) for message in messages]


def talk(session: SyntheticSession, regions: int = 3, updates: int = 8) -> list[Message]:
    return [session.started(), *session.conversation(regions=regions, updates=updates)]


FIVE_MINUTES = timedelta(minutes=5)
KEPT = """told({ points: state.points.length, levels: state.levels.length, gaps: state.gaps.length,
  regions: state.regions.length, log: state.log.length, all: store.log.length,
  newest: state.latest === state.points.at(-1) });"""


def test_an_hour_is_kept_to_its_last_minutes(tmp_path: Path) -> None:
    hour = talk(SyntheticSession(), regions=300, updates=45)
    oldest = hour[-1].event.end_time - FIVE_MINUTES
    kept = [message.event.__struct_config__.tag for message in hour if message.event.end_time >= oldest]
    told = after(encoded(hour, LIGHT), KEPT, tmp_path)
    assert len(hour) > 14_000
    assert told == {
        "points": kept.count("affect") + kept.count("speech.ended"),
        "levels": kept.count("status"),
        "regions": kept.count("speech.ended"),
        "gaps": 0,
        "log": 200,
        "all": 300,
        "newest": True,
    }


@pytest.mark.parametrize(("hop_ms", "kept"), [(50, 6_001), (250, 1_201), (5_000, 61)])
def test_five_minutes_of_estimates_are_kept_whatever_their_hop(
    hop_ms: int, kept: int, tmp_path: Path
) -> None:
    session = SyntheticSession()
    events = [json.loads(message) for message in encoded([session.started(), *session.updates(7_000)], LIGHT)]
    events[0]["hop_ms"] = hop_ms
    begun = session.started().event.start_time
    for index, event in enumerate(events):
        event["end_time"] = (begun + timedelta(milliseconds=hop_ms * index)).isoformat()
    told = after([json.dumps(event).encode() for event in events], KEPT, tmp_path)
    assert told["points"] == kept


def test_what_is_too_old_goes_although_nobody_speaks(tmp_path: Path) -> None:
    session = SyntheticSession()
    messages = [*talk(session), session.gap(), *[session.status(speaking=False) for _ in range(1_210)]]
    told = after(encoded(messages), KEPT, tmp_path)
    assert (told["points"], told["regions"], told["gaps"], told["levels"]) == (0, 0, 0, 400)


def test_the_delay_is_that_of_the_session(tmp_path: Path) -> None:
    first, later = SyntheticSession(session="first"), SyntheticSession(session="later")
    slow = [json.loads(message) for message in encoded([first.status() for _ in range(50)])]
    later.updates(200)
    quick = [json.loads(message) for message in encoded([later.status()])]
    messages = [
        json.dumps(event).encode() for event in [*[one | {"delay_ms": 900.0} for one in slow], *quick]
    ]
    told = after(messages, "told([state.delay.p95Ms, state.levels.length]);", tmp_path)
    assert told == [12.5, 51]


def test_what_comes_again_changes_nothing(tmp_path: Path) -> None:
    once = encoded(talk(SyntheticSession()))
    script = "told({ version: store.version, points: state.points.length, log: state.log.length });"
    assert after(once, script, tmp_path) == after([*once, *once], script, tmp_path)


def test_estimates_are_completed_by_the_connection_that_tells_more(tmp_path: Path) -> None:
    talked = talk(SyntheticSession())
    script = (
        "const points = [...state.points]; told({ number: points.length, lacking: state.lacking(0),"
        " full: points.filter(({ embedding, features }) => embedding && features).length });"
    )
    light = after(encoded(talked, LIGHT), script, tmp_path)
    both = after([*encoded(talked, LIGHT), *encoded(talked, FULL)], script, tmp_path)
    assert light["full"] == 0
    assert light["lacking"] == 2  # the third event is the first estimate
    assert both["full"] == both["number"] == light["number"] == 3 * 9


def test_a_new_session_goes_on_and_an_old_one_does_not_come_back(tmp_path: Path) -> None:
    first = talk(SyntheticSession(session="first"))
    later = SyntheticSession(session="later", source="another")
    later.updates(200)
    second = talk(later)
    told = after(
        encoded([*first, *second, *first]),
        "told({ session: state.session, source: state.source, points: state.points.length });",
        tmp_path,
    )
    assert told == {"session": "later", "source": "another", "points": 2 * 3 * 9}


@pytest.mark.parametrize(
    ("model", "skipped_updates"),
    [pytest.param("test 2", 200, id="another model"), pytest.param("test 1", 0, id="time goes back")],
)
def test_what_cannot_be_compared_is_not_shown_together(
    model: str, skipped_updates: int, tmp_path: Path
) -> None:
    first = talk(SyntheticSession(session="first"))
    later = SyntheticSession(session="later", model=model)
    later.updates(skipped_updates)
    told = after(encoded([*first, *talk(later)]), "told(state.points.length);", tmp_path)
    assert told == 3 * 9


def test_a_region_that_never_ended_ends_with_its_session(tmp_path: Path) -> None:
    cut = SyntheticSession(session="cut")
    later = SyntheticSession(session="later")
    later.updates(200)
    messages = [cut.started(), cut.speech_started(), *cut.updates(4), later.started(), later.gap()]
    told = after(encoded(messages), "told([...state.regions].map(({ end }) => end !== null));", tmp_path)
    assert told == [True]


def test_the_oldest_stream_that_is_over_makes_room(tmp_path: Path) -> None:
    sessions = [SyntheticSession(f"room-{number}", f"s{number}") for number in range(65)]
    messages = [session.started() for session in sessions[:64]]
    messages += [sessions[7].ended(), sessions[64].started()]
    told = after(encoded(messages), "told([...store.streams.keys()]);", tmp_path)
    assert len(told) == 64
    assert "room-7" not in told
    assert {"room-0", "room-64"} <= set(told)


ROOMS = 70
PLACES = 64


def test_streams_without_a_place_take_none_from_those_that_are_live(tmp_path: Path) -> None:
    sessions = [SyntheticSession(f"room-{number}", f"s{number}") for number in range(ROOMS)]
    messages = [session.started() for session in sessions]
    for _ in range(10):
        messages += [session.affect() for session in sessions]
    ended = [sessions[-1].ended(), sessions[3].ended(), sessions[3].affect(), sessions[-2].affect()]
    told = after(
        encoded([*messages, *ended]),
        """const names = () => [...store.streams.keys()];
        const points = [...store.streams.values()].map((state) => state.points.length);
        const answer = { names: names(), points, leftOut: store.leftOut(performance.now()) };
        store.keep("wanted");
        const [start_time, end_time] = ["2030-01-01T12:00:00Z", "2030-01-01T12:00:00Z"];
        const told_of = { type: "speech.started", seq: 1, model: "m", start_time, end_time };
        for (const stream of ["wanted", "another"]) store.take({ ...told_of, stream, session: stream });
        told({ ...answer, later: names().slice(64), then: store.leftOut(performance.now() + 60_000) });""",
        tmp_path,
    )
    # The fourth ended, and made room for the last but one; the last had ended without a place.
    assert told["names"] == [f"room-{number}" for number in [*range(PLACES), 68] if number != 3]
    assert told["points"] == [10] * (PLACES - 1) + [1]
    assert told["leftOut"] == ROOMS - PLACES - 2
    assert told["later"] == ["wanted"]
    assert told["then"] == 0


def test_a_ring_keeps_the_newest_whatever_goes_and_comes(tmp_path: Path) -> None:
    script = f"""const {{ Ring }} = await import("{PAGE}/ring.js");
        const ring = new Ring(5);
        const seen = [];
        for (let item = 0; item < 12; item += 1) {{ ring.push(item); seen.push([...ring]); }}
        ring.dropWhile((item) => item < 9);
        seen.push([...ring], [ring.length, ring.at(0), ring.at(-1), ring.at(3) ?? null, ring.at(-4) ?? null]);
        ring.resize(7);
        for (let item = 12; item < 18; item += 1) ring.push(item);
        seen.push([...ring]);
        ring.resize(2);
        seen.push([...ring]);
        told(seen);"""
    *pushed, dropped, asked, grown, shrunk = after([], script, tmp_path)
    assert pushed == [list(range(max(0, item - 4), item + 1)) for item in range(12)]
    assert dropped == [9, 10, 11]
    assert asked == [3, 9, 11, None, None]
    assert grown == list(range(11, 18))
    assert shrunk == [16, 17]
