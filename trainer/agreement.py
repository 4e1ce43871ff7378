"""Several ways to the same answers: scripted as eager, streamed as whole.

Shapes: B batch, T samples, F features.
"""

from collections.abc import Mapping
from itertools import accumulate, cycle, takewhile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cmlstream.models.affect import AffectModel, Outputs
from cmlstream.models.contract import Samples
from cmlstream.models.errors import CmlstreamError
from cmlstream.models.inference import inference
from cmlstream.models.regions import RegionFeatures
from cmlstream.models.window import Window

from .reference import batched, reference_audio

TOLERANCE = 1e-4
"""Answers may differ by this and by this share of themselves: by rounding, and by nothing else."""

ODD_SAMPLES = (1, 159, 4001, 161, 997, 2, 7919)
"""Lengths in which a stream is heard, over and over: no frame, hop or window is a multiple of them."""


def check_scripted(model: AffectModel, scripted: torch.jit.ScriptModule) -> None:
    """Hold what a scripted model says of the reference audio against the one that was trained.

    Raises:
        CmlstreamError: an output differs by more than the tolerance.

    """
    waveform_BT, lengths_B = batched(reference_audio())
    with inference():
        eager, found = model(waveform_BT, lengths_B), scripted(waveform_BT, lengths_B)
    check_same("Scripting", eager._asdict(), Outputs(*found)._asdict())


def check_streamed(scripted: torch.jit.ScriptModule) -> None:
    """Hold what a scripted model says of the reference audio heard in odd pieces against all at once.

    Raises:
        CmlstreamError: a feature, or an estimate made of them, differs by more than the tolerance.

    """
    pieces = reference_audio()
    features_BF = torch.from_numpy(np.stack([_streamed(scripted, piece_T) for piece_T in pieces]))
    with inference():
        whole = scripted(*batched(pieces))
        mean_BF, deviation_BF = (row_F.repeat(len(pieces), 1) for row_F in baseline_of(scripted))
        found = scripted.estimate(features_BF, mean_BF, deviation_BF)
    check_same("Streaming", Outputs(*whole)._asdict(), Outputs(*found)._asdict())


def baseline_of(scripted: torch.jit.ScriptModule) -> tuple[Tensor, Tensor]:
    """The mean_F and deviation_F that a model's streams start from."""
    return scripted.mean_F, scripted.deviation_F


def check_same(way: str, expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Refuse answers, by name, that a way of getting them changed by more than the tolerance.

    Raises:
        CmlstreamError: one was changed; the sentence names it and by how much.

    """
    for name, one in expected.items():
        other = found[name]
        if not torch.allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE):
            difference = float((one - other).abs().max())
            raise CmlstreamError(f"{way} changed `{name}` by {difference:.2g}: nothing was written.")


def _streamed(scripted: torch.jit.ScriptModule, piece_T: Samples) -> NDArray[np.float32]:
    """The features_F of a region that is heard bit by bit."""
    follower = RegionFeatures(scripted.front_end)
    region = follower.begin(0)
    cuts = takewhile(lambda end: end < len(piece_T), accumulate(cycle(ODD_SAMPLES)))
    windows = [Window(0, 0, end, end, piece_T[:end], False, end) for end in cuts]
    windows.append(Window(0, 0, len(piece_T), len(piece_T), piece_T, True, len(piece_T)))
    for window in windows:
        follower.hear([region], [window])
    features_F: NDArray[np.float32] = follower.features([region], [windows[-1]])[0]
    return features_F
