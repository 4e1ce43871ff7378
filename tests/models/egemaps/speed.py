"""Processor time of the scripted front end beside openSMILE's, same audio, same run, one thread.

`python tests/models/egemaps/speed.py`; times are medians of processor time, so that other work on the machine
counts little.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import soundfile
import torch

from cmlstream.models.archive import script
from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.egemaps import FrontEnd

CORPORA = Path(__file__).parents[4] / "shared" / "corpora"
WINDOW_SAMPLES = 3 * SAMPLE_RATE
BATCH = 16
FIRST_CALL = """
import sys, time, torch
torch.set_num_threads(1)
start = time.process_time()
front_end = torch.jit.load(sys.argv[1])
batch = torch.load(sys.argv[2]), torch.tensor([48000])
with torch.inference_mode():
    for _ in range(4):
        front_end(*batch)
        print(f"{time.process_time() - start:.2f}", end=" ")
        start = time.process_time()
"""


def windows() -> torch.Tensor:
    """Sixteen windows of 3 s of acted speech, [B, T]."""
    paths = sorted((CORPORA / "ravdess").rglob("*.flac"))[::80]
    waveforms = [soundfile.read(path, dtype="float32")[0] for path in paths]
    middles = [waveform[len(waveform) // 2 - WINDOW_SAMPLES // 2 :] for waveform in waveforms]
    cuts = [middle[:WINDOW_SAMPLES] for middle in middles if len(middle) >= WINDOW_SAMPLES]
    return torch.from_numpy(np.stack(cuts[:BATCH]))


def processor_ms(work: Callable[[], object], repeats: int = 9) -> float:
    """Median milliseconds of `repeats` runs after three to warm up."""
    times = []
    for turn in range(repeats + 3):
        start = time.process_time()
        work()
        if turn >= 3:
            times.append(1000 * (time.process_time() - start))
    return median(times)


def first_calls(front_end: torch.jit.ScriptModule, waveform_BT: torch.Tensor) -> str:
    """Seconds of loading with the first call, and of the next three, in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        module, audio = Path(folder) / "front_end.pt", Path(folder) / "audio.pt"
        front_end.save(str(module))
        torch.save(waveform_BT, audio)
        command = [sys.executable, "-c", FIRST_CALL, str(module), str(audio)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    import opensmile

    torch.set_num_threads(1)
    reference = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    front_end = script(FrontEnd())
    waveform_BT = windows()
    rows = len(waveform_BT)
    lengths_B = torch.full((rows,), WINDOW_SAMPLES)
    with torch.inference_mode():
        single = median(
            processor_ms(lambda row=row: front_end(waveform_BT[row : row + 1], lengths_B[:1]), 5)
            for row in range(0, rows, 3)
        )
        batch = processor_ms(lambda: front_end(waveform_BT, lengths_B), 5) / rows
    arrays = waveform_BT.numpy()
    theirs = median(
        processor_ms(lambda row=row: reference.process_signal(arrays[row], SAMPLE_RATE), 5)
        for row in range(0, rows, 3)
    )
    print(f"3 s window, alone:              {single:7.1f} ms")
    print(f"3 s window, in a batch of {rows}:    {batch:7.1f} ms")
    print(f"3 s window, openSMILE:          {theirs:7.1f} ms")
    print(f"ratio to openSMILE: alone {single / theirs:.2f}, batched {batch / theirs:.2f}")
    print(f"s from loading to the end of calls 1, 2, 3, 4: {first_calls(front_end, waveform_BT[:1])}")


if __name__ == "__main__":
    main()
