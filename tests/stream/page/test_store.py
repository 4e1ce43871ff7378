"""What the page keeps of its streams, in Node.js: bounded, each event once, completed by what comes later."""

import json
import subprocess
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


def test_an_hour_is_kept_to_its_last_minutes(tmp_path: Path) -> None:
    hour = encoded(talk(SyntheticSession(), regions=300, updates=45), LIGHT)
    told = after(
        hour,
        "told({ points: state.points.length, levels: state.levels.length, regions: state.regions.length,"
        " log: state.log.length, all: store.log.length, newest: state.latest === state.points.at(-1) });",
        tmp_path,
    )
    assert len(hour) > 14_000
    assert told == {"points": 1400, "levels": 400, "regions": 300, "log": 200, "all": 300, "newest": True}


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
