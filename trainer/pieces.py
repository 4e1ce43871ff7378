"""One clip to its pieces of speech and their features, cut and computed as the live stream does it.

Shapes: T samples, C channels, N pieces, F features.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
from numpy.typing import NDArray

from cmlstream.models.archive import script
from cmlstream.models.contract import FULL_SCALE, REGION_MINIMUM_SAMPLES, SAMPLE_RATE, Samples
from cmlstream.models.egemaps import FrontEnd
from cmlstream.models.errors import InputError
from cmlstream.models.regions import RegionFeatures
from cmlstream.models.segment import Segmenter
from cmlstream.models.window import RollingWindows, Window

PADDING_SAMPLES = SAMPLE_RATE // 2
PADDING_DEVIATION = 3.0
"""int16 steps: about -81 dB below full scale, as quiet as a quiet room through a good microphone."""

WINDOW_SAMPLES = 3 * SAMPLE_RATE
WINDOW_HOP_SAMPLES = SAMPLE_RATE
"""The stream's windows, but one a second: those between differ too little to be worth their computing."""


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """What one clip gave: its regions of speech and, each before its region, their rolling windows."""

    features_NF: NDArray[np.float32]
    speech_s_N: NDArray[np.float64]
    whole_N: NDArray[np.bool_]
    """True for a whole region, False for a rolling window inside one."""


def read_clip(path: Path) -> Samples:
    """A recording as 16 kHz mono int16, with clipping; channels are averaged.

    Raises:
        InputError: the file cannot be read or holds no audio.

    """
    try:
        waveform_TC, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise InputError(f"{path} cannot be read as audio ({error}).") from error
    if not len(waveform_TC):
        raise InputError(f"{path} holds no audio.")
    waveform_T = soxr.resample(waveform_TC.mean(1), rate, SAMPLE_RATE)
    steps_T = np.nan_to_num(waveform_T) * FULL_SCALE
    samples_T: Samples = np.rint(steps_T).clip(-32_768, 32_767).astype(np.int16)
    return samples_T


def cut(samples_T: Samples) -> list[Window]:
    """Regions and rolling windows of a clip, as a stream would cut it out of the quiet around it."""
    noise_T = np.random.default_rng(0).normal(0, PADDING_DEVIATION, 2 * PADDING_SAMPLES)
    before_T, after_T = np.split(np.rint(noise_T).astype(np.int16), 2)
    segmenter = Segmenter()
    segments = segmenter.push(np.concatenate([before_T, samples_T, after_T]), 0) + segmenter.flush()
    windows = RollingWindows(WINDOW_SAMPLES, WINDOW_HOP_SAMPLES).push(segments)
    return [piece for piece in windows if len(piece.samples) >= REGION_MINIMUM_SAMPLES]


def pieces_of(samples_T: Samples) -> Pieces | None:
    """The features of a clip's regions and windows; None where no region of half a second is found."""
    windows = cut(samples_T)
    if not windows:
        return None
    return Pieces(
        features_NF=np.concatenate(list(RegionFeatures(front_end()).follow(windows))),
        speech_s_N=np.array([piece.speech_samples / SAMPLE_RATE for piece in windows]),
        whole_N=np.array([piece.final for piece in windows]),
    )


@cache
def front_end() -> torch.jit.ScriptModule:
    """The front end as an archive holds it, scripted once a process."""
    return script(FrontEnd())
