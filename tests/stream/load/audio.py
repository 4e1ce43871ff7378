"""What the load says: speech without its pauses, back to back or with those of a conversation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from cmlstream.models.contract import SAMPLE_RATE, Samples
from cmlstream.models.window import cut
from cmlstream.stream.sources.base import CHUNK_SAMPLES
from cmlstream.stream.sources.file import read_whole
from cmlstream.stream.sources.open import SAMPLE_PATH

CORPORA = Path(__file__).parents[4] / "shared" / "corpora"
TURN_S = 4.0
"""Speech of one turn of a conversation, about; then the other side speaks."""
LOOP_S = 60.0
NOISE_AMPLITUDE = 8
"""Of int16: a quiet room, where digital silence would be cheaper than life."""


def clips() -> list[Samples]:
    """Regions of speech of several speakers where the corpora are there, else of the sample that ships."""
    paths = sorted(CORPORA.glob("ravdess/**/*.flac"))[::20] + sorted(CORPORA.glob("emodb/**/*.flac"))[::10]
    recorded = [soundfile.read(path, dtype="int16")[0] for path in paths] or [read_whole(SAMPLE_PATH)]
    return [region.samples for recording_T in recorded for region in cut(recording_T)]


def loops(count: int, speech_share: float) -> list[Samples]:
    """So many different minutes, of which `speech_share` is clips and the rest is a quiet room."""
    random = np.random.default_rng(0)
    recorded = clips()
    return [_minute(recorded, speech_share, random) for _ in range(count)]


def _minute(recorded: list[Samples], speech_share: float, random: np.random.Generator) -> Samples:
    pieces: list[Samples] = []
    length = 0
    while length < LOOP_S * SAMPLE_RATE:
        turn_T = _turn(recorded, random)
        pause = round(len(turn_T) * (1 / speech_share - 1))
        room_T = random.integers(-NOISE_AMPLITUDE, NOISE_AMPLITUDE + 1, pause).astype(np.int16)
        pieces += [turn_T, room_T]
        length += len(turn_T) + pause
    minute_T = np.concatenate(pieces)[: round(LOOP_S * SAMPLE_RATE) // CHUNK_SAMPLES * CHUNK_SAMPLES]
    return np.roll(minute_T, int(random.integers(len(minute_T))) // CHUNK_SAMPLES * CHUNK_SAMPLES)


def _turn(recorded: list[Samples], random: np.random.Generator) -> Samples:
    pieces: list[Samples] = []
    while sum(map(len, pieces)) < TURN_S * SAMPLE_RATE:
        pieces.append(recorded[int(random.integers(len(recorded)))])
    return np.concatenate(pieces)
