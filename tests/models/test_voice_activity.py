"""Floors under what the segmenter does on real recordings; `voice_activity.py` prints the figures."""

from pathlib import Path

import pytest

from cmlstream.models.energy import EnergyGateSettings
from cmlstream.models.segment import SegmenterSettings
from tests.models.voice_activity import (
    PADDING_SAMPLES,
    agreement,
    coverage,
    emotional_clips,
    padded,
    read,
)

pytestmark = pytest.mark.corpora

UNGATED = SegmenterSettings(
    gate=EnergyGateSettings(absolute_floor_dbfs=-100, margin_db=0, rise_db_per_s=0, fall_ms=1)
)


@pytest.mark.parametrize(("folds", "least_f1", "least_recall"), [("dev", 0.83, 0.83), ("tst", 0.79, 0.94)])
def test_regions_agree_with_the_reference_of_meetings(
    corpora: Path, folds: str, least_f1: float, least_recall: float
):
    matched = agreement(sorted((corpora / "meetings").glob(f"{folds}*.flac")), SegmenterSettings())
    assert matched.f1 > least_f1
    assert matched.recall > least_recall


def test_the_energy_gate_keeps_noise_out(corpora: Path):
    noises = [read(path) for path in sorted((corpora / "noise").glob("*.flac"))]
    gated, ungated = coverage(noises, SegmenterSettings()), coverage(noises, UNGATED)
    assert gated.share < 0.4
    assert gated.share < 0.75 * ungated.share
    assert gated.without_region >= ungated.without_region + 5


def test_padded_clips_are_found(corpora: Path):
    clips = [path for paths in emotional_clips(corpora, every=40).values() for path in paths]
    found = coverage((padded(read(path)) for path in clips), SegmenterSettings(), 2 * PADDING_SAMPLES)
    assert found.recordings > 100
    assert found.without_region == 0
    assert found.share > 0.7
