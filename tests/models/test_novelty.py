import numpy as np
import pytest

from cmlstream.models import archive
from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.trainer.invented import music
from tests.models import novelty
from tests.signals import quiet_noise, silence, speech_like


def test_a_piece_of_music_has_its_length_and_level_and_a_sound_of_its_own() -> None:
    first, again, other = (music.piece(4.0, seed, -24) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    for piece_T in (first, other):
        assert len(piece_T) == 4 * SAMPLE_RATE
        level_dbfs = 20 * np.log10(np.sqrt(np.mean(piece_T.astype(np.float64) ** 2)) / 32_768)
        assert level_dbfs == pytest.approx(-24, abs=0.5)


def test_a_plucked_string_rings_at_its_pitch() -> None:
    string_T = music._string(400.0, 1.0, np.random.default_rng(0))
    spectrum_K = np.abs(np.fft.rfft(string_T * np.hanning(len(string_T))))
    # A delay line of whole samples is out of tune by half a sample.
    assert spectrum_K.argmax() % 395 < 8


def test_windows_are_cut_with_and_without_voice_activity() -> None:
    audio_T = np.concatenate([quiet_noise(2.0), speech_like(4.0), quiet_noise(1.5)])
    (region,) = [window for window in novelty.regions(audio_T) if window.final]
    assert 1.7 * SAMPLE_RATE < region.start < 2.1 * SAMPLE_RATE
    assert [window.start for window in novelty.forced(audio_T)] == [0, 3 * SAMPLE_RATE]
    assert novelty.regions(silence(5.0)) == []


def test_windows_are_spoken_where_the_reference_says_so() -> None:
    speech_S = np.arange(600) < 350
    found = novelty.spoken(novelty.forced(silence(6.0)), speech_S)
    assert found.tolist() == [True, False]


def test_areas_of_what_is_known() -> None:
    assert novelty.auroc(np.array([0.1, 0.2]), np.array([0.3])) == "1.000"
    assert novelty.auroc(np.array([0.1, 0.4]), np.array([0.3])) == "0.500"
    assert novelty.auroc(np.array([0.1]), np.empty(0)) == "–"


def test_the_model_that_ships_finds_silence_newer_than_its_sample_of_speech() -> None:
    model = archive.load(archive.default_path())
    voice = novelty.kind(model, "voice", [speech_like(3.0)])
    nothing = novelty.kind(model, "nothing", [silence(6.0)])
    assert len(nothing.let_through_N) == 0
    assert nothing.forced_N.min() > 0.9
    assert len(voice.forced_N) == 1
