import asyncio

import numpy as np
import pytest

from cmlstream.stream.sources.capture import Capture
from cmlstream.stream.sources.convert import Converter
from cmlstream.stream.sources.newest import NewestQueue
from cmlstream.stream.sources.portaudio import load

BUFFER_FRAMES = 320
BUFFER_S = 0.02


def capture(buffers, channels=1):
    """Hand buffers, each with its time of recording and PortAudio's flags, to the callback."""

    async def run():
        queue = NewestQueue(16_000)
        callback = Capture(Converter(16_000, channels), 16_000, channels, queue)
        for recorded_TC, captured_s, status in buffers:
            outcome = callback(
                recorded_TC.tobytes(), len(recorded_TC), {"input_buffer_adc_time": captured_s}, status
            )
            assert outcome == (None, load().paContinue)
        return [await queue.get() for _ in buffers], queue.dropped_samples

    return asyncio.run(run())


@pytest.fixture
def buffer_TC():
    return np.arange(BUFFER_FRAMES, dtype=np.int16).reshape(-1, 1)


def test_buffers_follow_on_each_other_whatever_their_times_say(buffer_TC):
    chunks, dropped_samples = capture([(buffer_TC, 5.0, 0), (buffer_TC, 5.06, 0), (buffer_TC, 5.061, 0)])
    assert [chunk.start for chunk in chunks] == [0, 320, 640]
    assert dropped_samples == 0
    np.testing.assert_array_equal(chunks[1].samples_T, buffer_TC[:, 0])


def test_what_an_overflow_lost_is_a_jump_as_long_as_the_clock_says(buffer_TC):
    overflow = load().paInputOverflow
    chunks, dropped_samples = capture([(buffer_TC, 5.0, 0), (buffer_TC, 5.0 + BUFFER_S + 0.5, overflow)])
    assert [chunk.start for chunk in chunks] == [0, BUFFER_FRAMES + 8_000]
    assert dropped_samples == 8_000


def test_an_overflow_before_the_first_buffer_or_in_no_time_loses_nothing(buffer_TC):
    overflow = load().paInputOverflow
    chunks, dropped_samples = capture([(buffer_TC, 5.0, overflow), (buffer_TC, 5.01, overflow)])
    assert [chunk.start for chunk in chunks] == [0, 320]
    assert dropped_samples == 0


def test_channels_are_interleaved(buffer_TC):
    chunks, _ = capture([(np.hstack([buffer_TC, buffer_TC + 2]), 5.0, 0)], channels=2)
    np.testing.assert_array_equal(chunks[0].samples_T, buffer_TC[:, 0] + 1)
