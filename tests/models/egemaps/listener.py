"""A listener that checks every stream it hears against the same samples heard as a whole."""

from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from cmlstream.models.egemaps import Descriptors, FrontEnd, Streams
from tests.models.egemaps.waveforms import pad

HOP_SAMPLES = 160
LONG_SAMPLES = 960
LONGEST_DELAY_FRAMES = 39
MOST_BYTES = 40_000


def numbers(streams: list[int]) -> Tensor:
    return torch.tensor(streams, dtype=torch.int64)


def row_of(descriptors: Descriptors, row: int) -> Descriptors:
    """The frames of one row, copied."""
    short, long = int(descriptors.short_B[row]), int(descriptors.long_B[row])
    tables = (
        descriptors.spectral_BTD[row : row + 1, :short],
        descriptors.power_BT[row : row + 1, :short],
        descriptors.frequency_BU[row : row + 1, :long],
        descriptors.voice_BUD[row : row + 1, :long],
    )
    counts = (descriptors.short_B, descriptors.long_B, descriptors.decided_B)
    return Descriptors(*[table.clone() for table in tables], *[count[row : row + 1] for count in counts])


def chained(pieces: list[Descriptors]) -> Descriptors:
    """Pieces of one stream, one behind the other."""
    tables = [torch.cat(parts, 1) for parts in list(zip(*pieces, strict=True))[:4]]
    counts = [torch.stack(parts).sum(0) for parts in list(zip(*pieces, strict=True))[4:]]
    return Descriptors(*tables, *counts)


def assert_equal(found: Descriptors, expected: Descriptors) -> None:
    """Counts are equal, values but for the rounding of sums that were added up in another order."""
    for name in ("short_B", "long_B", "decided_B"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist(), name
    for name in ("spectral_BTD", "power_BT", "frequency_BU", "voice_BUD"):
        tables = getattr(found, name), getattr(expected, name)
        torch.testing.assert_close(*tables, rtol=1e-6, atol=1e-9, msg=partial("{}: {}".format, name))


@dataclass
class Heard:
    """Of one stream since it began: its samples, and the frames that came out."""

    waveforms: list[Tensor] = field(default_factory=list)
    pieces: list[Descriptors] = field(default_factory=list)

    @property
    def samples(self) -> int:
        return sum(map(len, self.waveforms))

    @property
    def decided(self) -> int:
        return sum(int(piece.decided_B) for piece in self.pieces)


class Listener:
    """Streams of a front end, which may be scripted, under the eyes of one that is not."""

    def __init__(self, front_end: FrontEnd | torch.jit.ScriptModule, streams: int, whole: FrontEnd) -> None:
        self.streams = Streams(front_end, streams)
        self.whole = whole
        self.heard = [Heard() for _ in range(streams)]
        self._bytes = self.streams.bytes_per_stream
        self._returned: list[tuple[Descriptors, Descriptors]] = []

    def grow(self, streams: int) -> None:
        self.streams.grow(streams)
        self.heard += [Heard() for _ in range(streams)]
        assert self.streams.number == len(self.heard)
        self._check_state()

    def push(self, streams: list[int], waveforms: list[Tensor], ends: list[bool] | None = None) -> None:
        """Push some streams on; what is behind the lengths is loud, and must not be read."""
        ends = ends or [False] * len(streams)
        waveform_BT, lengths_B = pad(waveforms, 0.7)
        ends_B = torch.tensor(ends, dtype=torch.bool)
        new = self.streams.push(numbers(streams), waveform_BT, lengths_B, ends_B)
        self._take(streams, waveforms, ends, new)

    def flush(self, streams: list[int]) -> None:
        nothing = [torch.zeros(0)] * len(streams)
        self._take(streams, nothing, [True] * len(streams), self.streams.flush(numbers(streams)))

    def reset(self, streams: list[int]) -> None:
        for stream in streams:
            self._check_going(stream)
            self.heard[stream] = Heard()
        self.streams.reset(numbers(streams))
        self._check_state()

    def check(self) -> None:
        """Check the streams that are going on, and that what was returned earlier is what it was."""
        for stream in range(len(self.heard)):
            self._check_going(stream)
        for returned, copy in self._returned:
            assert all(torch.equal(*pair) for pair in zip(returned, copy, strict=True))

    def _take(self, streams: list[int], waveforms: list[Tensor], ends: list[bool], new: Descriptors) -> None:
        self._returned.append((new, Descriptors(*[field.clone() for field in new])))
        for row, (stream, waveform, end) in enumerate(zip(streams, waveforms, ends, strict=True)):
            heard, piece = self.heard[stream], row_of(new, row)
            heard.waveforms.append(waveform)
            heard.pieces.append(piece)
            if end:
                self._check_ended(heard)
                self.heard[stream] = Heard()
            else:
                assert int(piece.long_B) == int(piece.decided_B)
        self._check_state()

    def _check_state(self) -> None:
        everyone = torch.arange(len(self.heard))
        for heard, undecided in zip(self.heard, self.streams.undecided(everyone).tolist(), strict=True):
            frames = max(0, (heard.samples - LONG_SAMPLES) // HOP_SAMPLES + 1)
            assert heard.decided + undecided == frames
            assert undecided <= LONGEST_DELAY_FRAMES
        assert self.streams.bytes_per_stream == self._bytes < MOST_BYTES

    def _check_ended(self, heard: Heard) -> None:
        batch, found = pad([torch.cat(heard.waveforms)]), chained(heard.pieces)
        assert_equal(found, self.whole.descriptors(*batch))
        torch.testing.assert_close(self.whole.functionals(found), self.whole(*batch), rtol=1e-5, atol=1e-6)

    def _check_going(self, stream: int) -> None:
        """All frames that the pitch paths agree on have come out, and no other."""
        heard = self.heard[stream]
        if heard.waveforms:
            so_far = self.whole.descriptors(*pad([torch.cat(heard.waveforms)]))
            assert_equal(chained(heard.pieces), row_of(so_far._replace(long_B=so_far.decided_B), 0))
