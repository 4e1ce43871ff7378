import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from cmlstream.models.errors import InputError
from cmlstream.stream.sources.convert import HIGHEST_RATE, LOWEST_RATE, Converter

RATES = (8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000)


@st.composite
def recordings(draw):
    """Audio of some rate, channel count and sample type, and the places to cut it at."""
    rate = draw(st.sampled_from(RATES) | st.integers(LOWEST_RATE, HIGHEST_RATE))
    channels = draw(st.integers(1, 12))
    frames = draw(st.integers(0, 4_000))
    noise_TC = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).normal(0, 0.3, (frames, channels))
    as_integers = draw(st.booleans())
    frames_TC = (
        (noise_TC.clip(-1, 1) * 32_767).astype(np.int16) if as_integers else noise_TC.astype(np.float32)
    )
    cuts = sorted(draw(st.lists(st.integers(0, frames), max_size=12)))
    return rate, frames_TC, cuts, draw(st.none() | st.integers(1, channels))


def convert(rate, pieces, channel=None):
    converter = Converter(rate, pieces[0].shape[1], channel)
    return np.concatenate([*[converter.push(piece_TC) for piece_TC in pieces], converter.flush()])


@settings(deadline=None)
@given(recordings())
def test_cutting_the_audio_changes_nothing(recording):
    rate, frames_TC, cuts, channel = recording
    whole_T = convert(rate, [frames_TC], channel)
    np.testing.assert_array_equal(convert(rate, np.split(frames_TC, cuts), channel), whole_T)


@settings(deadline=None, max_examples=30)
@given(recordings())
def test_single_frames_equal_the_whole(recording):
    rate, frames_TC, _, channel = recording
    frames_TC = frames_TC[:200]
    one_by_one = [frames_TC[index : index + 1] for index in range(len(frames_TC))] or [frames_TC]
    np.testing.assert_array_equal(convert(rate, one_by_one, channel), convert(rate, [frames_TC], channel))


@settings(deadline=None)
@given(recordings())
def test_the_stream_equals_resampling_the_whole_at_once(recording):
    rate, frames_TC, cuts, channel = recording
    unit_TC = frames_TC / (32_768 if frames_TC.dtype == np.int16 else 1)
    mono_T = unit_TC.mean(axis=1) if channel is None else unit_TC[:, channel - 1]
    mono_T = mono_T.clip(-1, 1).astype(np.float32)
    expected_T = (soxr.resample(mono_T, rate, 16_000) * 32_768).clip(-32_768, 32_767)
    streamed_T = convert(rate, np.split(frames_TC, cuts), channel)
    assert len(streamed_T) == len(expected_T)
    np.testing.assert_allclose(streamed_T, expected_T, atol=1)


def test_audio_that_is_already_right_passes_untouched():
    every_value_TC = np.arange(-32_768, 32_768).astype(np.int16).reshape(-1, 1)
    converter = Converter(16_000, 1)
    np.testing.assert_array_equal(converter.push(every_value_TC), every_value_TC[:, 0])
    assert len(converter.flush()) == 0


def test_full_scale_is_clipped_and_never_wraps():
    loud_TC = np.array([[1.0], [-1.0], [3.0], [-3.0], [3e38], [0.5]], np.float32)
    assert Converter(16_000, 1).push(loud_TC).tolist() == [32_767, -32_768, 32_767, -32_768, 32_767, 16_384]


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_invalid_values_become_silence(rate):
    tone_TC = np.sin(np.arange(4_410, dtype=np.float32) / 10)[:, None] / 2
    broken_TC, silenced_TC = tone_TC.copy(), tone_TC.copy()
    broken_TC[100], broken_TC[200], broken_TC[300] = np.nan, np.inf, -np.inf
    silenced_TC[[100, 200, 300]] = 0
    converter = Converter(rate, 1)
    heard_T = np.concatenate([converter.push(broken_TC), converter.flush()])
    np.testing.assert_array_equal(heard_T, convert(rate, [silenced_TC]))


def test_channels_are_mixed_or_picked_counting_from_one():
    stereo_TC = np.array([[100, 300], [-100, -300]], np.int16)
    assert Converter(16_000, 2).push(stereo_TC).tolist() == [200, -200]
    assert Converter(16_000, 2, channel=1).push(stereo_TC).tolist() == [100, -100]
    assert Converter(16_000, 2, channel=2).push(stereo_TC).tolist() == [300, -300]


@pytest.mark.parametrize(("tone_hz", "survives"), [(1_000, True), (7_000, True), (10_000, False)])
def test_tones_keep_their_pitch_and_what_16_khz_cannot_hold_does_not_fold_back(tone_hz, survives):
    tone_TC = np.sin(2 * np.pi * tone_hz * np.arange(48_000) / 48_000).astype(np.float32)[:, None] / 2
    spectrum = np.abs(np.fft.rfft(convert(48_000, [tone_TC]) / 32_768)) / 8_000
    assert len(spectrum) == 8_001
    if survives:
        assert spectrum.argmax() == tone_hz
        assert spectrum.max() == pytest.approx(0.5, rel=0.02)
    else:
        assert spectrum.max() < 1e-3


def test_flush_and_reset_begin_anew():
    noise_TC = np.random.default_rng(1).normal(0, 0.1, (3_000, 1)).astype(np.float32)
    converter = Converter(44_100, 1)
    first_T = np.concatenate([converter.push(noise_TC), converter.flush()])
    converter.push(-noise_TC)
    converter.reset()
    again_T = np.concatenate([converter.push(noise_TC), converter.flush()])
    np.testing.assert_array_equal(first_T, again_T)


@pytest.mark.parametrize("rate", [-1, 0, 7_999, 192_001])
def test_a_rate_that_no_speech_has_is_refused(rate):
    with pytest.raises(InputError, match=f"{rate} Hz cannot be used: give audio of 8000 to 192000 Hz"):
        Converter(rate, 1)


@pytest.mark.parametrize("channel", [0, 3, -1])
def test_a_channel_that_is_not_there_is_refused(channel):
    with pytest.raises(InputError, match=f"channel {channel} was asked for, but the audio has 2"):
        Converter(16_000, 2, channel)


def test_audio_without_channels_is_refused():
    with pytest.raises(InputError, match="0 channels"):
        Converter(16_000, 0)
