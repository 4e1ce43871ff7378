import asyncio
import json
import logging
import socket
from contextlib import AsyncExitStack

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from cmlstream.models.errors import ConfigurationError, ServiceError
from cmlstream.stream.events import Event, Gap, decode
from cmlstream.stream.server.patience import Patience
from cmlstream.stream.server.serve import Address, ServerSettings, listen
from cmlstream.stream.sinks.hub import Hub
from tests.stream.serving import fetch, following, not_reading, publish, read, run, serving, until
from tests.stream.synthetic import SyntheticSession

WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


def numbers(events: list[Event]) -> list[int | None]:
    return [event.seq for event in events]


def test_a_subscriber_gets_what_was_published_byte_for_byte_and_in_order() -> None:
    async def check() -> None:
        hub, messages = Hub(), list(SyntheticSession().conversation(regions=4, updates=12))
        async with serving(hub) as address, following(address) as client:
            await until(lambda: hub.subscribers == 1)
            await publish(hub, messages)
            received = [await client.recv(decode=False) for _ in messages]
        assert received == [message.payload for message in messages]

    run(check())


def test_since_continues_without_a_hole_or_a_repeat() -> None:
    async def check() -> None:
        hub, session = Hub(), SyntheticSession()
        async with serving(hub) as address:
            await publish(hub, session.updates(3_000))
            async with following(address, "?stream=kitchen&since=5") as client:
                await publish(hub, session.updates(500))
                assert numbers(await read(client, 3_495)) == list(range(6, 3_501))

    run(check())


def test_since_older_than_what_is_held_is_told_first() -> None:
    async def check() -> None:
        hub = Hub(held_messages=10)
        await publish(hub, SyntheticSession().updates(30))
        async with serving(hub) as address, following(address, "?since=4") as client:
            gap, *events = await read(client, 11)
        assert isinstance(gap, Gap)
        assert (gap.kind, gap.first_seq, gap.last_seq, gap.seq) == ("events", 5, 20, None)
        assert numbers(events) == list(range(21, 31))

    run(check())


def test_only_the_streams_asked_for_are_delivered() -> None:
    async def check() -> None:
        hub = Hub()
        streams = {name: SyntheticSession(name, name) for name in ("kitchen", "hall", "attic")}
        async with serving(hub) as address, following(address, "?stream=hall&stream=attic") as client:
            await until(lambda: hub.subscribers == 1)
            for session in streams.values():
                await hub.publish(session.affect())
            assert [event.stream for event in await read(client, 2)] == ["hall", "attic"]

    run(check())


def test_fifty_subscribers_all_get_everything() -> None:
    async def check() -> None:
        hub, messages = Hub(), SyntheticSession().updates(200)
        async with serving(hub) as address, AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(following(address)) for _ in range(50)]
            await until(lambda: hub.subscribers == 50)
            await publish(hub, messages)
            for client in clients:
                assert numbers(await read(client, 200)) == list(range(1, 201))
        assert hub.skipped_events == 0

    run(check())


def test_events_are_sent_at_once_and_few_wait_in_the_kernel() -> None:
    with (
        listen(ServerSettings(port=0, send_buffer_bytes=65_536)) as listener,
        socket.create_connection(listener.getsockname()),
    ):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            # Linux doubles what it is asked for, to account for its own overhead.
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * 65_536


def test_a_slow_subscriber_is_told_what_it_missed_and_nobody_else_suffers() -> None:
    async def check() -> None:
        hub, session = Hub(queued_messages=100), SyntheticSession()
        async with (
            serving(hub, send_buffer_bytes=4_096) as address,
            not_reading(address) as slow,
            following(address) as quick,
        ):
            await until(lambda: hub.subscribers == 2)
            for _ in range(20):
                await publish(hub, session.updates(50))
                await read(quick, 50)
            assert 0 < hub.skipped_events < 1_000
            await hub.publish(session.ended())
            closing = asyncio.create_task(hub.close())
            received = [decode(payload) async for payload in slow]
            await closing
        following_seq = 1
        for event in received:
            first, last = (
                (event.first_seq, event.last_seq) if isinstance(event, Gap) else (event.seq, event.seq)
            )
            assert first == following_seq
            assert last is not None
            following_seq = last + 1
        assert following_seq == 1_002
        gaps = [event for event in received if isinstance(event, Gap)]
        missed = sum(gap.last_seq - gap.first_seq + 1 for gap in gaps if gap.first_seq and gap.last_seq)
        assert missed == hub.skipped_events

    run(check())


