import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
import websockets.asyncio.server
from websockets.asyncio.server import ServerConnection

from cmlstream.models.errors import ConfigurationError, ServiceError
from cmlstream.stream.client import Connected, Connecting, Lost, State, follow
from cmlstream.stream.events import Affect, Event, Gap, StreamEnded
from cmlstream.stream.ingest import Refusal
from cmlstream.stream.server.tls import Certificate
from cmlstream.stream.server.tokens import Tokens
from cmlstream.stream.sinks.hub import Hub
from tests.stream.line import Line
from tests.stream.server.certificates import make_pair
from tests.stream.serving import publish, run, serving, until
from tests.stream.synthetic import SyntheticSession


async def take(events: AsyncGenerator[Event, None], count: int) -> list[Event]:
    return [await anext(events) for _ in range(count)]


def numbers(events: list[Event]) -> list[int | None]:
    return [event.seq for event in events]


@asynccontextmanager
async def cuttable(hub: Hub) -> AsyncIterator[Line]:
    """Serve `hub` behind a line."""
    line = Line()
    async with (
        line.laid(),
        serving(hub, allowed_origins=(f"http://127.0.0.1:{line.port}",)) as address,
    ):
        line.lead_to(address)
        yield line


@asynccontextmanager
async def answering(handler: Callable[[ServerConnection], Any], **options: Any) -> AsyncIterator[str]:
    """Serve as some other program, or a newer version of ours, would."""
    async with websockets.asyncio.server.serve(handler, "127.0.0.1", 0, **options) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("scheme", ["ws", "http"])
def test_events_come_typed_and_in_order_from_now_on(scheme: str) -> None:
    async def check() -> None:
        hub, session = Hub(), SyntheticSession()
        await publish(hub, session.updates(3))
        messages = list(session.conversation(regions=2, updates=4))
        async with (
            serving(hub) as address,
            aclosing(follow(f"{scheme}://127.0.0.1:{address.port}")) as events,
        ):
            first = asyncio.create_task(anext(events))
            await until(lambda: hub.subscribers == 1)
            await publish(hub, messages)
            received = [await first, *await take(events, len(messages) - 1)]
        assert received == [message.event for message in messages]

    run(check())


def test_since_streams_and_the_query_of_the_url_are_asked_for() -> None:
    async def check() -> None:
        hub = Hub()
        for name in ("kitchen", "hall", "attic"):
            await publish(hub, SyntheticSession(name, name).updates(5))
        async with serving(hub) as address:
            async with aclosing(follow(address.page_url, stream=["hall", "attic"], since=3)) as events:
                found = [(event.stream, event.seq) for event in await take(events, 4)]
            async with aclosing(follow(f"{address.events_url}?stream=hall&since=4")) as events:
                copied = await anext(events)
            async with aclosing(follow(address.page_url, stream="hall", since={"hall": 2})) as events:
                resumed = await anext(events)
        assert found == [("hall", 4), ("hall", 5), ("attic", 4), ("attic", 5)]
        assert (copied.stream, copied.seq) == ("hall", 5)
        assert resumed.seq == 3

    run(check())


def test_cut_lines_leave_no_hole_and_repeat_nothing() -> None:
    async def check() -> None:
        hub = Hub()
        sessions = [SyntheticSession(name, name) for name in ("kitchen", "hall")]
        states: list[State] = []
        async with cuttable(hub) as line:
            url = f"ws://127.0.0.1:{line.port}"
            async with aclosing(follow(url, on_state=states.append)) as events:
                first = asyncio.create_task(anext(events))
                await until(lambda: hub.subscribers == 1)
                received: list[Event] = []
                for _ in range(3):
                    await publish(hub, [session.affect() for session in sessions for _ in range(10)])
                    received += [await first, *await take(events, 15)]
                    line.cut()
                    await until(lambda: hub.subscribers == 0)
                    await publish(hub, [session.affect() for session in sessions])
                    received += await take(events, 5)
                    first = asyncio.create_task(anext(events))
                    await asyncio.sleep(0)
                received.append(await first)
        for stream in ("kitchen", "hall"):
            found = numbers([event for event in received if event.stream == stream])
            assert found == list(range(1, len(found) + 1))
        assert len(received) == 64
        assert [type(state) for state in states[:4]] == [Connecting, Connected, Lost, Connecting]
        assert [state.why for state in states if isinstance(state, Lost)] == ["the line is cut"] * 3

    run(check())


