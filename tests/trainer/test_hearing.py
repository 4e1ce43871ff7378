from pathlib import Path

import numpy as np
import pytest
import soundfile

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.egemaps import FEATURE_NAMES
from cmlstream.trainer.conditions import CLEAN, ROOM, TELEPHONE, gain_of
from cmlstream.trainer.hearing import hear, heard_of
from cmlstream.trainer.pieces import pieces_of
from tests.signals import silence, speech_like


def test_a_clean_clip_is_heard_as_training_hears_it() -> None:
    voice_T = np.concatenate([speech_like(1.4, 1), silence(1.0), speech_like(2.2, 2)])
    heard, pieces = heard_of(voice_T, CLEAN, 0), pieces_of(voice_T)
    assert pieces is not None
    np.testing.assert_allclose(heard.speech_s_N, pieces.speech_s_N[pieces.whole_N], atol=0.1)
    np.testing.assert_array_equal(heard.longest, heard.features_NF[1])


def test_gain_moves_loudness_and_hardly_the_pitch() -> None:
    voice_T = speech_like(2.0)
    clean, quiet = heard_of(voice_T, CLEAN, 0), heard_of(voice_T, gain_of(-10), 0)
    loudness = FEATURE_NAMES.index("loudness_sma3_amean")
    pitch = FEATURE_NAMES.index("F0semitoneFrom27.5Hz_sma3nz_amean")
    assert quiet.longest[loudness] < 0.8 * clean.longest[loudness]
    assert quiet.longest[pitch] == pytest.approx(clean.longest[pitch], abs=0.2)


def test_where_no_speech_is_found_nothing_is_heard() -> None:
    heard = heard_of(silence(1.0), CLEAN, 0)
    assert heard.features_NF.shape == (0, 88)
    assert len(heard.speech_s_N) == 0


@pytest.mark.slow
def test_what_was_heard_is_kept_by_clip_and_condition(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.flac" for number in range(2)]
    for number, path in enumerate(paths):
        soundfile.write(path, speech_like(1.2, number), SAMPLE_RATE, subtype="PCM_16")
    cache, calls = tmp_path / "cache", []
    (first, second), in_a_room = hear(paths, [TELEPHONE, ROOM], cache, lambda: calls.append(1))
    kept = {place: place.stat().st_mtime_ns for place in cache.iterdir()}
    room, telephone = hear(paths[::-1], [ROOM, TELEPHONE], cache, lambda: calls.append(2))
    assert calls == [1] * 4 + [2] * 4
    assert len(kept) == 4
    assert kept == {place: place.stat().st_mtime_ns for place in cache.iterdir()}
    np.testing.assert_array_equal(telephone[1].features_NF, first.features_NF)
    np.testing.assert_array_equal(telephone[0].features_NF, second.features_NF)
    np.testing.assert_array_equal(room[1].features_NF, in_a_room[0].features_NF)
    assert not np.array_equal(first.longest, second.longest)
    assert not np.array_equal(room[1].longest, first.longest)
