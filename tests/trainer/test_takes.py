from pathlib import Path

import numpy as np
import pytest
import soundfile

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.trainer.changes import active_level, waveform_of
from cmlstream.trainer.features import extract
from cmlstream.trainer.takes import GAINS_DB, SPEEDS, in_take, take
from tests.signals import speech_like
from tests.trainer.corpus import clip

VOICE_T = speech_like(1.5, 3, level_dbfs=-24.0)


def test_a_take_is_the_same_for_a_seed_and_another_for_another() -> None:
    first = take(1).made_of(VOICE_T, 5)
    np.testing.assert_array_equal(first, take(1).made_of(VOICE_T, 5))
    assert not np.array_equal(first, take(1).made_of(VOICE_T, 6)[: len(first)])
    assert not np.array_equal(first, take(2).made_of(VOICE_T, 5)[: len(first)])


def test_takes_differ_in_level_length_and_band_within_what_is_stated() -> None:
    takes = [take(1).made_of(VOICE_T, seed) for seed in range(60)]
    lengths = {len(one) / len(VOICE_T) for one in takes}
    assert 1.0 in lengths
    assert len(lengths) > 5
    assert min(lengths) >= 1 / SPEEDS[1] - 0.01
    assert max(lengths) <= 1 / SPEEDS[0] + 0.01
    levels_db = [
        20 * np.log10(active_level(waveform_of(one)) / active_level(waveform_of(VOICE_T))) for one in takes
    ]
    assert np.ptp(levels_db) > 0.6 * (GAINS_DB[1] - GAINS_DB[0])
    narrow = [one for one in takes if _share_above_4_khz(one) < 1e-3]
    assert 0.05 < len(narrow) / len(takes) < 0.5


def _share_above_4_khz(samples_T: np.ndarray) -> float:
    power_K = np.abs(np.fft.rfft(samples_T.astype(np.float64))) ** 2
    return float(power_K[len(power_K) // 2 :].sum() / power_K.sum())


def test_a_take_has_streams_of_its_own() -> None:
    again = in_take(clip("anna"), 2)
    assert again.speaker == "anna (take 2)"
    assert again.emotion == clip("anna").emotion


@pytest.mark.slow
def test_the_features_of_a_take_are_kept_apart_from_those_of_the_recording(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", VOICE_T, SAMPLE_RATE, subtype="PCM_16")
    clips = [clip("anna")]
    clips = [type(clips[0])(tmp_path / "a.flac", "here", "xx", "source", "anna", "f", "neutral", 3.0, 3.0)]
    recorded, _ = extract(clips, tmp_path / "cache", lambda: None)
    taken, _ = extract(clips, tmp_path / "cache", lambda: None, take(1))
    again, _ = extract(clips, tmp_path / "cache", lambda: None, take(1))
    assert not np.array_equal(recorded.features_NF[-1], taken.features_NF[-1])
    np.testing.assert_array_equal(taken.features_NF, again.features_NF)
    assert len(list((tmp_path / "cache").glob("*.npz"))) == 2
