"""Processor time of the front end beside openSMILE's: same audio, same run, one thread each.

`python tests/models/egemaps/speed.py` prints a table in Markdown. The audio is the speech of the corpora,
pauses cut out, or of the sample that ships where they are absent. Live streams get 250 ms a call and want the
functionals of the last 3 s; openSMILE, which has no such form, computes the 3 s anew. Processor time, so that
other work on the machine counts little; means, for a call's work depends on what is said.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean, median

import numpy as np
import opensmile
import soundfile
import torch
from numpy.typing import NDArray

from cmlstream.models.archive import script
from cmlstream.models.contract import FULL_SCALE, SAMPLE_RATE, Samples
from cmlstream.models.egemaps import FrontEnd, Streams
from cmlstream.models.inference import inference
from cmlstream.models.regions import RegionFeatures
from cmlstream.models.window import Window, cut
from cmlstream.stream.sources.file import read_whole
from cmlstream.stream.sources.open import SAMPLE_PATH

CORPORA = Path(__file__).parents[4] / "shared" / "corpora"
WINDOW_SAMPLES = 3 * SAMPLE_RATE
HOP_SAMPLES = SAMPLE_RATE // 4
LIVE_SAMPLES = 12 * SAMPLE_RATE
LONGEST_REGION_S = 20
BATCH_SIZES = (1, 2, 4, 8, 16, 32)
FIRST_CALL = """
import sys, time, torch
torch.set_num_threads(1)
start = time.perf_counter()
front_end = torch.jit.load(sys.argv[1])
with torch.inference_mode(), torch.jit.optimized_execution(False):
    for rows in map(int, sys.argv[2:]):
        waveform_BT = 0.1 * torch.randn(rows, 16000)
        lengths_B, ends_B = torch.full((rows,), 16000), torch.zeros(rows, dtype=torch.bool)
        state, descriptors = front_end.advance(front_end.begin(rows), waveform_BT, lengths_B, ends_B)
        front_end.functionals(descriptors)
        print(time.perf_counter() - start)
"""


def clips() -> list[Samples]:
    """Recordings of several speakers, 16 kHz int16."""
    paths = sorted(CORPORA.glob("ravdess/**/*.flac"))[::30] + sorted(CORPORA.glob("emodb/**/*.flac"))[::15]
    if not paths:
        return [read_whole(SAMPLE_PATH)]
    return [soundfile.read(path, dtype="int16")[0] for path in paths]


def speech(recordings: list[Samples]) -> Samples:
    """Their regions of speech, one after the other."""
    return np.concatenate([region.samples for clip_T in recordings for region in cut(clip_T)])


def live_windows(speech_T: Samples, stream: int) -> list[Window]:
    """What one stream asks for: a window every 250 ms of a region that goes on."""
    audio_T = np.roll(speech_T, -stream * 7919)[:LIVE_SAMPLES]
    ends = range(WINDOW_SAMPLES, LIVE_SAMPLES + 1, HOP_SAMPLES)
    return [Window(0, end - WINDOW_SAMPLES, end, end, audio_T[:end], False, end) for end in ends]


def live_ms(front_end: torch.jit.ScriptModule, speech_T: Samples, streams: int) -> list[float]:
    """Milliseconds per stream and hop, of every hop."""
    follower = RegionFeatures(front_end)
    regions = [follower.begin(0) for _ in range(streams)]
    times_ms = []
    for windows in zip(*(live_windows(speech_T, stream) for stream in range(streams)), strict=True):
        began = time.process_time()
        follower.hear(regions, windows)
        follower.features(regions, windows)
        times_ms.append(1000 * (time.process_time() - began) / streams)
    return times_ms[1:]  # the first call hears three seconds


def reference_ms(reference: opensmile.Smile, speech_T: Samples, stream: int) -> list[float]:
    """Milliseconds that openSMILE takes for the same windows."""
    windows = live_windows(speech_T, stream)[1:]
    arrays = [window.samples.astype(np.float32) / FULL_SCALE for window in windows]
    return [
        processor_ms(lambda array=array: reference.process_signal(array, SAMPLE_RATE)) for array in arrays
    ]


def processor_ms(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return 1000 * (time.process_time() - began)


def whole_files_ms(front_end: torch.jit.ScriptModule, waveforms: list[NDArray[np.float32]]) -> float:
    """Milliseconds for all files in batches of 16 of similar length."""
    ordered = sorted((torch.from_numpy(waveform) for waveform in waveforms), key=len)
    batches = [ordered[first : first + 16] for first in range(0, len(ordered), 16)]

    @inference()
    def work() -> None:
        for batch in batches:
            padded_BT = torch.nn.utils.rnn.pad_sequence(batch, batch_first=True)
            front_end(padded_BT, torch.tensor([len(waveform) for waveform in batch]))

    return processor_ms(work)


def first_calls_s(front_end: torch.jit.ScriptModule) -> float:
    """Seconds, in a fresh process, from loading to the end of the first call of every serving batch size."""
    with tempfile.TemporaryDirectory() as folder:
        module = Path(folder) / "front_end.pt"
        front_end.save(str(module))
        command = [sys.executable, "-W", "ignore", "-c", FIRST_CALL, str(module), *map(str, BATCH_SIZES)]
        finished = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(finished.stdout.split()[-1])


def stream_kilobytes(front_end: torch.jit.ScriptModule) -> tuple[float, float]:
    """State of a stream, and with the descriptors of a region as long as the segmenter lets one grow."""
    state = Streams(front_end, 1).bytes_per_stream
    descriptors = 4 * 26 * 100 * LONGEST_REGION_S
    return state / 1000, (state + descriptors) / 1000


def rows() -> Iterator[tuple[str, float, float]]:
    """Name, ours, openSMILE's; milliseconds."""
    torch.set_num_threads(1)
    reference = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    front_end = script(FrontEnd())
    recordings = clips()
    speech_T = speech(recordings)
    live_ms(front_end, speech_T, 1)
    theirs = fmean(reference_ms(reference, speech_T, 0))
    yield "1 live stream, ms per hop", fmean(live_ms(front_end, speech_T, 1)), theirs
    theirs = fmean(fmean(reference_ms(reference, speech_T, stream)[::12]) for stream in range(32))
    yield "32 live streams, ms per stream and hop", fmean(live_ms(front_end, speech_T, 32)), theirs
    waveforms = [clip_T.astype(np.float32) / FULL_SCALE for clip_T in recordings]
    seconds = sum(map(len, waveforms)) / SAMPLE_RATE
    whole = [whole_files_ms(front_end, waveforms) / seconds for _ in range(3)]
    theirs = fmean(
        processor_ms(lambda one=one: reference.process_signal(one, SAMPLE_RATE)) for one in waveforms
    )
    yield "whole files, ms per second of audio", median(whole), theirs * len(waveforms) / seconds
    yield "first call of every batch size, ms", 1000 * first_calls_s(front_end), float("nan")


def main() -> None:
    print("| | ours | openSMILE | ratio |\n|---|---|---|---|")
    for name, ours, theirs in rows():
        compared = "| |" if np.isnan(theirs) else f"{theirs:.1f} | {theirs / ours:.1f} |"
        print(f"| {name} | {ours:.1f} | {compared}", flush=True)
    state, region = stream_kilobytes(script(FrontEnd()))
    name = f"memory of a live stream, kB (in a region of {LONGEST_REGION_S} s)"
    print(f"| {name} | {state:.0f} ({region:.0f}) | | |")


if __name__ == "__main__":
    main()
