import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.segment import AudioGap, SegmenterSettings
from cmlstream.models.window import Window
from cmlstream.stream.analysis import Analysis, RegionClosed, SecondHeard, SpeechOnset
from cmlstream.stream.sources.base import Chunk
from tests.signals import quiet_noise, speech_like

AUDIO_T = np.concatenate(
    [quiet_noise(0.7), speech_like(4.3, seed=1), quiet_noise(1.1), speech_like(1.4, seed=2), quiet_noise(0.6)]
)


def analysis():
    return Analysis(SegmenterSettings(), window_samples=3 * SAMPLE_RATE, hop_samples=SAMPLE_RATE // 4)


def moments(chunks):
    stage = analysis()
    found = [moment for chunk in chunks for moment in stage.push(chunk)]
    return [*found, *stage.flush()]


def told(moment):
    """Everything a moment says, in a form that compares."""
    match moment:
        case Window():
            return ("window", moment.start, moment.end, moment.due, moment.samples.tobytes())
        case RegionClosed(window, forced):
            return ("closed", window.start, window.end, forced, window.samples.tobytes())
        case _:
            return moment


def cut(samples_T, cuts):
    starts = [0, *sorted(cuts)]
    return [
        Chunk(piece_T, start) for start, piece_T in zip(starts, np.split(samples_T, starts[1:]), strict=True)
    ]


WHOLE = [told(moment) for moment in moments([Chunk(AUDIO_T, 0)])]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, len(AUDIO_T)), max_size=40))
def test_how_the_audio_is_cut_changes_neither_the_moments_nor_their_order(cuts):
    assert [told(moment) for moment in moments(cut(AUDIO_T, cuts))] == WHOLE


def test_a_region_starts_rolls_and_closes_in_that_order():
    kinds = [type(moment) for moment in moments([Chunk(AUDIO_T, 0)]) if not isinstance(moment, SecondHeard)]
    first_region = kinds[: kinds.index(RegionClosed) + 1]
    assert first_region[0] is SpeechOnset
    assert set(first_region[1:-1]) == {Window}
    assert kinds.count(RegionClosed) == kinds.count(SpeechOnset) == 2


def test_every_second_is_read_once_and_says_whether_someone_speaks():
    seconds = [moment for moment in moments([Chunk(AUDIO_T, 0)]) if isinstance(moment, SecondHeard)]
    assert [second.reading.end for second in seconds] == [
        *(SAMPLE_RATE * n for n in range(1, 9)),
        len(AUDIO_T),
    ]
    assert [second.speaking for second in seconds][1:4] == [True, True, True]
    assert not seconds[5].speaking


def test_lost_audio_closes_the_region_and_is_told_before_what_follows():
    kept_T = AUDIO_T[: 3 * SAMPLE_RATE]
    lost = 5_000
    found = moments([Chunk(kept_T, 0), Chunk(AUDIO_T[3 * SAMPLE_RATE :], 3 * SAMPLE_RATE + lost)])
    kinds = [type(moment) for moment in found]
    gap = kinds.index(AudioGap)
    assert found[gap] == AudioGap(3 * SAMPLE_RATE, 3 * SAMPLE_RATE + lost)
    assert RegionClosed in kinds[:gap]
    assert SpeechOnset in kinds[gap:]


def test_the_meter_does_not_count_what_was_lost():
    found = moments([Chunk(AUDIO_T[:8_000], 0), Chunk(AUDIO_T[8_000:], 20_000)])
    readings = [moment.reading for moment in found if isinstance(moment, SecondHeard)]
    spans = [(reading.start, reading.end) for reading in readings]
    assert spans[:2] == [(0, 8_000), (20_000, 32_000)], "what was heard before the gap is told before it"


def test_even_a_tenth_of_a_second_is_told_with_its_level():
    (heard,) = moments([Chunk(np.zeros(1_600, np.int16), 0)])
    assert isinstance(heard, SecondHeard)
    assert heard.reading.muted
