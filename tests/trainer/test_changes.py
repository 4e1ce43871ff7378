import numpy as np
import pytest
from numpy.typing import NDArray

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.trainer.changes import (
    Waveform,
    active_level,
    gain,
    reverberated,
    room_response,
    samples_of,
    speed,
    telephone,
    waveform_of,
    with_noise,
)
from tests.signals import quiet_noise, silence, speech_like


def generator() -> np.random.Generator:
    return np.random.default_rng(7)


def tone(frequency_hz: float, amplitude: float = 0.1, duration_s: float = 1.0) -> Waveform:
    time_T = np.arange(round(duration_s * SAMPLE_RATE)) / SAMPLE_RATE
    return (amplitude * np.sin(2 * np.pi * frequency_hz * time_T)).astype(np.float32)


def decibels(changed_T: NDArray[np.floating], original_T: NDArray[np.floating]) -> float:
    return float(10 * np.log10(np.mean(np.square(changed_T)) / np.mean(np.square(original_T))))


def test_samples_come_back_as_they_were_and_too_loud_ones_clipped() -> None:
    samples_T = speech_like(0.5)
    np.testing.assert_array_equal(samples_of(waveform_of(samples_T)), samples_T)
    loud_T = np.array([2.0, 1.0, -1.0, -2.0], np.float32)
    assert samples_of(loud_T).tolist() == [32_767, 32_767, -32_768, -32_768]


@pytest.mark.parametrize("change_db", [-30, -6, 12])
def test_gain_moves_the_level_by_as_much(change_db: float) -> None:
    assert decibels(gain(tone(440), change_db), tone(440)) == pytest.approx(change_db, abs=1e-3)


def test_pauses_do_not_count_in_the_active_level() -> None:
    voice_T = waveform_of(speech_like(2.0))
    pause_T = waveform_of(quiet_noise(6.0))
    alone, between = active_level(voice_T), active_level(np.concatenate([pause_T, voice_T, pause_T]))
    assert between == pytest.approx(alone, rel=0.01)
    assert active_level(tone(440)) == pytest.approx(0.1 / np.sqrt(2), rel=0.01)


@pytest.mark.parametrize("nothing_T", [silence(1.0), silence(0.001), silence(0.0)])
def test_nothing_has_no_level(nothing_T: Waveform) -> None:
    assert active_level(waveform_of(nothing_T)) == 0.0


@pytest.mark.parametrize("ratio_db", [20, 5, -3])
def test_noise_lies_so_far_below_the_voice_and_lasts_as_long(ratio_db: float) -> None:
    voice_T = waveform_of(np.concatenate([silence(2.0), speech_like(4.0), silence(1.0)]))
    noise_N = waveform_of(quiet_noise(3.0, level_dbfs=-40))
    added_T = with_noise(voice_T, noise_N, ratio_db, generator()) - voice_T
    assert len(added_T) == len(voice_T)
    level = np.sqrt(np.mean(np.square(added_T)))
    assert 20 * np.log10(active_level(voice_T) / level) == pytest.approx(ratio_db, abs=0.1)
    silent_T = waveform_of(silence(3.0))
    np.testing.assert_array_equal(with_noise(voice_T, silent_T, ratio_db, generator()), voice_T)


def test_noise_begins_elsewhere_with_another_generator_only() -> None:
    voice_T, noise_N = waveform_of(speech_like(1.0)), waveform_of(quiet_noise(3.0))
    first, again = (with_noise(voice_T, noise_N, 10, generator()) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(with_noise(voice_T, noise_N, 10, np.random.default_rng(8)), first)


def test_a_telephone_passes_its_band_and_nothing_else() -> None:
    for frequency_hz in (600, 1_000, 3_000):
        assert decibels(telephone(tone(frequency_hz)), tone(frequency_hz)) == pytest.approx(0, abs=0.5)
    for frequency_hz in (100, 3_900, 6_000):
        assert decibels(telephone(tone(frequency_hz)), tone(frequency_hz)) < -20
    assert len(telephone(tone(600, duration_s=1.00003))) == len(tone(600, duration_s=1.00003))


def test_eight_bits_on_the_mu_law_curve_give_their_known_distortion() -> None:
    """About 38 dB of signal to distortion, the same for loud and quiet (Jayant and Noll 1984, chapter 4)."""
    for amplitude in (0.03, 0.3):
        clean_T, line_T = tone(1_000, amplitude), telephone(tone(1_000, amplitude))
        middle = slice(SAMPLE_RATE // 4, 3 * SAMPLE_RATE // 4)
        spectrum_K = np.abs(np.fft.rfft(line_T[middle] * np.hanning(SAMPLE_RATE // 2))) ** 2
        near_K = slice(500 - 4, 500 + 5)
        signal = spectrum_K[near_K].sum()
        ratio_db = 10 * np.log10(signal / (spectrum_K.sum() - signal))
        assert 34 < ratio_db < 43, amplitude
        assert len(line_T) == len(clean_T)


def test_a_room_sinks_by_sixty_decibels_in_its_time_and_keeps_the_energy() -> None:
    response_R = room_response(0.5, 3.0, generator())
    assert np.square(response_R).sum() == pytest.approx(1.0, rel=1e-5)
    assert 10 * np.log10(response_R[0] ** 2 / np.square(response_R[1:]).sum()) == pytest.approx(3.0, abs=1e-3)
    # Schroeder's integral from the end falls in a straight line, whose slope is the T60.
    decay_R = 10 * np.log10(np.cumsum(np.square(response_R[1:])[::-1])[::-1])
    time_R = np.arange(len(decay_R)) / SAMPLE_RATE
    straight_R = (time_R > 0.02) & (time_R < 0.3)
    slope = np.polyfit(time_R[straight_R], decay_R[straight_R], 1)[0]
    assert -60 / slope == pytest.approx(0.5, rel=0.05)


def test_a_voice_sounds_on_in_a_room() -> None:
    click_T = np.zeros(SAMPLE_RATE, np.float32)
    click_T[1_000] = 0.5
    response_R = room_response(0.3, 0.0, generator())
    heard_T = reverberated(click_T, response_R)
    assert heard_T.dtype == np.float32
    np.testing.assert_allclose(heard_T[1_000 : 1_000 + len(response_R)], 0.5 * response_R, atol=1e-6)
    np.testing.assert_allclose(heard_T[:1_000], 0, atol=1e-6)


def test_speed_moves_length_and_pitch_together() -> None:
    faster_T = speed(tone(440), 1.25)
    assert len(faster_T) == pytest.approx(SAMPLE_RATE / 1.25, abs=1)
    spectrum_K = np.abs(np.fft.rfft(faster_T * np.hanning(len(faster_T))))
    assert spectrum_K.argmax() * SAMPLE_RATE / len(faster_T) == pytest.approx(550, abs=2)