def test_one_of_fifty_that_stops_reading_is_skipped_told_and_closed_and_harms_nobody() -> None:
    async def check() -> None:
        hub, session = Hub(queued_messages=50), SyntheticSession()
        patience = Patience(send_s=3.0, close_s=10)
        async with (
            serving(hub, send_buffer_bytes=4_096, patience=patience) as address,
            not_reading(address) as slow,
            AsyncExitStack() as stack,
        ):
            others = [await stack.enter_async_context(following(address)) for _ in range(49)]
            await until(lambda: hub.subscribers == 50)
            reading = [asyncio.create_task(read(client, 600)) for client in others]
            await publish(hub, session.updates(300))
            assert 0 < hub.skipped_events < 300
            told = [decode(await slow.recv())]
            while not isinstance(told[-1], Gap):
                told.append(decode(await slow.recv()))
            await publish(hub, session.updates(300))
            assert [numbers(await events) for events in reading] == [list(range(1, 601))] * 49
            await until(lambda: hub.subscribers == 49)
            with pytest.raises(ConnectionClosed) as closed:
                told += [decode(await slow.recv()) for _ in range(600)]
            await publish(hub, session.updates(1))
            assert [numbers(await read(client, 1)) for client in others] == [[601]] * 49
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013
        *before, gap = told
        assert numbers(before) == list(range(1, len(before) + 1))
        assert isinstance(gap, Gap)
        assert gap.first_seq == len(before) + 1

    run(check())


def test_a_stuck_subscriber_is_closed_with_1013_and_a_reason() -> None:
    async def check() -> None:
        hub, session = Hub(queued_messages=100), SyntheticSession()
        patience = Patience(send_s=0.1, close_s=10)
        async with (
            serving(hub, send_buffer_bytes=4_096, patience=patience) as address,
            not_reading(address) as stuck,
        ):
            await until(lambda: hub.subscribers == 1)
            await publish(hub, session.updates(500))
            await until(lambda: hub.subscribers == 0)
            with pytest.raises(ConnectionClosed) as closed:
                await read(stuck, 500)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013
        assert closed.value.rcvd.reason == "nothing was read for 0.1 s: reconnect with since"

    run(check())


def test_a_stuck_subscriber_that_does_not_even_take_the_close_is_cut_off() -> None:
    async def check() -> None:
        hub = Hub()
        patience = Patience(send_s=0.1, close_s=0.1)
        async with serving(hub, send_buffer_bytes=4_096, patience=patience) as address:
            idle = asyncio.all_tasks()
            async with not_reading(address) as stuck:
                await until(lambda: hub.subscribers == 1)
                await publish(hub, SyntheticSession().updates(500))
                await until(lambda: asyncio.all_tasks() <= idle)
                with pytest.raises(ConnectionClosed) as closed:
                    await read(stuck, 500)
        assert closed.value.rcvd is None

    run(check())


def test_a_subscriber_that_leaves_is_forgotten_though_no_event_comes() -> None:
    async def check() -> None:
        hub = Hub()
        async with serving(hub) as address:
            async with following(address):
                await until(lambda: hub.subscribers == 1)
            await until(lambda: hub.subscribers == 0)
            async with following(address) as rude:
                await until(lambda: hub.subscribers == 1)
                rude.transport.abort()
                await until(lambda: hub.subscribers == 0)

    run(check())


def test_what_a_subscriber_says_is_ignored_unless_it_is_long() -> None:
    async def check() -> None:
        hub, session = Hub(), SyntheticSession()
        async with serving(hub) as address, following(address) as client:
            for _ in range(100):
                await client.send("keep alive")
            await client.send(b"\0" * 1_024)
            await publish(hub, session.updates(1))
            assert numbers(await read(client, 1)) == [1]
            await client.send("x" * 1_025)
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009

    run(check())


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (
            "?strem=kitchen",
            "Unknown parameter 'strem': stream, since, type, features and embedding are understood.\n",
        ),
        ("?since=soon", "Malformed since 'soon'"),
        ("?stream=../../etc", "Invalid stream name '../../etc'"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused_before_the_upgrade(query: str, sentence: str) -> None:
    async def check() -> None:
        async with serving(Hub()) as address:
            with pytest.raises(InvalidStatus) as refused:
                await connect(address.events_url + query, proxy=None)
        assert refused.value.response.status_code == 400
        assert refused.value.response.body.decode().startswith(sentence)

    run(check())


def test_more_subscribers_than_allowed_are_answered_503_until_one_leaves() -> None:
    async def check() -> None:
        hub = Hub()
        async with serving(hub, subscribers=2) as address, following(address), AsyncExitStack() as stack:
            await stack.enter_async_context(following(address))
            with pytest.raises(InvalidStatus) as refused:
                await connect(address.events_url, proxy=None)
            assert refused.value.response.status_code == 503
            assert b"All 2 places" in refused.value.response.body
            await stack.aclose()
            await until(lambda: hub.subscribers == 1)
            await stack.enter_async_context(following(address))

    run(check())


@pytest.mark.parametrize("path", ["/", "/healthz", "/schema.json", "/v1/events", "/nothing"])
@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}]
)
def test_other_hosts_and_origins_are_refused_everywhere(path: str, headers: dict[str, str]) -> None:
    async def check() -> None:
        async with serving(Hub()) as address:
            answer = await fetch(address, path, **WEBSOCKET, **headers)
        assert answer.status == 403
        assert answer.body.decode().endswith(".\n")

    run(check())


