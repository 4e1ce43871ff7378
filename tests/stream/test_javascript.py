"""The JavaScript client in Node.js, against the real service; page/test_module.py runs it in a browser."""

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from cmlstream.stream.server.serve import Address
from cmlstream.stream.server.tokens import Tokens
from cmlstream.stream.sinks.hub import Hub
from tests.stream.line import Line
from tests.stream.node import COMMAND, needs_node
from tests.stream.service import events_until_end, following, service
from tests.stream.serving import publish, run, serving, until
from tests.stream.synthetic import SyntheticSession

pytestmark = needs_node

PAGE = Path(__file__).parents[2] / "stream" / "page"
PRELUDE = f"""
import {{ follow, send, RefusedError }} from "{PAGE}/client.js";
import {{ createInterface }} from "node:readline";
const url = process.argv[2];
const tell = (value) => console.log(JSON.stringify(value));
const told = createInterface({{ input: process.stdin }})[Symbol.asyncIterator]();
process.stdin.unref();
const hear = async () => {{
  process.stdin.ref();
  await told.next();
  process.stdin.unref();
}};
"""


class Script:
    """A script that runs, what it tells, and what it is told."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def tells(self) -> Any:
        assert self.process.stdout
        assert self.process.stderr
        line = await self.process.stdout.readline()
        return json.loads(line) if line else pytest.fail((await self.process.stderr.read()).decode())

    def hears(self, line: str = "") -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{line}\n".encode())


@asynccontextmanager
async def running(script: str, tmp_path: Path, url: str) -> AsyncIterator[Script]:
    path = tmp_path / "script.js"
    path.write_text(PRELUDE + script)
    process = await asyncio.create_subprocess_exec(
        *COMMAND, str(path), url, stdin=PIPE, stdout=PIPE, stderr=PIPE, limit=2**24
    )
    try:
        yield Script(process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def led(line: Line, address: Address) -> str:
    line.lead_to(address)
    return f"ws://127.0.0.1:{line.port}"


def allowing(line: Line) -> dict[str, Any]:
    return {"allowed_origins": (f"http://127.0.0.1:{line.port}",)}


def test_a_cut_line_leaves_no_hole_and_repeats_nothing(tmp_path: Path) -> None:
    script = """
    const states = [];
    const onState = ({ state }) => states.push(state);
    const asked = { stream: ["kitchen", "hall"], since: 0, untilEnd: true };
    for await (const event of follow({ url, onState, ...asked })) tell(event);
    tell(states);
    """

    async def check() -> None:
        hub, line = Hub(), Line()
        sessions = [SyntheticSession(name, name) for name in ("kitchen", "hall", "attic")]
        async with (
            line.laid(),
            serving(hub, **allowing(line)) as address,
            running(script, tmp_path, led(line, address)) as node,
        ):
            await publish(hub, [one.affect() for one in sessions for _ in range(3)])
            received = [await node.tells() for _ in range(6)]
            for _ in range(2):
                line.cut()
                await until(lambda: hub.subscribers == 0)
                await publish(hub, [one.affect() for one in sessions for _ in range(3)])
                received += [await node.tells() for _ in range(6)]
            await publish(hub, [one.ended() for one in sessions])
            received += [await node.tells(), await node.tells()]
            states = await node.tells()
            assert await node.process.wait() == 0
        for name in ("kitchen", "hall"):
            assert [event["seq"] for event in received if event["stream"] == name] == list(range(1, 11))
        assert states == ["connecting", "connected", "lost"] * 2 + ["connecting", "connected"]

    run(check())


def test_only_what_was_asked_for_comes_and_leaving_the_loop_closes_the_connection(tmp_path: Path) -> None:
    script = """
    const asked = { url, since: { kitchen: 2 }, types: ["affect"], embedding: false };
    for await (const event of follow(asked)) {
      tell(event);
      break;
    }
    const signal = AbortSignal.timeout(1);
    for await (const event of follow({ url, signal })) tell(event);
    tell("left");
    await hear();
    """

    async def check() -> None:
        hub, session = Hub(), SyntheticSession(session="kitchen")
        await publish(hub, [session.affect(), session.status(), session.status(), session.affect()])
        async with serving(hub) as address, running(script, tmp_path, address.page_url) as node:
            event = await node.tells()
            assert (event["type"], event["seq"]) == ("affect", 4)
            assert "embedding" not in event
            assert await node.tells() == "left"
            await until(lambda: hub.subscribers == 0)

    run(check())


def test_from_now_on_holds_when_the_line_was_cut(tmp_path: Path) -> None:
    script = """
    let connected = false;
    const onState = ({ state }) => {
      if (state === "connected" && !connected) tell(state);
      connected ||= state === "connected";
    };
    for await (const { session, seq } of follow({ url, onState })) tell([session, seq]);
    """

    async def check() -> None:
        hub, line, kitchen = Hub(), Line(), SyntheticSession("kitchen", "k")
        over, quiet, new = (SyntheticSession(name, name[0]) for name in ("over", "quiet", "new"))
        await publish(hub, [over.started(), over.ended(), *quiet.updates(3)])
        async with (
            line.laid(),
            serving(hub, **allowing(line)) as address,
            running(script, tmp_path, led(line, address)) as node,
        ):
            assert await node.tells() == "connected"
            for messages in (kitchen.updates(1), [*kitchen.updates(1), *quiet.updates(1)], new.updates(1)):
                await until(lambda: hub.subscribers == 1)
                line.cut()
                await until(lambda: hub.subscribers == 0)
                await publish(hub, messages)
            await until(lambda: hub.subscribers == 1)
            await publish(hub, over.updates(1))
            told = [await node.tells() for _ in range(5)]
        assert told == [["k", 1], ["k", 2], ["q", 4], ["n", 1], ["o", 3]]

    run(check())


def test_a_slow_loop_holds_little_and_misses_nothing(tmp_path: Path) -> None:
    script = """
    let last = 0, holes = 0;
    for await (const { seq, type } of follow({ url, since: 0, untilEnd: true })) {
      if (seq !== last + 1) holes += 1;
      last = seq;
      if (seq === 1) { tell("slow"); await hear(); }
    }
    tell({ last, holes });
    """

    async def check() -> None:
        # Nothing is skipped by the server: what is missing would be the client's fault.
        hub, session = Hub(queued_messages=10_000), SyntheticSession()
        await hub.publish(session.affect())
        async with serving(hub) as address, running(script, tmp_path, address.page_url) as node:
            assert await node.tells() == "slow"
            await publish(hub, session.updates(6_000))
            await hub.publish(session.ended())
            await until(lambda: hub.subscribers == 0)
            node.hears("go on")
            assert await node.tells() == {"last": 6_002, "holes": 0}

    run(check())


SENDING = """
const states = [];
const onState = ({ state }) => states.push(state);
const sender = send({ url, stream: "kitchen", rate: 8_000, token: process.env.TOKEN, onState });
const tone = (frames) => Float32Array.from({ length: frames }, (_, n) => 0.3 * Math.sin(n / 5));
const acknowledged = async (frames) => {
  while (sender.acknowledged < frames) await new Promise((resolve) => setTimeout(resolve, 5));
};
"""


def test_audio_that_is_sent_over_a_cut_line_arrives_whole(tmp_path: Path) -> None:
    script = (
        SENDING
        + """
    for (let second = 0; second < 3; second += 1) {
      for (let piece = 0; piece < 50; piece += 1) sender.push(tone(160));
      await acknowledged(8_000 * second + 1);
      tell("cut");
      await hear();
    }
    sender.newSpeaker();
    sender.skip(4_000);
    sender.push(new Int16Array(8_000));
    const summary = await sender.end();
    const { buffered, skipped, acknowledged: taken } = sender;
    tell({ summary, states, buffered, skipped, taken });
    """
    )

    async def check() -> None:
        line = Line()
        async with line.laid(), service(settings=allowing(line)) as live:
            async with running(script, tmp_path, led(line, live.address)) as node:
                for _ in range(3):
                    assert await node.tells() == "cut"
                    line.cut()
                    node.hears()
                told = await node.tells()
                assert await node.process.wait() == 0
            async with following(live.address) as connection:
                events = await events_until_end(connection)
        frames = 3 * 8_000 + 4_000 + 8_000
        assert told["summary"]["sample"] == told["taken"] == frames
        assert told["summary"]["audio_s"] == pytest.approx(frames / 8_000, abs=0.01)
        assert (told["buffered"], told["skipped"]) == (0, 4_000)
        assert told["states"].count("connected") == 4
        assert {event.session for event in events} == {told["summary"]["session"]}
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        gaps = [event for event in events if event.__struct_config__.tag == "gap"]
        assert [gap.end_sample - gap.start_sample for gap in gaps] == [8_000]

    run(check())


def test_a_summary_that_was_lost_on_its_way_is_told_again(tmp_path: Path) -> None:
    script = (
        SENDING
        + """
    for (let piece = 0; piece < 50; piece += 1) sender.push(tone(160));
    await acknowledged(8_000);
    tell("sent");
    await hear();
    tell((await sender.end()).sample);
    """
    )

    async def check() -> None:
        line = Line()
        async with (
            line.laid(),
            service(settings=allowing(line)) as live,
            running(script, tmp_path, led(line, live.address)) as node,
        ):
            assert await node.tells() == "sent"
            (stream,) = live.streams
            node.hears()
            await until(lambda: stream.source.ended)
            line.address = None
            line.cut()
            await until(lambda: len(live.streams) == 0)
            line.lead_to(live.address)
            assert await node.tells() == 8_000

    run(check())


def test_what_does_not_fit_the_buffer_becomes_a_gap(tmp_path: Path) -> None:
    script = """
    const sender = send({ url, stream: "kitchen", bufferBytes: 32_000 });
    for (let piece = 0; piece < 100; piece += 1) sender.push(new Int16Array(800));
    tell(sender.buffered);
    const summary = await sender.end();
    tell({ sample: summary.sample, skipped: sender.skipped });
    """

    async def check() -> None:
        line = Line()
        async with (
            line.laid(),
            service(settings=allowing(line)) as live,
            running(script, tmp_path, f"ws://127.0.0.1:{line.port}") as node,
        ):
            assert await node.tells() == 80_000
            line.lead_to(live.address)
            assert await node.tells() == {"sample": 80_000, "skipped": 64_000}

    run(check())


def test_audio_longer_than_a_message_may_be_is_sent_in_several(tmp_path: Path) -> None:
    script = """
    const sender = send({ url, stream: "kitchen", channels: 3 });
    sender.push(new Int16Array(3 * 50_000).fill(100));
    const summary = await sender.end();
    tell(summary.sample);
    """

    async def check() -> None:
        async with service() as live, running(script, tmp_path, live.address.page_url) as node:
            assert await node.tells() == 50_000

    run(check())


TOKENS = '[[token]]\nname = "desk"\nsecret = "a-token-of-sixteen"\nscopes = ["ingest", "events"]\n'


@pytest.mark.parametrize("token", ["a-token-of-sixteen", "another-of-sixteen", None])
def test_a_token_opens_both_and_a_refusal_ends_both(tmp_path: Path, token: str | None) -> None:
    script = f"""
    const token = {json.dumps(token)} ?? undefined;
    const refused = (error) => error instanceof RefusedError && error.code;
    const sender = send({{ url, stream: "kitchen", token }});
    sender.push(new Int16Array(8_000));
    tell(await sender.end().then(({{ type }}) => type, refused));
    try {{
      for await (const {{ type }} of follow({{ url, token, since: 0 }})) {{ tell(type); break; }}
    }} catch (error) {{
      tell(refused(error));
    }}
    """
    path = tmp_path / "tokens.toml"
    path.write_text(TOKENS)
    path.chmod(0o600)

    async def check() -> None:
        async with (
            service(tokens=Tokens.load(path)) as live,
            running(script, tmp_path, live.address.page_url) as node,
        ):
            told = [await node.tells(), await node.tells()]
            assert await node.process.wait() == 0
        allowed = token == "a-token-of-sixteen"
        assert told == (["summary", "stream.started"] if allowed else ["unauthorized"] * 2)

    run(check())


def test_mistakes_are_refused_at_once(tmp_path: Path) -> None:
    script = """
    const mistake = (make) => { try { make(); } catch ({ name }) { return name; } };
    const sender = send({ url, stream: "kitchen", channels: 2 });
    tell([
      mistake(() => send({ url: "ftp://host", stream: "a" })),
      mistake(() => send({ url: "ws://host?token=secret", stream: "a" })),
      mistake(() => send({ url, stream: "a", format: "mp3" })),
      mistake(() => sender.push(new Uint8Array(2))),
      mistake(() => sender.push(new Int16Array(3))),
    ]);
    sender.close();
    const closed = await sender.finished.catch(({ message }) => message);
    tell([mistake(() => sender.push(new Int16Array(2))), closed]);
    """

    async def check() -> None:
        async with serving(Hub()) as address, running(script, tmp_path, address.page_url) as node:
            assert await node.tells() == ["TypeError"] * 4 + ["RangeError"]
            assert await node.tells() == ["Error", "the sender was closed"]
            assert await node.process.wait() == 0

    run(check())
