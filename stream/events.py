"""The wire: every event that leaves the program, on every transport, and how it is encoded.

The JSON Schema and the AsyncAPI document are generated from these classes (see schema.py), so a field's
docstring here is its public documentation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType

if TYPE_CHECKING:
    from .forms import Features, Form

WIRE_VERSION = 1
STREAM_NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$(?!\n)"
"""What a stream may be called: safe in a Redis key, a path and a page.

Python's `$` alone would allow a newline at the end.
"""
SESSION_PATTERN = r"^[A-Za-z0-9-]{1,64}$(?!\n)"

Unit = Annotated[float, Meta(ge=-1, le=1)]
Probability = Annotated[float, Meta(ge=0, le=1)]
Position = Annotated[int, Meta(ge=0, description="sample index at 16 kHz from the start of the stream")]

FeaturePairs = Annotated[
    dict[str, tuple[float, float]],
    Meta(description="on request: value and standard score against the baseline, by eGeMAPS name"),
]

Ending = Literal["end of input", "stopped", "sender gone", "error"]


class Envelope(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What every event carries: where it belongs, its number, and the audio it speaks of."""

    v: int = WIRE_VERSION
    stream: Annotated[str, Meta(pattern=STREAM_NAME_PATTERN, description="name of the stream")]
    session: Annotated[str, Meta(description="one run of a stream; numbering starts anew in each")]
    seq: Annotated[
        int | None,
        Meta(
            description="1, 2, 3 ... without a hole in a session; null in what one subscriber alone is told"
        ),
    ]
    start_sample: Position
    end_sample: Position
    start_time: Annotated[
        datetime,
        Meta(
            tz=True,
            description="wall time of start_sample, RFC 3339, UTC. Where a live sender catches up, times are "
            "corrected: then later events can bear earlier ones",
        ),
    ]
    end_time: Annotated[datetime, Meta(tz=True, description="wall time of end_sample, RFC 3339, UTC")]
    model: Annotated[str, Meta(description="name and version of the model")]


class StreamStarted(Envelope, tag="stream.started", frozen=True, kw_only=True):
    """A session begins; always its first event."""

    source: Annotated[str, Meta(description="what is listened to, for people to read")]
    sample_rate: Annotated[int, Meta(description="Hz; the unit of every position")]
    window_s: Annotated[float, Meta(description="length of a rolling window")]
    hop_ms: Annotated[int, Meta(description="distance of rolling windows")]
    continues: Annotated[
        Annotated[str, Meta(pattern=SESSION_PATTERN)] | UnsetType,
        Meta(description="the session its sender was in before, which this node does not know"),
    ] = UNSET


class SpeechStarted(Envelope, tag="speech.started", frozen=True, kw_only=True):
    """Someone begins to speak; start_sample is where the region begins, end_sample where that was known."""


class Affect(Envelope, tag="affect", frozen=True, kw_only=True):
    """The rolling estimate of the last seconds of the region, while speech goes on."""

    activation: Annotated[Unit, Meta(description="calm -1 ... +1 excited")]
    valence: Annotated[Unit, Meta(description="negative -1 ... +1 positive")]
    emotion: Annotated[dict[str, Probability], Meta(description="probability by name, summing to 1")]
    embedding: Annotated[
        tuple[float, ...] | UnsetType, Meta(description="the encoder's latent position; can be left out")
    ] = UNSET
    confidence: Annotated[Probability, Meta(description="probability that the likeliest emotion is right")]
    novelty: Annotated[Probability, Meta(description="how far this lies from what the model was trained on")]
    speech_s: Annotated[float, Meta(ge=0, description="seconds of speech in the window")]
    baseline_s: Annotated[float, Meta(ge=0, description="seconds of speech the speaker's baseline rests on")]
    features: FeaturePairs | UnsetType = UNSET


