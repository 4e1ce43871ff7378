"""A small corpus made for the tests: invented speakers, whose moods only change pitch, level and tempo."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from cmlstream.models.contract import EMOTIONS, SAMPLE_RATE
from cmlstream.models.egemaps import FEATURE_NAMES
from cmlstream.trainer.manifest import Clip
from cmlstream.trainer.pieces import Pieces
from cmlstream.trainer.table import FeatureTable, stack
from tests.signals import speech_like

COLUMNS = (
    *("path", "corpus", "language", "role", "speaker", "sex", "text"),
    *("emotion", "activation", "valence", "duration_s"),
)


@dataclass(frozen=True)
class Manner:
    pitch: float
    level_dbfs: float
    syllables_per_s: float


MANNERS = {
    "anger": Manner(1.3, -14.0, 6.0),
    "happiness": Manner(1.6, -18.0, 5.0),
    "neutral": Manner(1.0, -22.0, 4.0),
    "sadness": Manner(0.8, -28.0, 2.5),
}


def write_manifest(folder: Path, rows: list[dict[str, object]], columns: tuple[str, ...] = COLUMNS) -> Path:
    path = folder / "manifest.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="raise")
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_corpus(folder: Path, speakers: int = 6, takes: int = 2, duration_s: float = 1.2) -> Path:
    """Every speaker in every manner, on disk; the last two speakers are of the role `transfer`."""
    rows: list[dict[str, object]] = []
    for speaker in range(speakers):
        transfer = speaker >= speakers - 2
        for number, (emotion, manner) in enumerate(MANNERS.items()):
            for take in range(takes):
                seed = 1000 * speaker + 10 * number + take
                voice_T = speech_like(
                    duration_s,
                    seed,
                    level_dbfs=manner.level_dbfs - speaker % 3,
                    pitch_hz=manner.pitch * (100 + 15 * speaker),
                    syllables_per_s=manner.syllables_per_s,
                )
                name = f"{speaker}-{emotion}-{take}.flac"
                soundfile.write(folder / name, voice_T, SAMPLE_RATE, subtype="PCM_16")
                row = dict.fromkeys(COLUMNS, "")
                row |= {"path": name, "speaker": f"s{speaker}", "emotion": emotion, "language": "xx"}
                row |= {
                    "corpus": "elsewhere" if transfer else "here",
                    "role": "transfer" if transfer else "source",
                }
                rows.append(row)
    return write_manifest(folder, rows)


def clip(
    speaker: str = "s0",
    emotion: str = "neutral",
    corpus: str = "here",
    activation: float = float("nan"),
    valence: float = float("nan"),
    sex: str = "f",
) -> Clip:
    return Clip(Path("none.flac"), corpus, "xx", "source", speaker, sex, emotion, activation, valence)


def invented_table(speakers: int = 6, takes: int = 5, seed: int = 0) -> FeatureTable:
    """Features drawn at random around a place for each emotion and an offset for each speaker."""
    generator = np.random.default_rng(seed)
    places_EF = 1.5 * generator.normal(size=(len(EMOTIONS), len(FEATURE_NAMES)))
    clips, pieces = [], []
    for speaker in range(speakers):
        offset_F = generator.normal(size=len(FEATURE_NAMES))
        for number, emotion in enumerate(EMOTIONS):
            for _ in range(takes):
                clips.append(clip(f"s{speaker}", emotion, f"corpus{speaker % 2}"))
                features_NF = places_EF[number] + offset_F + generator.normal(size=(3, len(FEATURE_NAMES)))
                whole_N = np.array([False, False, True])
                pieces.append(Pieces(features_NF.astype(np.float32), np.array([0.9, 1.8, 2.0]), whole_N))
    return stack(clips, pieces)
