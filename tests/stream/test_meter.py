import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmlstream.stream.meter import Meter, is_clipped


def reading_of(samples_T):
    meter = Meter()
    meter.push(samples_T.astype(np.int16))
    return meter.read()


def test_a_full_scale_sine_is_3_db_below_full_scale():
    sine_T = 32767 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert reading_of(sine_T).level_dbfs == pytest.approx(-3.01, abs=0.01)


def test_zeros_are_muted_and_at_the_floor():
    reading = reading_of(np.zeros(16000))
    assert reading.muted
    assert reading.level_dbfs == -120.0


def test_one_loud_sample_is_not_clipping_but_a_squared_off_second_is():
    quiet_T = np.full(16000, 100)
    quiet_T[7] = 32767
    assert not reading_of(quiet_T).clipping
    assert reading_of(np.full(16000, -32768)).clipping


def test_silence_is_not_clipped():
    assert not is_clipped(np.zeros(0, np.int16))


def test_a_reading_begins_where_the_last_one_ended():
    meter = Meter()
    meter.reset(400)
    meter.push(np.ones(100, np.int16))
    first = meter.read()
    meter.push(np.zeros(50, np.int16))
    second = meter.read()
    assert (first.start, first.end, second.start, second.end) == (400, 500, 500, 550)
    assert not first.muted
    assert second.muted


@given(st.lists(st.integers(0, 400), max_size=6))
def test_how_the_audio_is_cut_changes_nothing(cuts):
    samples_T = np.random.default_rng(3).integers(-32768, 32767, 400, endpoint=True).astype(np.int16)
    whole, pieces = Meter(), Meter()
    whole.push(samples_T)
    for piece_T in np.split(samples_T, sorted(cuts)):
        pieces.push(piece_T)
    assert pieces.read() == whole.read()
