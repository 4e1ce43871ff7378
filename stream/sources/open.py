"""From what the user typed to a source of audio."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.errors import InputError

from .address import at_url, in_file
from .file import FileSource, UnknownKindError
from .reopening import ReopenedSource
from .stdin import RawSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from .address import MediaAddress
    from .base import Source
    from .media import MediaSource

SAMPLE_PATH = Path(__file__).with_name("sample.flac")
"""Synthetic speech that ships with the program, to try it without a microphone."""


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """What the user said about the audio: what raw input lacks, which channel, at which pace."""

    rate: int = SAMPLE_RATE
    """Hz of raw audio on standard input; files and microphones know their own."""
    channels: int = 1
    """Of raw audio on standard input."""
    channel: int | None = None
    """The one to listen to, counted from 1; None mixes all."""
    realtime: bool = False
    """Whether a file runs at the pace it was spoken."""


def open_source(spec: str, settings: SourceSettings) -> Source:
    """Return the source named `mic`, `mic:NAME`, `mic:INDEX`, `-`, `sample`, or by a URL or a path.

    Raises InputError for what cannot be a source; whether it can be opened shows when its chunks are taken.
    """
    match spec.partition(":"):
        case ("mic", _, device):
            # PortAudio is an extra: only who names a microphone needs it.
            from .microphone import MicrophoneSource

            return MicrophoneSource(device or None, channel=settings.channel)
        case ("-", "", ""):
            if sys.stdin is None:
                raise InputError("standard input is closed: pipe raw 16-bit audio into it")
            return RawSource(sys.stdin.fileno(), settings.rate, settings.channels, settings.channel)
        case (_, ":", rest) if rest.startswith("//"):
            return _media(at_url(spec), settings)
    path = SAMPLE_PATH if spec == "sample" else Path(spec)
    try:
        return FileSource(path, realtime=settings.realtime, channel=settings.channel)
    except UnknownKindError as unknown:
        return _container(path, settings, unknown)


def open_lasting(spec: str, settings: SourceSettings, on_break: Callable[[str | None], None]) -> Source:
    """Return the source as `open_source` does; a microphone that is unplugged is waited for.

    `on_break` is called with the reason when it is gone, and with None when it is back.
    """
    source = open_source(spec, settings)
    if spec.partition(":")[0] != "mic":
        return source
    return ReopenedSource(source, partial(open_source, spec, settings), on_break)


def _media(address: MediaAddress, settings: SourceSettings) -> MediaSource:
    # PyAV is an extra: only who names media needs it.
    from .media import MediaSource

    return MediaSource(address, realtime=settings.realtime, channel=settings.channel)


def _container(path: Path, settings: SourceSettings, unknown: UnknownKindError) -> MediaSource:
    """Return the sound of a video or the like, or raise what libsndfile said where that is none either."""
    try:
        source = _media(in_file(path), settings)
    except InputError as missing:
        raise InputError(f"{unknown}; as video or the like, {missing}") from missing
    try:
        source.check()
    except InputError:
        raise unknown from None
    return source
