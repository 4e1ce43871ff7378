"""From what the user typed to a source of audio."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.errors import InputError

from .file import FileSource
from .stdin import RawSource

if TYPE_CHECKING:
    from .base import Source

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
    """Return the source named `mic`, `mic:NAME`, `mic:INDEX`, `-`, `sample`, or by the path of a file.

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
            raise InputError(f"{spec} is a URL, which cannot be listened to: save it and name the file")
    path = SAMPLE_PATH if spec == "sample" else Path(spec)
    return FileSource(path, realtime=settings.realtime, channel=settings.channel)