class SpeechEnded(Envelope, tag="speech.ended", frozen=True, kw_only=True):
    """A region is complete: the estimate of all of it. Null throughout for a region under half a second."""

    activation: Annotated[Unit | None, Meta(description="calm -1 ... +1 excited")]
    valence: Annotated[Unit | None, Meta(description="negative -1 ... +1 positive")]
    emotion: Annotated[dict[str, Probability] | None, Meta(description="probability by name, summing to 1")]
    embedding: Annotated[
        tuple[float, ...] | UnsetType | None,
        Meta(description="the encoder's latent position; can be left out"),
    ] = UNSET
    confidence: Annotated[
        Probability | None, Meta(description="probability that the likeliest emotion is right")
    ]
    novelty: Annotated[
        Probability | None, Meta(description="how far this lies from what the model was trained on")
    ]
    speech_s: Annotated[float, Meta(ge=0, description="seconds of speech in the region")]
    baseline_s: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        Meta(description="seconds of speech the speaker's baseline rests on"),
    ]
    forced: Annotated[bool, Meta(description="cut at the longest allowed region; speech goes on in the next")]
    features: FeaturePairs | UnsetType = UNSET


class Gap(Envelope, tag="gap", frozen=True, kw_only=True):
    """Something is missing: audio that never arrived, or events that could not be delivered."""

    kind: Literal["audio", "events"]
    first_seq: Annotated[int | None, Meta(description="first missing event; null for audio")] = None
    last_seq: Annotated[
        int | None, Meta(description="last missing event; null for audio, or where unknown")
    ] = None


class StreamEnded(Envelope, tag="stream.ended", frozen=True, kw_only=True):
    """A session is over; always its last event."""

    reason: Ending


class Error(Envelope, tag="error", frozen=True, kw_only=True):
    """Something went wrong that the listener should know of."""

    code: Annotated[str, Meta(description="what kind of thing went wrong, for programs")]
    message: Annotated[str, Meta(description="one sentence for people: what, and what to do about it")]


class Status(Envelope, tag="status", frozen=True, kw_only=True):
    """Once a second of audio: how the input and the pipeline are."""

    level_dbfs: Annotated[float, Meta(description="root mean square of the second, 0 = full scale")]
    clipping: Annotated[bool, Meta(description="the input is too loud for its format")]
    muted: Annotated[bool, Meta(description="nothing but zeros arrives")]
    speaking: Annotated[bool, Meta(description="a speech region is open")]
    delay_ms: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        Meta(description="age of the newest audio; null unless in real time"),
    ]
    dropped_samples: Annotated[int, Meta(ge=0, description="lost before they were read, since the start")]
    skipped_events: Annotated[
        int,
        Meta(ge=0, description="not delivered to Redis or a slow subscriber, since the start"),
    ]
    thinned_updates: Annotated[int, Meta(ge=0, description="rolling estimates left out to keep up")]


Event = StreamStarted | SpeechStarted | Affect | SpeechEnded | Gap | StreamEnded | Error | Status

KINDS: dict[str, type[Event]] = {kind.__struct_config__.tag: kind for kind in get_args(Event)}
"""Every type of event by its name on the wire."""

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


@dataclass(slots=True)
class Skipped:
    """How many events of one session some follower or Redis did not get so far; their sinks count them."""

    events: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """An event on its way out, encoded once for all sinks; see forms.py for how else it can look."""

    event: Event
    payload: bytes
    session_ms: int
    """Wall time of the session's start in ms: the first half of its Redis identifiers."""
    features: Features | None = None
    """What the event's estimate rests on, for those who ask."""
    skipped: Skipped = field(default_factory=Skipped, compare=False, repr=False)
    """Of its session."""
    forms: dict[Form, bytes] = field(default_factory=dict, compare=False, repr=False)
    """What else it was encoded as so far."""


def encode(event: Event) -> bytes:
    """Return the event as one JSON object in UTF-8."""
    return _encoder.encode(event)


def decode(payload: bytes | str) -> Event:
    """Return the event in `payload`; raises msgspec.ValidationError where it is not one."""
    return _decoder.decode(payload)
