import asyncio
from contextlib import aclosing

from msgspec import UNSET

from cmlstream.stream.client import Connected, Lost, State, follow
from cmlstream.stream.events import Affect, SpeechEnded
from tests.stream.conftest import RedisServer
from tests.stream.redis_publishing import publishing
from tests.stream.serving import run, until
from tests.stream.synthetic import SyntheticSession


def test_what_redis_holds_and_what_comes_is_followed_without_a_seam(redis_server: RedisServer) -> None:
    async def check() -> None:
        kitchen, hall = SyntheticSession("kitchen", "k"), SyntheticSession("hall", "h")
        async with publishing(redis_server.url) as sink:
            for message in [*kitchen.updates(20), *hall.updates(20)]:
                await sink.publish(message)
            events = follow(redis_server.url, stream="kitchen", since={"k": 5})
            async with aclosing(events):
                received = [await anext(events)]
                for message in kitchen.updates(5):
                    await sink.publish(message)
                received += [await anext(events) for _ in range(19)]
        assert [(event.stream, event.seq) for event in received] == [("kitchen", seq) for seq in range(6, 26)]

    run(check())


def test_types_and_fields_are_chosen_as_a_server_does(redis_server: RedisServer) -> None:
    async def check() -> None:
        session = SyntheticSession()
        async with publishing(redis_server.url) as sink:
            for message in [*session.conversation(regions=2, updates=4), session.ended()]:
                await sink.publish(message)
        asked = follow(
            redis_server.url,
            since=0,
            types=["speech.ended"],
            embedding=False,
            until_end=True,
            stream="kitchen",
        )
        events = [event async for event in asked]
        assert [type(event) for event in events] == [SpeechEnded] * 2
        whole = follow(redis_server.url, since=0, types=["affect"], until_end=True, stream="kitchen")
        rolling = [event async for event in whole]
        assert all(isinstance(event, SpeechEnded) and event.embedding is UNSET for event in events)
        assert all(isinstance(event, Affect) and event.embedding for event in rolling)

    run(check())


def test_a_redis_that_goes_away_is_told_and_nothing_is_missed(redis_server: RedisServer) -> None:
    async def check() -> None:
        session = SyntheticSession()
        states: list[State] = []
        following = follow(redis_server.url, since=0, on_state=states.append)
        async with publishing(redis_server.url) as sink, aclosing(following) as events:
            await sink.publish(session.affect())
            received = [await anext(events)]
            second = asyncio.create_task(anext(events))
            redis_server.kill()
            await until(lambda: isinstance(states[-1], Lost))
            for message in session.updates(3):
                await sink.publish(message)
            redis_server.start()
            received += [await second, await anext(events), await anext(events)]
            await until(lambda: isinstance(states[-1], Connected))
        assert [event.seq for event in received] == [1, 2, 3, 4]
        assert states[-1] == Connected(f"Redis at 127.0.0.1:{redis_server.port}")

    run(check())
