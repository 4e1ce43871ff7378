"""One connection to a piece or stream of media, decoded by PyAV as it comes. Everything here blocks.

Shapes: T frames, C channels.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import av
import av.error
import av.stream
import numpy as np
from av.audio import AudioStream

from cmlstream.models.errors import InputError

from .address import OVER_HTTP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.audio.frame import AudioFrame
    from av.container import InputContainer
    from av.packet import Packet
    from numpy.typing import NDArray

    from .address import MediaAddress
    from .convert import Frames

OPENING_LIMIT_S = 10.0
STALL_LIMIT_S = 10.0
"""Without anything from a stream for so long, its connection is broken."""
HTTP_STALL_LIMIT_S = 30.0
"""A live HLS playlist grows by a segment every few seconds, and a torn download is resumed meanwhile."""
CORRUPT_LIMIT = 100
"""Packets in a row that cannot be decoded; fewer are left out, and missing audio shows in the time stamps."""
SMALLEST_LOSS_S, LARGEST_LOSS_S = 0.008, 60.0
"""Time stamps that jump ahead by less are rounded (some containers count milliseconds; packets of live audio
last longer). By more, or back, the clock was set and says nothing about what is missing."""


class MediaError(InputError):
    """Media that cannot be opened or that broke; `reason` tells why without naming it."""

    def __init__(self, shown: str, reason: str, advice: str) -> None:
        super().__init__(f"{shown} {reason}: {advice}")
        self.reason = reason


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """Some audio, after `lost_s` seconds that are missing in the stream."""

    frames_TC: Frames
    rate: int
    """Hz."""
    lost_s: float


class Decoder:
    """The audio of an opened container.

    `is_live` is media without an end in sight: neither its duration nor its size is known. That of an HLS
    playlist says nothing.
    """

    def __init__(self, container: InputContainer, stream: AudioStream, shown: str) -> None:
        self.is_live = container.duration is None and (container.format.name == "hls" or container.size <= 0)
        self._container = container
        self._stream = stream
        self._shown = shown
        self._expected_s: float | None = None
        self._corrupt = 0

    def decoded(self) -> Iterator[Decoded]:
        """Yield the audio until it ends; raises MediaError where it breaks off, stalls or is corrupt."""
        try:
            for packet in self._container.demux(self._stream):
                for frame in self._decode(packet):
                    yield Decoded(frames_of(frame), frame.rate, self._lost_s(frame))
        except av.FFmpegError as error:
            raise MediaError(
                self._shown, f"breaks off ({_reason(error)})", "check the connection, or give an intact copy"
            ) from error

    def close(self) -> None:
        """Let go of the connection or file."""
        self._container.close()

    def _decode(self, packet: Packet[AudioStream]) -> list[AudioFrame]:
        try:
            frames = self._stream.decode(packet)
        except av.InvalidDataError:
            self._corrupt += 1
            if self._corrupt >= CORRUPT_LIMIT:
                raise
            return []
        self._corrupt = 0
        return frames

    def _lost_s(self, frame: AudioFrame) -> float:
        """Return by how much a frame comes later than its predecessor ended."""
        begin_s = frame.time
        if begin_s is None:
            return 0.0
        lost_s = 0.0 if self._expected_s is None else begin_s - self._expected_s
        self._expected_s = begin_s + frame.samples / frame.rate
        return lost_s if SMALLEST_LOSS_S <= lost_s <= LARGEST_LOSS_S else 0.0


def open_decoder(address: MediaAddress) -> Decoder:
    """Connect, and find out what is played; raises MediaError where nothing can be heard there in time."""
    try:
        container = av.open(
            address.url,
            options=address.options,
            timeout=(OPENING_LIMIT_S, HTTP_STALL_LIMIT_S if address.scheme in OVER_HTTP else STALL_LIMIT_S),
            metadata_errors="replace",
        )
    except av.ProtocolNotFoundError as error:
        raise MediaError(
            address.shown,
            "cannot be opened (this build of PyAV lacks the protocol)",
            "have it sent another way, such as rtsp or http, or build PyAV with an FFmpeg that has it",
        ) from error
    except av.FFmpegError as error:
        raise MediaError(
            address.shown,
            f"cannot be opened ({_reason(error)})",
            "check the address, and that audio is sent there",
        ) from error
    return Decoder(container, _audio_of(container, address.shown), address.shown)


def frames_of(frame: AudioFrame) -> Frames:
    """Return a frame's samples, whatever their format: int16 as they are, others with full scale at 1."""
    samples: NDArray[Any] = frame.to_ndarray()
    frames_TC = samples.T if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels)
    match frames_TC.dtype.type:
        case np.int16:
            return frames_TC
        case np.uint8:
            frames_TC = (frames_TC - 128.0) / 128
        case np.int32:
            frames_TC = frames_TC / 2.0**31
    return frames_TC.astype(np.float32)


def _audio_of(container: InputContainer, shown: str) -> AudioStream:
    """Return the stream to listen to, and let those beside it neither be fetched nor parsed."""
    chosen = container.streams.best("audio")
    if not isinstance(chosen, AudioStream) or chosen.codec_context is None:
        container.close()
        raise MediaError(shown, "holds no audio that can be decoded", "name another source")
    for stream in container.streams:
        if stream.index != chosen.index:
            stream.discard = av.stream.Discard.all
    return chosen


def _reason(error: av.FFmpegError) -> str:
    """Say what went wrong; the library's own sentence would repeat the URL, with its password."""
    if isinstance(error, av.error.ExitError):
        return "nothing comes"
    if isinstance(error, av.InvalidDataError):
        return "no audio is found in what comes"
    if error.errno == errno.EIO:
        return "the connection fails; a wrong name or a certificate that is not trusted looks the same"
    return str(error.strerror)
