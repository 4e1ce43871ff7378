import pytest

from cmlstream.models.egemaps import FEATURE_NAMES
from cmlstream.trainer.report.words import in_words


def test_every_feature_has_words_of_its_own() -> None:
    words = [in_words(name).text for name in FEATURE_NAMES]
    assert len(set(words)) == len(FEATURE_NAMES)
    assert not set(words) & set(FEATURE_NAMES)
    assert not any("_" in text for text in words)
    assert max(map(len, words)) <= 48


@pytest.mark.parametrize(
    ("name", "voice", "text"),
    [
        ("F0semitoneFrom27.5Hz_sma3nz_percentile50.0", "pitch", "pitch, median"),
        ("slopeUV0-500_sma3nz_amean", "spectral slope 0–500 Hz", "spectral slope 0–500 Hz (unvoiced), mean"),
        ("mfcc2V_sma3nz_stddevNorm", "MFCC 2", "MFCC 2 (voiced), variation"),
        ("mfcc2_sma3_amean", "MFCC 2", "MFCC 2, mean"),
        ("loudnessPeaksPerSec", "loudness", "loudness, peaks per second"),
        ("equivalentSoundLevel_dBp", "loudness", "equivalent sound level"),
        ("VoicedSegmentsPerSec", "rhythm", "voiced segments per second"),
        ("my own_feature", "my own_feature", "my own_feature"),
        ("energy_sma3_amean", "energy_sma3_amean", "energy_sma3_amean"),
    ],
)
def test_words(name: str, voice: str, text: str) -> None:
    found = in_words(name)
    assert (found.voice, found.text) == (voice, text)