def test_a_session_that_began_while_the_line_was_cut_comes_whole() -> None:
    async def check() -> None:
        hub, before, after = Hub(), SyntheticSession(session="before"), SyntheticSession(session="after")
        async with cuttable(hub) as line, aclosing(follow(f"ws://127.0.0.1:{line.port}")) as events:
            first = asyncio.create_task(anext(events))
            await until(lambda: hub.subscribers == 1)
            await publish(hub, before.updates(2))
            assert numbers([await first, await anext(events)]) == [1, 2]
            line.cut()
            await until(lambda: hub.subscribers == 0)
            await publish(hub, [before.ended(), after.started(), after.affect()])
            received = await take(events, 3)
        assert [(event.session, event.seq) for event in received] == [
            ("before", 3),
            ("after", 1),
            ("after", 2),
        ]

    run(check())


@pytest.mark.parametrize("read_before", [0, 2])
def test_from_now_on_holds_when_the_line_was_cut(read_before: int) -> None:
    async def check() -> None:
        hub, kitchen = Hub(), SyntheticSession("kitchen", "k")
        over, quiet, new = (SyntheticSession(name, name[0]) for name in ("over", "quiet", "new"))
        await publish(hub, [over.started(), over.ended(), *quiet.updates(3)])
        states: list[State] = []
        async with (
            cuttable(hub) as line,
            aclosing(follow(f"ws://127.0.0.1:{line.port}", on_state=states.append)) as events,
        ):
            following = asyncio.create_task(take(events, read_before + 5))
            await until(lambda: any(isinstance(state, Connected) for state in states))
            await until(lambda: hub.subscribers == 1)
            await publish(hub, kitchen.updates(read_before))
            for messages in ([*kitchen.updates(1), *quiet.updates(1)], new.updates(2)):
                line.cut()
                await until(lambda: hub.subscribers == 0)
                await publish(hub, messages)
                await until(lambda: hub.subscribers == 1)
            await publish(hub, over.updates(1))
            received = await following
        expected = [("k", seq + 1) for seq in range(read_before + 1)]
        expected += [("q", 4), ("n", 1), ("n", 2), ("o", 3)]
        assert [(event.session, event.seq) for event in received] == expected

    run(check())


def test_what_the_server_no_longer_holds_comes_as_its_gap() -> None:
    async def check() -> None:
        hub, session = Hub(held_messages=5), SyntheticSession()
        async with cuttable(hub) as line, aclosing(follow(f"ws://127.0.0.1:{line.port}", since=0)) as events:
            await hub.publish(session.affect())
            await anext(events)
            line.cut()
            await until(lambda: hub.subscribers == 0)
            await publish(hub, session.updates(20))
            gap, *held = await take(events, 6)
        assert isinstance(gap, Gap)
        assert (gap.first_seq, gap.last_seq) == (2, 16)
        assert numbers(held) == [17, 18, 19, 20, 21]

    run(check())


def test_a_server_is_waited_for_and_its_events_since_then_all_come() -> None:
    async def check() -> None:
        states: asyncio.Queue[State] = asyncio.Queue()
        async with serving(Hub()) as address:
            pass
        async with aclosing(follow(address.page_url, since=0, on_state=states.put_nowait)) as events:
            first = asyncio.create_task(anext(events))
            assert await states.get() == Connecting(f"127.0.0.1:{address.port}")
            lost = await states.get()
            assert isinstance(lost, Lost)
            assert lost.why == "nobody listens there"
            hub = Hub()
            await publish(hub, SyntheticSession().updates(2))
            async with serving(hub, port=address.port):
                assert numbers([await first, await anext(events)]) == [1, 2]

    run(check())


def test_many_sessions_are_resumed_though_their_cursors_do_not_fit_a_query() -> None:
    async def check() -> None:
        hub = Hub()
        sessions = [SyntheticSession(f"stream-{n}", f"{n:013}-abcdef") for n in range(400)]
        async with cuttable(hub) as line, aclosing(follow(f"ws://127.0.0.1:{line.port}", since=0)) as events:
            await publish(hub, [message for one in sessions for message in one.updates(2)])
            received = await take(events, 800)
            line.cut()
            await until(lambda: hub.subscribers == 0)
            await publish(hub, [one.affect() for one in sessions])
            received += await take(events, 400)
        assert len({(event.session, event.seq) for event in received}) == 1_200

    run(check())


