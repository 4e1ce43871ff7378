"""What `listen` and `serve` can be told, on the command line, in the environment or in a file."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from cmlstream.models.segment import SegmenterSettings

from .events import STREAM_NAME_PATTERN

Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Bytes = Annotated[int, Meta(ge=1_024, le=1_073_741_824)]


class CommonSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every command that runs the model and serves its events can be told."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8765
    insecure: bool = False
    allowed_origins: tuple[str, ...] = ()
    """Other origins whose pages may use the server, such as a dashboard's development server."""

    redis: str | None = None
    """The URL of a Redis; `embedded` starts a private one."""

    record: str | None = None
    """A folder to keep audio and events in; nothing is kept without one."""

    model: str = "default"
    """The name of a model that ships, or a file."""

    trust_model: bool = False
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """What the model runs on; `auto` takes a GPU where there is one."""

    hop_ms: Annotated[int, Meta(ge=50, le=5000)] = 250
    window_s: Annotated[float, Meta(ge=1, le=20)] = 3.0
    voice_activity: SegmenterSettings = SegmenterSettings()


class ListenSettings(CommonSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything `cmlstream listen` can be told."""

    source: str | None = None
    """None is the microphone, or the sample where there is none."""

    stream: Annotated[str, Meta(pattern=STREAM_NAME_PATTERN)] = "live"
    realtime: bool = False
    rate: Annotated[int, Meta(ge=8000, le=192_000)] = 16_000
    channels: Annotated[int, Meta(ge=1, le=64)] = 1
    channel: Annotated[int, Meta(ge=1, le=64)] | None = None


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much a server takes from its clients; whoever asks for more is told so with an error code."""

    message_bytes: Bytes = 65_536
    """The longest message of a sender; while one is taken all other streams wait."""

    bytes_per_second: Bytes = 16_777_216
    """What one sender may send, on average over ten seconds; every message counts as 64 bytes more."""

    streams: Count = 1_000
    """Streams at once."""

    streams_per_token: Count = 1_000
    """Streams at once that one token may send."""

    subscribers: Count = 2_000
    """Followers at once."""

    hello_s: Seconds = 5.0
    """From the opened connection to the sender's hello."""

    idle_s: Seconds = 60.0
    """Without a message from the sender."""

    grace_s: Seconds = 30.0
    """How long a stream waits for a sender that was cut off."""


class ServeSettings(CommonSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything `cmlstream serve` can be told."""

    certificate: str | None = None
    """A PEM file with the server's certificate and those that vouch for it; makes it speak TLS."""

    private_key: str | None = None
    """The PEM file with its key, where the certificate's file does not hold it."""

    tokens: str | None = None
    """A TOML file of tokens; read anew at SIGHUP."""

    limits: LimitSettings = LimitSettings()
