"""`cmlstream replay` as a user runs it: a process, real sockets, a real Redis."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest
import redis
from websockets.asyncio.client import connect

from cmlstream.models.errors import ConfigurationError
from cmlstream.stream.events import decode
from cmlstream.stream.recording.timeline import Cue
from cmlstream.stream.replay import LONGEST_PAUSE_S, Pace, pace_of
from tests.stream.recording.written import session_at, write


@pytest.fixture
def recorded(tmp_path):
    """Two streams, one of them in two sessions; return the root and the lines in the order of time."""
    root = tmp_path / "recorded"
    one, other, later = session_at(0), session_at(0.1, "kitchen"), session_at(4)
    lines = {}
    for session in (one, other, later):
        messages = [session.started(), *session.conversation(1, 6), session.ended()]
        write(root, messages)
        lines[session.session] = [message.payload for message in messages]
    return root, lines


def by_session(lines):
    found = {}
    for line in lines:
        found.setdefault(decode(line).session, []).append(line)
    return found


def test_everything_comes_again_as_it_was_recorded(run_program, recorded):
    root, lines = recorded
    completed = run_program("replay", root, "--speed", "max", "--json", "--port", "0")
    assert completed.returncode == 0
    printed = completed.stdout.splitlines()
    assert by_session(printed) == lines
    times = [decode(line).end_time for line in printed]
    assert times == sorted(times)


def test_followers_and_redis_get_the_recorded_events_and_since_works(start_program, recorded, redis_server):
    root, lines = recorded
    process = start_program(
        *("replay", root, "--speed", "8", "--json", "--port", "0", "--redis", redis_server.url)
    )
    url = next(word for line in process.stderr for word in line.decode().split() if word.startswith("ws://"))
    kitchen = next(session for session in lines if b'"kitchen"' in lines[session][0])

    async def follow():
        async with connect(f"{url}?stream=kitchen&since={kitchen}:3", proxy=None) as socket:
            return [payload.encode() async for payload in socket]

    # Who follows has read three events of a session that goes on.
    while (event := decode(process.stdout.readline())).session != kitchen or event.seq < 5:
        pass
    followed = asyncio.run(follow())
    process.stdout.read()
    assert process.wait() == 0
    assert followed == lines[kitchen][3:]
    with redis.Redis.from_url(redis_server.url) as client:
        for stream in ("desk", "kitchen"):
            entries = client.xrange(f"cmlstream:{{{stream}}}:events")
            held = by_session(fields[b"event"] for _, fields in entries)
            assert held == {session: lines[session] for session in held}
            assert all(
                identifier == f"{decode(fields[b'event']).session.partition('-')[0]}-{seq}".encode()
                for identifier, fields in entries
                for seq in [decode(fields[b"event"]).seq]
            )
        assert client.zcard("cmlstream:streams") == 2


def test_a_redis_that_holds_newer_events_takes_none_and_that_is_told(run_program, recorded, redis_server):
    root, lines = recorded
    key = "cmlstream:{kitchen}:events"
    with redis.Redis.from_url(redis_server.url) as client:
        client.xadd(key, {"event": b"newer"}, "9999999999999-1")
        completed = run_program(
            *("replay", root / "kitchen", "--speed", "max", "--port", "0", "--redis", redis_server.url)
        )
        assert client.xlen(key) == 1
    missing = sum(len(events) for events in lines.values() if b'"kitchen"' in events[0])
    assert completed.returncode == 2
    assert f"Redis did not take {missing} of the recorded events" in completed.stderr.decode()


def test_what_cannot_be_read_is_told_and_left_out(run_program, recorded):
    root, lines = recorded
    (path,) = root.glob("kitchen/*/events.jsonl")
    first, second, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + b"{broken\n" + second + b"".join(rest)[:-10])
    completed = run_program("replay", root / "kitchen", "--speed", "max", "--json", "--port", "0")
    assert completed.returncode == 0
    (kept,) = by_session(completed.stdout.splitlines()).values()
    assert kept == next(one for one in lines.values() if one[0] == first.strip())[:-1]
    told = completed.stderr.decode()
    assert "Line 2 of" in told
    assert f"Line {len(rest) + 3} of" in told
    assert "breaks off" in told


def test_a_signal_ends_a_replay_with_exit_code_0(start_program, recorded):
    process = start_program("replay", recorded[0], "--speed", "0.01", "--json", "--port", "0")
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0


def test_people_read_a_line_per_region_with_its_stream(run_program, recorded):
    completed = run_program("replay", recorded[0], "--speed", "max", "--port", "0")
    lines = completed.stdout.decode().splitlines()
    assert any(line.startswith("kitchen ") and "of speech" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["."], "holds no recording"),
        (["none"], "none holds no recording"),
        ([".", "--speed", "0"], "--speed is '0'"),
        ([".", "--speed", "fast"], "above 0, or max"),
    ],
)
def test_a_mistake_is_one_sentence_with_exit_code_2(run_program, arguments, message):
    completed = run_program("replay", *arguments, "--port", "0")
    (sentence,) = completed.stderr.decode().splitlines()
    assert completed.returncode == 2
    assert message in sentence


@pytest.mark.parametrize("speed", ["0", "-1", "nan", "inf", "1e400", "", "maximum"])
def test_a_speed_is_a_number_above_0_or_max(speed):
    with pytest.raises(ConfigurationError):
        pace_of(speed)


async def played(pace, times_s):
    async def cues():
        for at_s in times_s:
            yield Cue(at_s, None)

    return [cue.at_s async for cue in pace.keep(cues())]


def test_a_replay_takes_as_long_as_the_recording_by_its_speed():
    began = time.monotonic()
    assert asyncio.run(played(pace_of("20"), [100.0, 102.0, 104.0])) == [100, 102, 104]
    assert time.monotonic() - began >= 0.2


def test_a_night_between_two_sessions_is_cut_short():
    times_s = [0.0, 86_400.0, 86_400.0 + LONGEST_PAUSE_S, 900_000.0]
    # At its own length this would outlast the test's time.
    assert asyncio.run(played(Pace(500), times_s)) == times_s