def test_by_default_a_stream_that_ended_is_waited_for_and_until_end_it_is_not() -> None:
    async def check() -> None:
        hub = Hub()
        kitchen, hall = SyntheticSession("kitchen", "k"), SyntheticSession("hall", "h")
        await publish(hub, [kitchen.started(), hall.started(), kitchen.ended(), hall.affect(), hall.ended()])
        async with serving(hub) as address:
            every = [event async for event in follow(address.page_url, since=0, until_end=True)]
            one = [
                event async for event in follow(address.page_url, stream="kitchen", since=0, until_end=True)
            ]
            async with aclosing(follow(address.page_url, stream="kitchen", since=0)) as events:
                await take(events, 2)
                following = asyncio.create_task(anext(events))
                await hub.publish(SyntheticSession("kitchen", "again").started())
                assert (await following).session == "again"
        assert len(every) == 5
        assert numbers(one) == [1, 2]
        assert isinstance(one[-1], StreamEnded)

    run(check())


def test_only_the_types_and_fields_asked_for_come_and_the_end_is_seen_nevertheless() -> None:
    async def check() -> None:
        hub, session = Hub(), SyntheticSession()
        await publish(hub, [session.started(), *session.conversation(regions=2, updates=8), session.ended()])
        async with serving(hub) as address:
            asked = follow(
                address.page_url, since=0, types=["affect", "gap"], embedding=False, until_end=True
            )
            events = [event async for event in asked]
        assert len(events) == 16
        assert all(isinstance(event, Affect) and event.embedding is msgspec.UNSET for event in events)

    run(check())


def test_leaving_the_loop_closes_the_connection() -> None:
    async def check() -> None:
        hub = Hub()
        await publish(hub, SyntheticSession().updates(3))
        async with serving(hub) as address:
            async with aclosing(follow(address.page_url, since=0)) as events:
                async for _ in events:
                    break
            await until(lambda: hub.subscribers == 0)
            task = asyncio.create_task(anext(follow(address.page_url)))
            await until(lambda: hub.subscribers == 1)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await until(lambda: hub.subscribers == 0)

    run(check())


def test_a_slow_consumer_is_skipped_and_told_and_holds_little() -> None:
    async def check() -> None:
        hub, session = Hub(queued_messages=100), SyntheticSession()
        async with serving(hub) as address, aclosing(follow(address.page_url)) as events:
            first = asyncio.create_task(anext(events))
            await until(lambda: hub.subscribers == 1)
            await hub.publish(session.affect())
            received = [await first]
            while hub.skipped_events < 1_000:
                await publish(hub, session.updates(100))
            last = session.affect()
            await hub.publish(last)
            while received[-1].seq != last.event.seq:
                received.append(await anext(events))
        numbered = [event.seq for event in received if event.seq is not None]
        missing = [event for event in received if isinstance(event, Gap)]
        skipped = sum((gap.last_seq or 0) - (gap.first_seq or 0) + 1 for gap in missing)
        assert len(numbered) + skipped == last.event.seq
        assert numbered == sorted(set(numbered))

    run(check())


@pytest.mark.parametrize("refusal", [one for one in Refusal if one.is_final], ids=lambda one: one.code)
def test_a_refusal_that_will_not_change_ends_it_in_one_sentence(refusal: Refusal) -> None:
    async def refuse(connection: ServerConnection) -> None:
        await connection.close(refusal.close_code, refusal.code)

    async def check() -> None:
        async with answering(refuse) as url:
            with pytest.raises(ServiceError, match=refusal.code) as raised:
                await anext(follow(url, token="a-token-of-sixteen"))
        assert "a-token-of-sixteen" not in str(raised.value)

    run(check())


def test_other_refusals_are_tried_again() -> None:
    closings = [Refusal.TOO_SLOW, Refusal.SERVER_STOPS, Refusal.TOO_MANY_STREAMS]
    asked: list[str] = []

    async def refuse(connection: ServerConnection) -> None:
        assert connection.request
        asked.append(connection.request.headers["Authorization"])
        if closings:
            refusal = closings.pop()
            await connection.close(refusal.close_code, refusal.code)
        else:
            await connection.send(SyntheticSession().affect().payload, text=True)

    async def check() -> None:
        states: list[State] = []
        async with answering(refuse) as url:
            events = follow(url, token="a-token-of-sixteen", on_state=states.append)
            async with aclosing(events):
                assert (await anext(events)).seq == 1
        reasons = [state.why for state in states if isinstance(state, Lost)]
        assert reasons == ["too_many_streams", "server_stops", "too_slow"]
        assert asked == ["Bearer a-token-of-sixteen"] * 4

    run(check())


