import numpy as np
import pytest

from cmlstream.models.contract import SAMPLE_RATE, Samples
from cmlstream.models.energy import SILENCE_DBFS, EnergyGate, EnergyGateSettings, level_dbfs
from tests.signals import quiet_noise, silence

FRAME_SAMPLES = 320


def sine(amplitude: float, offset: int = 0) -> Samples:
    """50 whole periods of 1 kHz."""
    return np.round(amplitude * np.sin(np.pi / 8 * np.arange(800)) + offset).astype(np.int16)


def open_frames(gate: EnergyGate, audio_T: Samples) -> list[bool]:
    return [gate.passes(frame_T) for frame_T in audio_T.reshape(-1, FRAME_SAMPLES)]


def test_level_of_a_sine_is_three_decibels_below_its_peak():
    assert level_dbfs(sine(32_767)) == pytest.approx(-3.01, abs=0.01)
    assert level_dbfs(sine(3_276.7)) == pytest.approx(-23.01, abs=0.01)
    assert level_dbfs(sine(3_276.7, offset=9_000)) == pytest.approx(-23.01, abs=0.01)


def test_silence_has_a_finite_level():
    assert level_dbfs(silence(0.02)) == SILENCE_DBFS


def test_level_does_not_depend_on_memory_layout():
    audio_T = quiet_noise(0.1, level_dbfs=-12)
    assert level_dbfs(audio_T[::2]) == level_dbfs(audio_T[::2].copy())


def test_the_floor_climbs_to_steady_noise_at_its_rate():
    """It starts two margins below the first frame; the gate shuts when one margin is left."""
    gate = EnergyGate(EnergyGateSettings(margin_db=6, rise_db_per_s=3), FRAME_SAMPLES)
    opened = open_frames(gate, quiet_noise(6, level_dbfs=-30))
    shut_s = opened.index(False) * FRAME_SAMPLES / SAMPLE_RATE
    assert shut_s == pytest.approx(6 / 3, abs=0.3)
    assert not any(opened[opened.index(False) + 25 :])


def test_a_dropout_does_not_open_the_gate_to_noise():
    gate = EnergyGate(EnergyGateSettings(), FRAME_SAMPLES)
    open_frames(gate, quiet_noise(6, level_dbfs=-35))
    assert not any(open_frames(gate, silence(0.02)))
    assert sum(open_frames(gate, quiet_noise(2, 1, level_dbfs=-35))) < 10


def test_the_floor_sinks_when_the_noise_stops():
    gate = EnergyGate(EnergyGateSettings(), FRAME_SAMPLES)
    open_frames(gate, quiet_noise(6, level_dbfs=-30))
    open_frames(gate, quiet_noise(0.5, 1, level_dbfs=-65))
    assert all(open_frames(gate, quiet_noise(0.2, 2, level_dbfs=-45)))


def test_below_the_absolute_floor_nothing_passes():
    gate = EnergyGate(EnergyGateSettings(absolute_floor_dbfs=-50), FRAME_SAMPLES)
    assert not any(open_frames(gate, quiet_noise(0.5, level_dbfs=-80)))
    assert not any(open_frames(gate, quiet_noise(0.5, level_dbfs=-48)))
    assert all(open_frames(gate, quiet_noise(0.5, level_dbfs=-35)))