def test_the_own_page_and_allowed_origins_may_follow() -> None:
    async def check() -> None:
        async with serving(Hub(), allowed_origins=("http://tv.local:3000",)) as address:
            for origin in (address.page_url.rstrip("/"), "http://tv.local:3000"):
                answer = await fetch(address, "/nothing", Origin=origin)
                assert answer.status == 404
                async with following(address, origin=origin):
                    pass

    run(check())


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/page.js", "text/javascript; charset=utf-8"),
        ("/page.css", "text/css; charset=utf-8"),
        ("/schema.json", "application/schema+json; charset=utf-8"),
        ("/asyncapi.json", "application/json; charset=utf-8"),
        ("/healthz?verbose", "text/plain; charset=utf-8"),
    ],
)
def test_documents_come_with_their_type_and_protections(path: str, media_type: str) -> None:
    async def check() -> None:
        async with serving(Hub()) as address:
            answer = await fetch(address, path)
            head = await fetch(address, path, "HEAD")
        assert answer.status == head.status == 200
        assert answer.headers["Content-Type"] == media_type
        assert int(answer.headers["Content-Length"]) == len(answer.body) > 0
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert head.headers["Content-Length"] == answer.headers["Content-Length"]
        assert head.body == b""

    run(check())


@pytest.mark.parametrize(
    "path", ["/nothing", "/../server.py", "/%2e%2e/server.py", "//etc/passwd", "/page.js/", "/page"]
)
def test_nothing_else_can_be_fetched(path: str) -> None:
    async def check() -> None:
        async with serving(Hub()) as address:
            answer = await fetch(address, path)
        assert answer.status == 404
        assert b"/schema.json" in answer.body
        assert "Content-Security-Policy" in answer.headers

    run(check())


@pytest.mark.parametrize("path", ["/", "/v1/events"])
def test_other_methods_are_refused(path: str) -> None:
    async def check() -> None:
        async with serving(Hub()) as address:
            answer = await fetch(address, path, "POST")
        assert answer.status == 405
        assert "GET" in answer.headers["Allow"]

    run(check())


def test_events_over_plain_http_are_told_to_upgrade() -> None:
    async def check() -> None:
        async with serving(Hub()) as address:
            answer = await fetch(address, "/v1/events")
        assert answer.status == 426
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    run(check())


def test_ready_until_no_more_events_come_healthy_until_the_end() -> None:
    async def check() -> None:
        hub = Hub()
        async with serving(hub) as address:
            assert (await fetch(address, "/readyz")).status == 200
            await hub.close()
            ready = await fetch(address, "/readyz")
            assert (ready.status, ready.body) == (503, b"server stops\n")
            assert (await fetch(address, "/healthz")).body == b"ok\n"

    run(check())


def test_a_finished_hub_delivers_what_is_queued_then_closes_with_1001() -> None:
    async def check() -> None:
        hub, session = Hub(), SyntheticSession()
        async with serving(hub) as address, following(address) as client:
            await until(lambda: hub.subscribers == 1)
            await publish(hub, [*session.updates(50), session.ended()])
            await hub.close()
            assert numbers([decode(payload) async for payload in client]) == list(range(1, 52))
            assert (client.close_code, client.close_reason) == (1001, "server stops")
            async with following(address, "?since=50") as late:
                assert numbers([decode(payload) async for payload in late]) == [51]
                assert late.close_code == 1001

    run(check())


