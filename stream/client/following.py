"""`follow`: the events of a server or a Redis, one after the other, for as long as one likes."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from cmlstream.models.errors import ConfigurationError
from cmlstream.stream.backoff import Backoff
from cmlstream.stream.server.following import EVENTS_PATH

from .address import is_redis, parse_server
from .cursors import Cursors
from .failures import ConnectionLost
from .received import Receiver
from .states import Connecting, Lost, unobserved
from .wanted import Ends, Wanted, since_of
from .websocket_link import WebsocketLink

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping
    from ssl import SSLContext

    from cmlstream.stream.events import Event

    from .link import Link
    from .received import Received
    from .states import Report


def follow(
    url: str,
    *,
    stream: str | Iterable[str] | None = None,
    since: int | Mapping[str, int] | None = None,
    types: Iterable[str] = (),
    features: bool = False,
    embedding: bool = True,
    token: str | None = None,
    until_end: bool = False,
    on_state: Report = unobserved,
    tls: SSLContext | None = None,
) -> AsyncGenerator[Event, None]:
    """Yield events as they happen, and go on by itself after a lost connection: none missed, none repeated.

    What the other side no longer holds comes as its `gap`. A consumer who is slow makes the server wait,
    skip and tell what was skipped; nothing piles up here. Leaving the loop closes the connection when the
    generator is closed: `async with contextlib.aclosing(follow(...)) as events` does so at once.

    Args:
        url: `ws://`, `wss://` (or http, https) of a server, or `redis://`, `rediss://`.
        stream: the name of a stream, or several; None or `*` is all of them, with those that begin later.
        since: where to begin: None is now, 0 all that is still held, a number what follows that event in the
            newest session, a mapping what follows that number in each session, and what began later.
        types: only events of these types, such as `speech.ended`; none named means all.
        features: ask a server for the named acoustic features with their standard scores.
        embedding: False leaves the embedding out, which is half of an estimate's bytes.
        token: what a server with tokens demands; a Redis has its password in the URL.
        until_end: end after `stream.ended` of every stream named (of every stream seen, where none is named).
            Otherwise a stream that ended is waited for: it may begin again.
        on_state: called with Connecting, Connected and Lost as that changes.
        tls: whom to trust in place of the system's authorities.

    Raises:
        ConfigurationError: at once, where `url` is not such a URL, a name or type cannot exist, or features
            are asked of a Redis.
        ServiceError: on a refusal that trying again would not change, or where the other side is no server
            of events, or too new.

    """
    streams = (stream,) if isinstance(stream, str) else tuple(stream or ())
    named = () if "*" in streams else streams
    wanted = Wanted(named, tuple(types), features, embedding, since_of(since), until_end=until_end)
    wanted.check()
    return _events(received(open_link(url, wanted, on_state, token=token, tls=tls), wanted, on_state))


def open_link(
    url: str, wanted: Wanted, report: Report, *, token: str | None = None, tls: SSLContext | None = None
) -> Link:
    """Return the way to what `url` names; nothing is sent yet. Raises ConfigurationError as `follow`."""
    if is_redis(url):
        if wanted.features:
            raise ConfigurationError(
                "Redis does not hold features: follow a server (ws://, wss://), or do not ask for them."
            )
        # Importing redis takes 0.15 s, which only those who follow one should wait for.
        from .redis_link import RedisLink

        return RedisLink(url, wanted, report)
    return WebsocketLink(parse_server(url, EVENTS_PATH), wanted, report, token=token, tls=tls)


async def received(link: Link, wanted: Wanted, report: Report) -> AsyncGenerator[Received, None]:
    """Yield what comes over `link`, as it came, connecting again and again. Raises as `follow`."""
    ends = Ends(wanted.streams)
    async with aclosing(_reconnecting(link, wanted, report)) as arriving:
        async for one in arriving:
            if wanted.includes(one.event):
                yield one
            if ends.reached_with(one.event) and wanted.until_end:
                return


async def _reconnecting(link: Link, wanted: Wanted, report: Report) -> AsyncGenerator[Received, None]:
    cursors = Cursors(wanted.cursors)
    receiver = Receiver(cursors, link.peer)
    backoff = Backoff()
    while True:
        report(Connecting(link.peer))
        try:
            async with aclosing(link.payloads(cursors)) as payloads:
                async for payload in payloads:
                    backoff.reset()
                    if (one := receiver.take(payload)) is not None:
                        yield one
        except ConnectionLost as loss:
            wait_s = backoff.next_s()
            report(Lost(str(loss), wait_s))
            await asyncio.sleep(wait_s)


async def _events(arriving: AsyncGenerator[Received, None]) -> AsyncGenerator[Event, None]:
    async with aclosing(arriving):
        async for one in arriving:
            yield one.event
