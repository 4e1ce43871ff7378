"""What the AsyncAPI document says in words."""

from __future__ import annotations

from .ingest import ACKNOWLEDGE_S, Refusal
from .settings import LimitSettings

ABOUT = (
    "Activation, valence and emotion of speech, while it is spoken: estimates of expressed affect, not of "
    "feelings. An event is one JSON object, the same on every transport."
)
ABOUT_WEBSOCKET = (
    "One event per text message. Closed with 1001 when the stream ends or the server stops, with 1013"
    " when the subscriber did not read for too long or Redis cannot tell now what it has missed, with "
    "1009 when it said something long, and with "
    "4401 or 4403 where its token is missing, unknown or for something else. What a slow subscriber "
    "missed, or what is held nowhere any more, is told by a gap in its place; what the query leaves "
    "out is not missed."
)
ABOUT_SINCE = (
    "Replay what the node, or its Redis, holds after this number of each stream's newest session, then "
    "go on live; or what came since an age, as in 2.5s; or SESSION:NUMBER, once for each session, and "
    "what began in its stream after it. Beside sessions, one number or age holds for the streams of which "
    "none is named; without either, those tell what began after the newest session named. A client that "
    "comes back names what it read, and how long ago it first connected. Without it: only what comes from "
    "now on."
)
ABOUT_REDIS = (
    "The name of the stream stands in literal braces, as in cmlstream:{live}:live, so that all keys of a "
    "stream share a shard. The same events are entries, under the field `event`, of the Redis stream "
    "cmlstream:{NAME}:events, where nothing is missed; the newest estimate is at cmlstream:{NAME}:latest."
)
ABOUT_INGEST = (
    "A sender begins with `hello`; after `ready` it sends audio as binary messages, from the sample "
    f"on that `ready` names, and the server says every {ACKNOWLEDGE_S:g} s with `ack` how far it got. "
    "`end` is answered with `summary` after the last event, and a close with 1000. A sender that was "
    "cut off and says `hello` for the same stream within the grace time goes on at the sample that "
    "`ready` then names. Whatever goes wrong is told by `error`, and the connection closed with that "
    "error's number and its code as the reason; a message that is too long is answered by the close "
    "alone, and a sender that does not read is cut off without one."
)
ABOUT_AUDIO = (
    "Audio in the format of the hello, as binary messages, cut as the sender likes: each of at most "
    f"{LimitSettings().message_bytes} bytes unless the server is set otherwise."
)
ABOUT_BEARER = "A token of the server's file of tokens, for whoever can set headers. Never in a URL."
ABOUT_SUBPROTOCOL = (
    "`cmlstream.v1, bearer.TOKEN`, for browsers, which cannot set other headers; the server answers "
    "`cmlstream.v1`. A sender may also put the token into its hello."
)
REFUSALS = {
    Refusal.BAD_HELLO: "the first message is no hello, or asks for what there is not",
    Refusal.BAD_MESSAGE: "a later message is none that a sender may send there",
    Refusal.UNAUTHORIZED: "the token is missing or unknown",
    Refusal.FORBIDDEN: "the token is for something else",
    Refusal.HELLO_TIMEOUT: "no hello came in time",
    Refusal.IDLE: "nothing came for too long",
    Refusal.STREAM_BUSY: "another sender is sending this stream",
    Refusal.TAKEN_OVER: "another connection goes on with this stream",
    Refusal.FORMAT_CHANGED: "the stream goes on, but in another format, rate or number of channels",
    Refusal.MESSAGE_TOO_BIG: "a message is longer than the server takes: only the close says so",
    Refusal.TOO_FAST: "more bytes a second came than the server takes",
    Refusal.TOO_MANY_STREAMS: "the server, or the token, has no room for another stream",
    Refusal.TOO_SLOW: "what the server said was not read: a sender is cut off, only a follower is told",
    Refusal.SERVER_STOPS: "the server stops; the message says whether all of it was published",
    Refusal.FAILED: "the stream broke on the server",
}
"""What each code means; where coming back with the same would be answered alike, the table says so."""


def refusals_table() -> str:
    """Return every code of an error in a table of Markdown."""
    rows = [
        f"| `{refusal.code}` | {refusal.close_code} | {meaning} | {'no' if refusal.is_final else 'yes'} |"
        for refusal, meaning in REFUSALS.items()
    ]
    return "\n".join(["| code | close | meaning | worth trying again |", "|---|---|---|---|", *rows])
