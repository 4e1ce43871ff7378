"""What is sent to Redis: for each stream one call of a script, and its heartbeat in the registry."""

from __future__ import annotations

import time
from importlib.resources import files
from typing import TYPE_CHECKING

from cmlstream.stream.events import Affect, Gap, SpeechEnded
from cmlstream.stream.redis_keys import REGISTRY_KEY, Position, stream_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cmlstream.stream.events import Message
    from cmlstream.stream.redis_client import Command

NOBODY = "-"
"""No stream can be called this: what is sent for it leaves nothing behind."""

REGISTRY_MARGIN_S = 60.0
"""How much longer than its log a stream stays registered, or its last events could be there but not found."""


def script_source() -> str:
    """Return the script that publishes the events of one stream."""
    return files("cmlstream.stream.sinks").joinpath("publish.lua").read_text()


class Calls:
    """Words what is to be said, with what is the same for all streams."""

    def __init__(self, keep_events: int, stream_ttl_s: float, latest_ttl_s: float) -> None:
        self._settings = (keep_events, round(stream_ttl_s * 1000), round(latest_ttl_s * 1000))
        self._registered_s = stream_ttl_s + REGISTRY_MARGIN_S

    def publish(self, command: str, script: str, stream: str, messages: Sequence[Message]) -> Command:
        """Return the call of the script for the events of one stream: EVALSHA its hash, or EVAL its source.

        Its answer is the number of events that the stream refused for good.
        """
        keys = stream_keys(stream)
        return (command, script, len(keys), *keys, *self._settings, *_arguments(messages))

    def heartbeats(self, streams: Iterable[str]) -> list[Command]:
        """Return what says in the registry that streams are alive, and forgets those that expired.

        On its own, since the registry may lie on another shard than a stream.
        """
        now_s = time.time()
        alive = [part for stream in streams for part in (now_s, stream)]
        forget: Command = ("ZREMRANGEBYSCORE", REGISTRY_KEY, "-inf", now_s - self._registered_s)
        return [("ZADD", REGISTRY_KEY, *alive), forget] if alive else [forget]


def _arguments(messages: Sequence[Message]) -> Iterator[str | bytes]:
    for message in messages:
        yield str(_position(message))
        yield message.payload
        yield "1" if _is_estimate(message) else "0"


def _position(message: Message) -> Position:
    """Return where the entry belongs; a notice of dropped events takes the place of the last of them."""
    event = message.event
    seq = event.last_seq if event.seq is None and isinstance(event, Gap) else event.seq
    assert seq is not None, "what one subscriber alone is told is not for Redis"
    return Position(message.session_ms, seq)


def _is_estimate(message: Message) -> bool:
    event = message.event
    return isinstance(event, Affect) or (isinstance(event, SpeechEnded) and event.activation is not None)
