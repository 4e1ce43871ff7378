"""What senders and the server tell each other at /v1/ingest, between the binary messages of audio.

A sender begins with a hello; after `ready` it sends audio in its format, cut as it likes. Counts of samples
are frames (one sample of every channel) at the sender's own rate, since the stream began.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from .events import SESSION_PATTERN, STREAM_NAME_PATTERN

INGEST_PATH = "/v1/ingest"
ACKNOWLEDGE_S = 0.5
"""How often the server says how far it got, while audio comes."""

Format = Literal["pcm_s16le", "pcm_f32le", "mulaw"]
Frames = Annotated[
    int, Meta(ge=0, le=2**53, description="frames at the sender's rate since the stream began")
]


class _Said(msgspec.Struct, tag_field="type", frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class _Answered(msgspec.Struct, tag_field="type", frozen=True, kw_only=True):
    pass


class Hello(_Said, tag="hello", frozen=True, kw_only=True):
    """The sender's first message: what follows, and for which stream."""

    stream: Annotated[str, Meta(pattern=STREAM_NAME_PATTERN, description="name of the stream")]
    format: Annotated[Format, Meta(description="16-bit or float PCM in little endian, or 8-bit mu-law")] = (
        "pcm_s16le"
    )
    rate: Annotated[int, Meta(ge=8_000, le=192_000, description="Hz")] = 16_000
    channels: Annotated[int, Meta(ge=1, le=64, description="interleaved; mixed unless one is picked")] = 1
    channel: Annotated[
        Annotated[int, Meta(ge=1, le=64)] | None,
        Meta(description="listen to this channel only, counted from 1"),
    ] = None
    live: Annotated[
        bool,
        Meta(description="sent as it is spoken; false: no hurry, and nothing is thinned to keep up"),
    ] = True
    token: Annotated[
        Annotated[str, Meta(max_length=512)] | None,
        Meta(description="unless it came as Authorization or Sec-WebSocket-Protocol"),
    ] = None
    session: Annotated[
        Annotated[str, Meta(pattern=SESSION_PATTERN)] | None,
        Meta(
            description="what `ready` named: whoever knows it takes its stream over from a dead connection. "
            "A node that does not know it begins another, which names it in `continues`"
        ),
    ] = None


class Skip(_Said, tag="skip", frozen=True, kw_only=True):
    """The sender lost audio here, or paused; it becomes a gap. Untold, it makes all that follows late."""

    samples: Annotated[int, Meta(ge=1, le=2**40, description="frames at the sender's rate that are missing")]


class NewSpeaker(_Said, tag="new_speaker", frozen=True, kw_only=True):
    """Someone else speaks from here on: the baseline starts anew."""


class End(_Said, tag="end", frozen=True, kw_only=True):
    """No more audio follows; the server answers with a summary after the last event."""


class Ready(_Answered, tag="ready", frozen=True, kw_only=True):
    """The server's answer to a hello: send on from `sample`, 0 in a new session."""

    session: Annotated[str, Meta(description="the session that the events name")]
    sample: Frames


class Ack(_Answered, tag="ack", frozen=True, kw_only=True):
    """Everything before `sample` has been taken and need not be kept."""

    sample: Frames


class Summary(_Answered, tag="summary", frozen=True, kw_only=True):
    """What became of the stream; the server's last message."""

    session: str
    sample: Frames
    audio_s: Annotated[float, Meta(ge=0, description="seconds of audio")]
    speech_s: Annotated[float, Meta(ge=0, description="seconds of speech in them")]
    regions: Annotated[int, Meta(ge=0, description="stretches of speech that ended")]
    events: Annotated[int, Meta(ge=0, description="events published, the last one's `seq`")]
    dropped_samples: Annotated[int, Meta(ge=0, description="at 16 kHz, lost before they were heard")]
    thinned_updates: Annotated[int, Meta(ge=0, description="rolling estimates left out to keep up")]


class Refused(_Answered, tag="error", frozen=True, kw_only=True):
    """Why the server closes the connection; its last message. The close carries the same code as a number."""

    code: str
    message: str


class Refusal(Enum):
    """Why a sender or a follower is turned away: the code in `error`, and the number of the close."""

    BAD_HELLO = ("bad_hello", 4400)
    BAD_MESSAGE = ("bad_message", 4400)
    UNAUTHORIZED = ("unauthorized", 4401)
    FORBIDDEN = ("forbidden", 4403)
    HELLO_TIMEOUT = ("hello_timeout", 4408)
    IDLE = ("idle", 4408)
    STREAM_BUSY = ("stream_busy", 4409)
    TAKEN_OVER = ("taken_over", 4409)
    FORMAT_CHANGED = ("format_changed", 4415)
    MESSAGE_TOO_BIG = ("message_too_big", 1009)
    TOO_FAST = ("too_fast", 4429)
    TOO_MANY_STREAMS = ("too_many_streams", 4429)
    TOO_SLOW = ("too_slow", 1013)
    SERVER_STOPS = ("server_stops", 1001)
    FAILED = ("failed", 1011)

    @property
    def code(self) -> str:
        """What programs compare."""
        return self.value[0]

    @property
    def close_code(self) -> int:
        """What the websocket is closed with."""
        return self.value[1]

    @property
    def is_final(self) -> bool:
        """Whether coming back with the same request would be answered alike."""
        return 4400 <= self.close_code < 4408 or self.close_code in {4415, 1009}


FromSender = Hello | Skip | NewSpeaker | End
ToSender = Ready | Ack | Summary | Refused

_encoder = msgspec.json.Encoder()
_from_sender: msgspec.json.Decoder[FromSender] = msgspec.json.Decoder(FromSender)
_to_sender: msgspec.json.Decoder[ToSender] = msgspec.json.Decoder(ToSender)


def encode(message: FromSender | ToSender) -> bytes:
    """Return the message as one JSON object in UTF-8."""
    return _encoder.encode(message)


def decode_from_sender(text: bytes | str) -> FromSender:
    """Return what a sender says; raises msgspec.DecodeError where it is none of these."""
    return _from_sender.decode(text)


def decode_to_sender(text: bytes | str) -> ToSender:
    """Return what the server says; raises msgspec.DecodeError where it is none of these."""
    return _to_sender.decode(text)
