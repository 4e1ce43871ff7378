"""Measures the segmenter on real recordings: `python tests/models/voice_activity.py CORPORA`.

Array names carry their shape: T samples, S steps of 10 ms.
"""

import csv
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from cmlstream.models.contract import FRAME_STEP_SAMPLES, SAMPLE_RATE, Samples
from cmlstream.models.segment import RegionEnded, Segmenter, SegmenterSettings

PADDING_SAMPLES = SAMPLE_RATE // 2
PADDING_DBFS = -70


@dataclass(frozen=True, slots=True)
class Agreement:
    """How the detected steps match the reference steps."""

    hits: int
    false_alarms: int
    misses: int

    @property
    def precision(self) -> float:
        return self.hits / max(1, self.hits + self.false_alarms)

    @property
    def recall(self) -> float:
        return self.hits / max(1, self.hits + self.misses)

    @property
    def f1(self) -> float:
        return 2 * self.hits / max(1, 2 * self.hits + self.false_alarms + self.misses)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was found in a set of recordings."""

    recordings: int
    without_region: int
    region_samples: int
    recorded_samples: int

    @property
    def share(self) -> float:
        return self.region_samples / self.recorded_samples


def regions(audio_T: Samples, settings: SegmenterSettings) -> list[RegionEnded]:
    segmenter = Segmenter(settings)
    segments = segmenter.push(audio_T, 0) + segmenter.flush()
    return [segment for segment in segments if isinstance(segment, RegionEnded)]


def read(path: Path) -> Samples:
    audio_T, rate = soundfile.read(path, dtype="int16")
    assert rate == SAMPLE_RATE, path
    return audio_T


def reference(path: Path, steps: int) -> NDArray[np.bool_]:
    """The union of all speakers' segments in an RTTM file."""
    speech_S = np.zeros(steps, np.bool_)
    for line in path.read_text().splitlines():
        start_s, duration_s = map(float, line.split()[3:5])
        speech_S[round(start_s * 100) : round((start_s + duration_s) * 100)] = True
    return speech_S


def detected(audio_T: Samples, settings: SegmenterSettings) -> NDArray[np.bool_]:
    speech_S = np.zeros(len(audio_T) // FRAME_STEP_SAMPLES, np.bool_)
    for region in regions(audio_T, settings):
        speech_S[region.start // FRAME_STEP_SAMPLES : region.end // FRAME_STEP_SAMPLES] = True
    return speech_S


def agreement(meetings: Iterable[Path], settings: SegmenterSettings) -> Agreement:
    hits = false_alarms = misses = 0
    for path in meetings:
        found_S = detected(read(path), settings)
        truth_S = reference(path.with_suffix(".rttm"), len(found_S))
        hits += int(np.count_nonzero(found_S & truth_S))
        false_alarms += int(np.count_nonzero(found_S & ~truth_S))
        misses += int(np.count_nonzero(~found_S & truth_S))
    return Agreement(hits, false_alarms, misses)


def coverage(
    recordings: Iterable[Samples], settings: SegmenterSettings, ignored_samples: int = 0
) -> Coverage:
    """What is found in `recordings`, of whose length `ignored_samples` of padding do not count."""
    count = without = found = total = 0
    for audio_T in recordings:
        lengths = [region.end - region.start for region in regions(audio_T, settings)]
        count, without = count + 1, without + (not lengths)
        found, total = found + sum(lengths), total + len(audio_T) - ignored_samples
    return Coverage(count, without, found, total)


def padded(audio_T: Samples) -> Samples:
    """A clip between quiet noise, as training sees it."""
    random = np.random.default_rng(len(audio_T))
    noise_T = random.standard_normal(2 * PADDING_SAMPLES) * 32_768 * 10 ** (PADDING_DBFS / 20)
    before_T, after_T = np.split(np.round(noise_T).astype(np.int16), 2)
    return np.concatenate([before_T, audio_T, after_T])


def emotional_clips(corpora: Path, every: int = 1) -> dict[str, list[Path]]:
    """Each corpus's clips, or one in `every` of them."""
    clips: dict[str, list[Path]] = {}
    with (corpora / "manifest.csv").open(newline="") as manifest:
        for row in csv.DictReader(manifest):
            if row["emotion"]:
                clips.setdefault(row["corpus"], []).append(corpora / row["path"])
    return {corpus: paths[::every] for corpus, paths in clips.items()}


def report(corpora: Path, settings: SegmenterSettings) -> None:
    for fold in ("trn", "dev", "tst"):
        matched = agreement(sorted((corpora / "meetings").glob(f"{fold}*.flac")), settings)
        print(f"meetings {fold}: F1 {matched.f1:.3f} P {matched.precision:.3f} R {matched.recall:.3f}")
    noise = coverage(map(read, sorted((corpora / "noise").glob("*.flac"))), settings)
    noisy = noise.recordings - noise.without_region
    print(f"noise: regions in {noisy} of {noise.recordings} files, {noise.share:.3f} of time")
    for corpus, paths in emotional_clips(corpora).items():
        clips = coverage((padded(read(path)) for path in paths), settings, 2 * PADDING_SAMPLES)
        missed = f"{clips.without_region} of {clips.recordings} without region"
        print(f"{corpus}: {missed}, {clips.share:.3f} of time")
    audio_T = np.concatenate([read(path) for path in sorted((corpora / "meetings").glob("*.flac"))])
    begun = time.process_time()
    regions(audio_T, settings)
    used_s = time.process_time() - begun
    print(f"cost: {used_s / (len(audio_T) / SAMPLE_RATE) * 1000:.2f} ms of CPU per second of audio")


if __name__ == "__main__":
    report(Path(sys.argv[1]), SegmenterSettings())