def test_a_stopping_server_delivers_what_is_queued_and_takes_nobody_new() -> None:
    async def check() -> None:
        hub = Hub()
        async with AsyncExitStack() as stack:
            address = await stack.enter_async_context(serving(hub))
            async with following(address) as client:
                await until(lambda: hub.subscribers == 1)
                await publish(hub, SyntheticSession().updates(50))
                stopping = asyncio.create_task(stack.aclose())
                assert numbers([decode(payload) async for payload in client]) == list(range(1, 51))
                await stopping
            assert (client.close_code, client.close_reason) == (1001, "server stops")
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(address.host, address.port)

    run(check())


def test_silent_and_stuck_connections_do_not_hold_up_the_end() -> None:
    async def check() -> None:
        before = asyncio.all_tasks()
        hub = Hub(drain_timeout_s=0.1)
        async with AsyncExitStack() as clients:
            async with serving(hub, send_buffer_bytes=4_096, patience=Patience(60, 0.1)) as address:
                _, silent = await asyncio.open_connection(address.host, address.port)
                stuck = await clients.enter_async_context(not_reading(address))
                await until(lambda: hub.subscribers == 1)
                await publish(hub, SyntheticSession().updates(500))
                started = asyncio.get_running_loop().time()
            assert asyncio.get_running_loop().time() - started < 5
            assert hub.subscribers == 0
            silent.close()
            stuck.transport.abort()
        await until(lambda: asyncio.all_tasks() <= before)

    run(check())


def test_cancelling_leaves_no_task_and_frees_the_port() -> None:
    async def check() -> None:
        before, hub = asyncio.all_tasks(), Hub()
        opened: asyncio.Future[Address] = asyncio.get_running_loop().create_future()

        async def serve_for_ever() -> None:
            async with serving(hub) as address:
                opened.set_result(address)
                await asyncio.Event().wait()

        server = asyncio.create_task(serve_for_ever())
        address = await opened
        async with following(address) as client:
            await until(lambda: hub.subscribers == 1)
            server.cancel()
            with pytest.raises(asyncio.CancelledError):
                await server
            await client.wait_closed()
        await until(lambda: asyncio.all_tasks() <= before)
        async with serving(Hub(), port=address.port) as again:
            assert again == address

    run(check())


def test_a_taken_port_is_named_with_what_to_do() -> None:
    async def check() -> None:
        async with serving(Hub()) as address:
            with pytest.raises(ServiceError, match=rf"Port {address.port} on 127\.0\.0\.1 is taken.*--port"):
                async with serving(Hub(), port=address.port):
                    pass

    run(check())


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"host": "192.0.2.1"}, "--insecure"),
        ({"host": "192.0.2.1", "insecure": True}, "must be an address of this machine"),
        ({"host": "nowhere.invalid", "insecure": True}, "'nowhere.invalid' cannot be resolved"),
        ({"allowed_origins": ("example.org",)}, "Allowed origin 'example.org'"),
    ],
)
def test_an_address_that_cannot_be_used_is_named(settings: dict[str, object], sentence: str) -> None:
    async def check() -> None:
        with pytest.raises(ConfigurationError, match=sentence):
            async with serving(Hub(), **settings):
                pass

    run(check())


def test_an_insecure_server_can_be_reached_by_address() -> None:
    async def check() -> None:
        async with serving(Hub(), host="0.0.0.0", insecure=True) as address:
            assert address.page_url == f"http://localhost:{address.port}/"
            assert (await fetch(address, "/healthz", Host=f"192.168.7.7:{address.port}")).status == 200
            assert (await fetch(address, "/healthz", Host=f"evil.example:{address.port}")).status == 403

    run(check())


def test_ipv6_loopback_can_be_served() -> None:
    async def check() -> None:
        async with serving(Hub(), host="::1") as address:
            assert address.page_url == f"http://[::1]:{address.port}/"
            assert (await fetch(address, "/healthz", Host=f"[::1]:{address.port}")).status == 200
            async with following(address):
                pass

    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    run(check())


def test_no_log_at_any_level_holds_an_event(caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        hub, session = Hub(), SyntheticSession("kitchen", "secret-session")
        async with serving(hub) as address, following(address, logger=logging.getLogger("client")) as client:
            await until(lambda: hub.subscribers == 1)
            await publish(hub, session.updates(3))
            await read(client, 3)

    caplog.set_level(logging.ERROR, logger="client")
    caplog.set_level(logging.DEBUG)
    run(check())
    assert "asyncio" in {record.name for record in caplog.records}
    assert "secret-session" not in caplog.text
    assert "activation" not in caplog.text


def test_the_schema_that_is_served_describes_the_events_that_are_sent() -> None:
    async def check() -> None:
        async with serving(Hub()) as address:
            schema = json.loads((await fetch(address, "/schema.json")).body)
        assert "Affect" in schema["$defs"]

    run(check())
