"""Streams: the front end fed bit by bit, any number of streams at a time.

Dimensions: S streams, B rows of a call, T samples, D columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .framing import check_lengths
from .state import StreamState, of_tensors, tensors

if TYPE_CHECKING:
    from .frontend import FrontEnd
    from .functionals import Descriptors


class Streams:
    """The descriptors of up to S streams, each computed once and for all.

    `front_end` may be scripted or loaded from an archive; `streams` is S. What `push` returns is final: but
    for rounding it does not depend on how the samples were cut, nor on which streams came together. A 60 ms
    frame comes out when the search for the pitch has decided it, nearly always 10 to 50 ms after its last
    sample, at the latest 390 ms; `flush` brings out the rest. Functionals of any stretch of frames are
    `front_end.functionals(...)` of that stretch, zeros where it holds no 60 ms frame. Make streams and push
    them in the same autograd mode; nothing is differentiated.

    >>> import torch
    >>> from cmlstream.models.egemaps import FrontEnd, Streams
    >>> streams = Streams(FrontEnd(), 3)
    >>> noise_BT = 0.1 * torch.randn(2, 8000, generator=torch.Generator().manual_seed(1))
    >>> first = streams.push(torch.tensor([0, 2]), noise_BT, torch.tensor([8000, 3000]))
    >>> first.short_B, first.long_B, streams.undecided(torch.tensor([0, 2]))
    (tensor([49, 17]), tensor([44, 12]), tensor([1, 1]))
    >>> rest = streams.flush(torch.tensor([2]))
    >>> rest.long_B
    tensor([1])
    """

    def __init__(self, front_end: FrontEnd | torch.jit.ScriptModule, streams: int) -> None:
        self._front_end = front_end
        self._state: StreamState = front_end.begin(streams)

    @property
    def number(self) -> int:
        """S."""
        return len(self._state.held_B)

    @property
    def device(self) -> torch.device:
        """Where the front end, the state and all that is pushed belong."""
        return self._state.held_B.device

    @property
    def bytes_per_stream(self) -> int:
        """Memory that a stream takes, whatever it has heard."""
        return sum(tensor[0].numel() * tensor.element_size() for tensor in tensors(self._state))

    def grow(self, streams: int) -> None:
        """Make room for so many streams more, behind the others."""
        parts = zip(tensors(self._state), tensors(self._front_end.begin(streams)), strict=True)
        self._state = of_tensors([torch.cat(both) for both in parts])

    def push(
        self, stream_B: Tensor, waveform_BT: Tensor, lengths_B: Tensor, ends_B: Tensor | None = None
    ) -> Descriptors:
        """Take in `lengths_B` samples in [-1, 1) of each named stream and return the frames they decide.

        Where `ends_B` holds, the stream is flushed: all its frames come out and it begins anew. Raises
        ValueError for a stream named twice, or for lengths that the padded waveforms do not have.
        """
        check_lengths(waveform_BT, lengths_B)
        self._check_streams(stream_B, lengths_B)
        if ends_B is None:
            ends_B = torch.zeros_like(stream_B, dtype=torch.bool)
        with torch.no_grad():
            descriptors: Descriptors = self._front_end.push(
                self._state, stream_B, waveform_BT, lengths_B, ends_B
            )
        return descriptors

    def _check_streams(self, stream_B: Tensor, lengths_B: Tensor) -> None:
        if stream_B.shape != lengths_B.shape:
            raise ValueError(f"{len(stream_B)} streams are named and {len(lengths_B)} lengths: give one each")
        if len(stream_B.unique()) < len(stream_B):
            raise ValueError("a stream is named twice in one call: put its samples together")
        if bool(((stream_B < 0) | (stream_B >= self.number)).any()):
            raise ValueError(f"streams are numbered from 0 to {self.number - 1}")

    def flush(self, stream_B: Tensor) -> Descriptors:
        """End these streams: return their last frames. They begin anew."""
        nothing_BT = torch.zeros([stream_B.shape[0], 0], device=stream_B.device)
        none_B = torch.zeros_like(stream_B)
        return self.push(stream_B, nothing_BT, none_B, torch.ones_like(stream_B, dtype=torch.bool))

    def reset(self, stream_B: Tensor) -> None:
        """Forget these streams, open frames included."""
        self._front_end.reset(self._state, stream_B)

    def undecided(self, stream_B: Tensor) -> Tensor:
        """How many 60 ms frames of each stream are heard and not decided."""
        return self._state.path.open_B.index_select(0, stream_B)