def test_a_token_and_an_authority_of_ones_own_open_a_server_with_both(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text('[[token]]\nname = "desk"\nsecret = "a-token-of-sixteen"\nscopes = ["events"]\n')
    path.chmod(0o600)
    pair = make_pair(tmp_path)
    trusting = ssl.create_default_context(cafile=pair.certificate)

    async def check() -> None:
        hub = Hub()
        await hub.publish(SyntheticSession().affect())
        certificate = Certificate(pair.certificate, pair.private_key)
        async with serving(hub, tokens=Tokens.load(path), certificate=certificate) as address:
            url = f"wss://localhost:{address.port}"
            events = follow(url, since=0, token="a-token-of-sixteen", tls=trusting)
            async with aclosing(events):
                assert (await anext(events)).seq == 1
            with pytest.raises(ServiceError, match="unauthorized; give a token that it knows"):
                await anext(follow(url, token="another-of-sixteen", tls=trusting))
            with pytest.raises(ServiceError, match="cannot be verified"):
                await anext(follow(url, token="a-token-of-sixteen"))

    run(check())


def test_a_certificate_for_another_name_is_told_from_one_of_an_unknown_authority(tmp_path: Path) -> None:
    pair = make_pair(tmp_path, host="elsewhere.test")
    trusting = ssl.create_default_context(cafile=pair.certificate)

    async def check() -> None:
        async with serving(Hub(), certificate=Certificate(pair.certificate, pair.private_key)) as address:
            with pytest.raises(ServiceError, match="write a name in the address that the certificate holds"):
                await anext(follow(f"wss://localhost:{address.port}", tls=trusting))

    run(check())


@pytest.mark.parametrize(
    ("query", "sentence"), [("?stream=-", "Invalid stream name"), ("?sream=a", "Unknown parameter")]
)
def test_a_query_that_is_refused_ends_it_with_the_servers_sentence(query: str, sentence: str) -> None:
    async def check() -> None:
        async with serving(Hub()) as address:
            with pytest.raises(ServiceError, match=sentence):
                await anext(follow(address.events_url + query))

    run(check())


def test_what_is_no_server_of_events_ends_it() -> None:
    async def speak(connection: ServerConnection) -> None:
        await connection.send("hello")

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org ESMTP\r\n")
        writer.close()

    async def check() -> None:
        async with answering(speak) as url:
            with pytest.raises(ServiceError, match="something else than events"):
                await anext(follow(url))
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as other:
            url = f"ws://127.0.0.1:{other.sockets[0].getsockname()[1]}"
            with pytest.raises(ServiceError, match="does not answer as a websocket does"):
                await anext(follow(url))
        async with serving(Hub()) as address:
            states: list[State] = []
            url = f"wss://127.0.0.1:{address.port}"
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await anext(follow(url, on_state=states.append))
        assert isinstance(states[1], Lost)
        assert "TLS" in states[1].why

    run(check())


def test_types_of_a_newer_server_are_left_out_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    session = SyntheticSession()
    messages = session.updates(4)

    def renamed(payload: bytes, **changes: object) -> bytes:
        return msgspec.json.encode(msgspec.json.decode(payload) | changes)

    async def speak(connection: ServerConnection) -> None:
        await connection.send(renamed(messages[0].payload, type="laughter", loudness=3), text=True)
        await connection.send(renamed(messages[1].payload, type="laughter"), text=True)
        await connection.send(renamed(messages[2].payload, heard="more"), text=True)
        await connection.send(renamed(messages[3].payload, v=2, activation="high"), text=True)
        await connection.wait_closed()

    async def check() -> None:
        async with answering(speak) as url, aclosing(follow(url)) as events:
            assert await anext(events) == messages[2].event
            with pytest.raises(ServiceError, match="speaks version 2 of the events"):
                await anext(events)
        assert [record.getMessage().count("laughter") for record in caplog.records] == [1]

    run(check())


@pytest.mark.parametrize("asked", [{"types": ["speech.end"]}, {"stream": "-"}, {"since": {"": 1}}])
def test_what_no_server_can_send_is_refused_at_once(asked: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        follow("ws://127.0.0.1:1", **asked)


def test_features_are_not_asked_of_a_redis() -> None:
    with pytest.raises(ConfigurationError, match="Redis does not hold features"):
        follow("redis://127.0.0.1:1", features=True)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8765",
        "ftp://x",
        "ws://",
        "ws://host:port",
        "wss://u:hushhush@h",
        "ws://h?token=hushhush",
    ],
)
def test_an_address_that_cannot_be_one_is_refused_at_once_without_repeating_secrets(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        follow(url)
    assert "hushhush" not in str(raised.value)
