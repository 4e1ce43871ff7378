"""PortAudio, as far as a microphone needs it: loading it, keeping it quiet, asking it what there is."""

from __future__ import annotations

import ctypes
import functools
import platform
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cmlstream.models.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_counting = threading.Lock()
"""PortAudio counts its users without a lock of its own."""


@dataclass(frozen=True, slots=True)
class Microphone:
    """An input device as PortAudio lists it."""

    index: int
    name: str
    channels: int
    default_rate: int
    """Hz."""
    is_default: bool


def devices() -> list[Microphone]:
    """Return every input device, in PortAudio's order; raises InputError where PortAudio is missing."""
    with session() as audio:
        try:
            default_index = audio.get_default_input_device_info()["index"]
        except OSError:
            default_index = None
        found = [audio.get_device_info_by_index(index) for index in range(audio.get_device_count())]
    return [
        Microphone(
            index=device["index"],
            name=device["name"],
            channels=device["maxInputChannels"],
            default_rate=round(device["defaultSampleRate"]),
            is_default=device["index"] == default_index,
        )
        for device in found
        if device["maxInputChannels"] > 0
    ]


@contextmanager
def session() -> Iterator[Any]:
    """Keep PortAudio initialised, its list of devices as of now; raises InputError where it cannot start."""
    library = load()
    try:
        with _counting:
            audio = library.PyAudio()
    except OSError as error:
        raise InputError(
            f"PortAudio does not start ({error}): check the sound system of this machine"
        ) from error
    try:
        yield audio
    finally:
        with _counting:
            audio.terminate()


@functools.cache
def load() -> Any:
    """Return the module pyaudio, quietened; raises InputError where it is not installed."""
    try:
        import pyaudio
    except ImportError as error:
        raise InputError(
            "microphones need PyAudio, which is not installed: run `pip install cmlstream[mic]` "
            "(on Debian `apt-get install portaudio19-dev gcc python3-dev` first), or name a file"
        ) from error
    _silence_c_libraries()
    return pyaudio


def _silence_c_libraries() -> None:
    """Send what C libraries print to nowhere, from here on.

    ALSA, JACK and PortAudio write pages about every device that is not there. All write to C's `stderr`,
    which Python's own sys.stderr does not use; pointing file descriptor 2 elsewhere would silence Python too.
    """
    if platform.libc_ver()[0] != "glibc":
        return  # elsewhere the variable may be read-only
    c_library = ctypes.CDLL(None)
    c_library.fopen.restype = ctypes.c_void_p
    ctypes.c_void_p.in_dll(c_library, "stderr").value = c_library.fopen(b"/dev/null", b"w")
