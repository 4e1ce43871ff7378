"""How well novelty tells noise, music and silence from speech.

`python -m tests.models.novelty CORPORA` prints areas under the ROC curve, in Markdown; 0.9 is asked of the
model that ships. `--music FOLDER` adds recordings of real music to the synthetic, both at the levels of
speech, or loudness alone would give them away. Everything is scored against the model's prior, as when a
stream begins.

There are two ways of cutting: the regions and rolling windows that voice activity lets through, which is what
a stream sees (where it lets nothing through, there is nothing to tell apart), and windows of 3 s cut without.

Shapes: T samples, N windows, F features, S steps of 10 ms.
"""

import argparse
import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from cmlstream.models import archive
from cmlstream.models.archive import Archive
from cmlstream.models.contract import REGION_MINIMUM_SAMPLES, SAMPLE_RATE, Samples
from cmlstream.models.segment import Segmenter
from cmlstream.models.window import RollingWindows, Window
from cmlstream.trainer.invented import music
from cmlstream.trainer.pieces import cut as cut_clip
from cmlstream.trainer.pieces import read_clip
from tests.models.voice_activity import reference
from tests.signals import quiet_noise, silence

WINDOW_SAMPLES = 3 * SAMPLE_RATE
LONGEST_MUSIC_SAMPLES = 100 * SAMPLE_RATE
MUSIC_DBFS = -28.0
EVERY_CLIP = 6
STEP_SAMPLES = SAMPLE_RATE // 100
SPEECH_SHARE = 0.8
"""Of a meeting's window must be speech, by the reference, to count as speech."""

Cut = Callable[[Samples], list[Window]]


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A kind of audio: its windows' novelty, with voice activity and without."""

    name: str
    let_through_N: NDArray[np.float64]
    forced_N: NDArray[np.float64]


def regions(audio_T: Samples) -> list[Window]:
    """What a stream of this audio would give: regions and, once a second, their rolling windows."""
    segmenter = Segmenter()
    segments = segmenter.push(audio_T, 0) + segmenter.flush()
    windows = RollingWindows(WINDOW_SAMPLES, SAMPLE_RATE).push(segments)
    return [window for window in windows if len(window.samples) >= REGION_MINIMUM_SAMPLES]


def forced(audio_T: Samples) -> list[Window]:
    """Windows of 3 s, each by itself."""
    starts = range(0, len(audio_T) - WINDOW_SAMPLES + 1, WINDOW_SAMPLES)
    return [_alone(start, audio_T[start : start + WINDOW_SAMPLES]) for start in starts]


def _alone(start: int, audio_T: Samples) -> Window:
    end = start + len(audio_T)
    return Window(start, start, end, end, audio_T, True, len(audio_T))


def novelty(model: Archive, windows: Sequence[Window]) -> NDArray[np.float64]:
    if not windows:
        return np.empty(0)
    features_NF = np.concatenate(list(model.regions().follow(windows)))
    prior_NF = np.broadcast_to(model.prior.mean_F, features_NF.shape)
    deviation_NF = np.broadcast_to(model.prior.deviation_F, features_NF.shape)
    return np.array([found.novelty for found in model.estimate(features_NF, prior_NF, deviation_NF)])


def kind(model: Archive, name: str, recordings: Sequence[Samples], cut: Cut = regions) -> Kind:
    return Kind(
        name,
        np.concatenate([novelty(model, cut(audio_T)) for audio_T in recordings]),
        np.concatenate([novelty(model, forced(audio_T)) for audio_T in recordings]),
    )


def clips(corpora: Path, corpus: str) -> list[Samples]:
    with (corpora / "manifest.csv").open(newline="") as manifest:
        paths = [corpora / row["path"] for row in csv.DictReader(manifest) if row["corpus"] == corpus]
    return [read_clip(path) for path in paths[::EVERY_CLIP]]


def meetings(model: Archive, corpora: Path) -> Kind:
    """Far-field speech: the windows that are speech by the reference."""
    let_through, cut_anyway = [], []
    for path in sorted((corpora / "meetings").glob("*.flac")):
        audio_T = read_clip(path)
        speech_S = reference(path.with_suffix(".rttm"), len(audio_T) // STEP_SAMPLES)
        let_through.append(novelty(model, regions(audio_T))[spoken(regions(audio_T), speech_S)])
        cut_anyway.append(novelty(model, forced(audio_T))[spoken(forced(audio_T), speech_S)])
    return Kind("meetings", np.concatenate(let_through), np.concatenate(cut_anyway))


def spoken(windows: Sequence[Window], speech_S: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which windows are speech almost throughout, by a reference in steps of 10 ms."""
    shares = [
        speech_S[window.start // STEP_SAMPLES : window.end // STEP_SAMPLES].mean() for window in windows
    ]
    return np.array(shares) > SPEECH_SHARE


def speech(model: Archive, corpora: Path) -> Iterator[Kind]:
    for corpus in ("emovo", "urdu"):
        yield kind(model, corpus, clips(corpora, corpus), cut_clip)
    yield meetings(model, corpora)
    longform = [read_clip(path) for path in sorted((corpora / "longform").glob("*.flac"))]
    yield kind(model, "longform", longform)


def other(model: Archive, corpora: Path, real_music: Path | None) -> Iterator[Kind]:
    noise = [soundfile.read(path, dtype="int16")[0] for path in sorted((corpora / "noise").glob("*.flac"))]
    # The recordings of a place follow each other: in one go voice activity gets used to it, as in a stream.
    yield kind(model, "noise", [np.concatenate(noise)])
    pieces = [music.piece(15.0, seed, MUSIC_DBFS + 4 * (seed % 5 - 2)) for seed in range(24)]
    yield kind(model, "synthetic music", pieces)
    if real_music:
        recordings = [read_clip(path)[:LONGEST_MUSIC_SAMPLES] for path in sorted(real_music.iterdir())]
        levelled = [music.at_level(audio_T.astype(np.float64), MUSIC_DBFS) for audio_T in recordings]
        yield kind(model, "real music", levelled)
    quiet = [quiet_noise(15.0, seed, level_dbfs=level) for seed, level in enumerate((-80, -65, -50))]
    yield kind(model, "silence and quiet noise", [silence(15.0), *quiet])


def auroc(speech_N: NDArray[np.float64], other_N: NDArray[np.float64]) -> str:
    if not len(speech_N) or not len(other_N):
        return "–"
    truth_N = np.r_[np.zeros(len(speech_N)), np.ones(len(other_N))]
    return f"{roc_auc_score(truth_N, np.r_[speech_N, other_N]):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("corpora", type=Path)
    parser.add_argument("--model", type=Path, default=archive.default_path())
    parser.add_argument("--music", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = archive.load(options.model)
    voices = list(speech(model, options.corpora))
    heads = [f"{voice.name} ({len(voice.let_through_N)})" for voice in voices]
    print(f"| AUROC (windows) | {' | '.join(heads)} |")
    print("|---|" + "---|" * len(voices))
    for found in other(model, options.corpora, options.music):
        rows = (
            ("let through", found.let_through_N, [voice.let_through_N for voice in voices]),
            ("3 s", found.forced_N, [voice.forced_N for voice in voices]),
        )
        for way, other_N, speech_N in rows:
            cells = " | ".join(auroc(one_N, other_N) for one_N in speech_N)
            print(f"| {found.name}, {way} ({len(other_N)}) | {cells} |")


if __name__ == "__main__":
    main()
