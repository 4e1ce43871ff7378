"""What our model costs beside a speech transformer: weights, multiply-adds and processor time, in one run.

`python tests/models/cost.py` prints a table in Markdown. The transformer is torchaudio's `wav2vec2_base`, on
which published models of speech affect are built; its weights are random, for only its cost counts. Both hear
3 s on one thread. A live stream wants an estimate every 250 ms: ours hears the 250 ms that are new, the
transformer hears the 3 s anew. Processor time, so that other work on the machine counts little.

Multiply-adds are those of matrix products, convolutions and Fourier transforms; what goes element by element
is left out on both sides.

Shapes: B batch, T samples, F features.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import log2
from statistics import fmean, median

import numpy as np
import torch
import torchaudio
from torch.utils.flop_counter import FlopCounterMode

from cmlstream.models import archive
from cmlstream.models.contract import SAMPLE_RATE, Samples
from cmlstream.models.inference import inference
from cmlstream.models.regions import Region, RegionFeatures
from cmlstream.models.window import Window
from cmlstream.stream.sources.file import read_whole
from cmlstream.stream.sources.open import SAMPLE_PATH

WINDOW_SAMPLES = 3 * SAMPLE_RATE
HOP_SAMPLES = SAMPLE_RATE // 4
UPDATES = 40
REPEATS = 15
TRANSFORMER_REPEATS = 3

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one part takes; `parameters` are learned weights."""

    name: str
    parameters: int
    multiply_adds: float
    milliseconds: float

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.name,
            self.parameters + other.parameters,
            self.multiply_adds + other.multiply_adds,
            self.milliseconds + other.milliseconds,
        )


def to_spectrum(real: torch.Size, dimensions: list[int], *_: object, **__: object) -> int:
    """A radix-2 transform of n real points: half of the 5 n log2(n) operations of a complex one."""
    return round(2.5 * real.numel() * log2(real[dimensions[-1]]))


def from_spectrum(*_: object, out_shape: torch.Size, **__: object) -> int:
    """The same way back; all of ours are along the last dimension."""
    return to_spectrum(out_shape, [-1])


FOURIER = {torch.ops.aten._fft_r2c: to_spectrum, torch.ops.aten._fft_c2r: from_spectrum}


def multiply_adds(work: Work) -> float:
    """Of one call: half of its floating-point operations."""
    # Not in inference mode: there the counter and the transformer's normed weights do not get on.
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=FOURIER) as counter:
        work()
    return counter.get_total_flops() / 2


def processor_ms(work: Work) -> float:
    began = time.process_time()
    with inference():
        work()
    return 1000 * (time.process_time() - began)


def weights(*modules: torch.nn.Module) -> int:
    return sum(weight.numel() for module in modules for weight in module.parameters())


def speech(samples: int) -> Samples:
    """The recording that ships, over and over."""
    return np.resize(read_whole(SAMPLE_PATH), samples)


class LiveStream:
    """A stream in the middle of a region: each call hears 250 ms and gives the features of the last 3 s."""

    def __init__(self, front_end: torch.jit.ScriptModule) -> None:
        self._follower = RegionFeatures(front_end)
        self._region: Region = self._follower.begin(0)
        self._audio_T = speech(WINDOW_SAMPLES + (UPDATES + 2) * HOP_SAMPLES)
        self._end = WINDOW_SAMPLES - HOP_SAMPLES
        self.update()  # the first call hears nearly three seconds

    def update(self) -> None:
        self._end += HOP_SAMPLES
        end = self._end
        window = Window(0, end - WINDOW_SAMPLES, end, end, self._audio_T[:end], False, end)
        self._follower.hear([self._region], [window])
        self._follower.features([self._region], [window])


def ours(model: torch.jit.ScriptModule) -> Iterator[Cost]:
    """An update's front end, a window's front end, and what stands behind either."""
    stream = LiveStream(model.front_end)
    update = multiply_adds(stream.update)
    time_ms = fmean(
        processor_ms(stream.update) for _ in range(UPDATES)
    )  # a call's work depends on what is said
    yield Cost("front end, 250 ms more", weights(model.front_end), update, time_ms)

    waveform_BT = torch.from_numpy(speech(WINDOW_SAMPLES).astype(np.float32) / 32_768)[None]
    lengths_B = torch.tensor([WINDOW_SAMPLES])
    yield cost("front end, 3 s anew", lambda: model.features(waveform_BT, lengths_B), model.front_end)

    mean_BF, deviation_BF = model.mean_F[None], model.deviation_F[None]
    features_BF = mean_BF + deviation_BF
    behind = weights(model) - weights(model.front_end)
    yield cost(
        "encoder and heads", lambda: model.estimate(features_BF, mean_BF, deviation_BF), parameters=behind
    )


def transformer() -> Cost:
    model = torchaudio.models.wav2vec2_base().eval()
    waveform_BT = torch.from_numpy(speech(WINDOW_SAMPLES).astype(np.float32) / 32_768)[None]
    return cost("wav2vec2_base", lambda: model(waveform_BT), model, repeats=TRANSFORMER_REPEATS)


def cost(
    name: str, work: Work, *modules: torch.nn.Module, parameters: int | None = None, repeats: int = REPEATS
) -> Cost:
    counted = multiply_adds(work)  # also the call that warms up
    time_ms = median(processor_ms(work) for _ in range(repeats))
    return Cost(name, weights(*modules) if parameters is None else parameters, counted, time_ms)


def row(found: Cost) -> str:
    millions = found.multiply_adds / 1e6
    return f"| {found.name} | {found.parameters:,} | {millions:,.2f} | {found.milliseconds:,.2f} |"


def ratio(name: str, large: Cost, small: Cost) -> str:
    factors = (
        large.parameters / small.parameters,
        large.multiply_adds / small.multiply_adds,
        large.milliseconds / small.milliseconds,
    )
    return "| " + " | ".join([name, *(f"{factor:,.0f} x" for factor in factors)]) + " |"


def main() -> None:
    torch.set_num_threads(1)
    update, window, behind = ours(archive.load(archive.default_path()).script)
    reference = transformer()
    print("| on one thread | weights | multiply-adds, millions | processor ms |\n|---|---|---|---|")
    for found in (update, window, behind, reference):
        print(row(found))
    print(ratio("the transformer beside our update", reference, update + behind))
    print(ratio("the transformer beside our whole window", reference, window + behind))


if __name__ == "__main__":
    main()
