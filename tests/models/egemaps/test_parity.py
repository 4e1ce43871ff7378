import numpy as np
import pytest

from cmlstream.models.egemaps import FEATURE_NAMES
from tests.models.egemaps.parity import Comparison, compare_waveforms, emotional_clips, read
from tests.signals import speech_like

pytest.importorskip("opensmile")

SENSITIVE = ("frequency", "bandwidth", "amplitude", "A3")
"""What hangs on the formants, which one bit of noise moves in the reference itself."""
ROUNDING_SEMITONES_PER_S = 5e-3
"""What the slopes of a steady pitch are made of: its last bits in single precision over 10 ms."""


@pytest.fixture(scope="module")
def comparison(corpora) -> Comparison:
    return compare_waveforms([read(path) for path in emotional_clips(corpora, 60)])


@pytest.mark.corpora
@pytest.mark.slow
@pytest.mark.parametrize("coefficient", ["pearson", "concordance"])
def test_functionals_agree(comparison, coefficient):
    values = getattr(comparison.functionals, coefficient)()
    assert np.median(values) >= 0.9999
    floor = np.array([0.93 if "bandwidth" in name else 0.99 for name in FEATURE_NAMES])
    assert {name: float(values[i]) for i, name in enumerate(FEATURE_NAMES) if values[i] < floor[i]} == {}


@pytest.mark.corpora
@pytest.mark.slow
def test_voicing_and_pitch_agree(comparison):
    assert comparison.voicing_errors() == 0
    assert comparison.gross_errors() == 0


@pytest.mark.corpora
@pytest.mark.slow
def test_descriptors_agree(comparison):
    assert comparison.descriptor_pearson().min() >= 0.96


def _tone(hertz: float, samples: int) -> np.ndarray:
    wave = 0.5 * np.sin(2 * np.pi * hertz * np.arange(samples) / 16000)
    return (np.trunc(wave * 32768) / 32768).astype(np.float32)


SIGNALS = {
    "silence": np.zeros(16000, np.float32),
    "constant": np.full(16000, 0.5, np.float32),
    "square wave": np.where(np.arange(16000) // 40 % 2, -1, 32767 / 32768).astype(np.float32),
    "pulses": (0.75 * (np.arange(16000) % 128 == 0)).astype(np.float32),
    "a tone on which the paths never agree in time": _tone(950, 16000),
    "one frame": _tone(180, 960),
    "one frame and a bit": _tone(180, 1119),
    "voice": speech_like(2.0, seed=3).astype(np.float32) / 32768,
    "short voice": speech_like(0.6, seed=4).astype(np.float32) / 32768,
}


@pytest.mark.parametrize("name", SIGNALS)
def test_made_signals_agree(name):
    comparison = compare_waveforms([SIGNALS[name]])
    steady = [i for i, feature in enumerate(FEATURE_NAMES) if not any(part in feature for part in SENSITIVE)]
    ours, theirs = comparison.functionals.ours[0], comparison.functionals.theirs[0]
    least = [ROUNDING_SEMITONES_PER_S if "F0" in name and "Slope" in name else 1e-5 for name in FEATURE_NAMES]
    assert {
        FEATURE_NAMES[i]: (ours[i], theirs[i])
        for i in steady
        if not np.isclose(ours[i], theirs[i], rtol=2e-3, atol=least[i])
    } == {}


@pytest.mark.parametrize("seed", range(4))
def test_number_of_decided_frames_agrees(seed):
    """Voice cut anywhere: the pitch statistics read exactly the frames that the reference had decided."""
    random = np.random.default_rng(seed)
    voice = speech_like(3.0, seed).astype(np.float32) / 32768
    comparison = compare_waveforms([voice[: random.integers(8000, 48000)] for _ in range(5)])
    pitch = slice(0, 10)
    ours, theirs = comparison.functionals.ours[:, pitch], comparison.functionals.theirs[:, pitch]
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
