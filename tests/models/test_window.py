import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmlstream.models.contract import SAMPLE_RATE, Samples
from cmlstream.models.errors import CmlstreamError, ConfigurationError
from cmlstream.models.segment import (
    AudioGap,
    RegionAudio,
    RegionEnded,
    RegionProgress,
    RegionStarted,
    Segment,
    Segmenter,
)
from cmlstream.models.window import RollingWindows, Window, cut
from tests.signals import quiet_noise, speech_like

HOP_SAMPLES = SAMPLE_RATE // 4
WINDOW_SAMPLES = 3 * SAMPLE_RATE
CONVERSATION_T = np.concatenate(
    [
        quiet_noise(0.7),
        speech_like(4.2, 1),
        quiet_noise(0.31, 2),
        speech_like(1.37, 3, pitch_hz=220),
        quiet_noise(0.9, 4),
        speech_like(0.33, 5),
        quiet_noise(0.37, 6),
        speech_like(0.9, 7),
        quiet_noise(1.1, 8),
        speech_like(2.23, 9),
    ]
)
lengths = st.integers(200, 4 * SAMPLE_RATE)


def listened(audio_T: Samples, borders: list[int], windows: RollingWindows) -> list[Window]:
    """Push the audio cut at `borders` through a segmenter into `windows`, and flush."""
    segmenter, collected, start = Segmenter(), [], 0
    for end in [*sorted(borders), len(audio_T)]:
        collected += windows.push(segmenter.push(audio_T[start:end], start))
        start = end
    return collected + windows.push(segmenter.flush())


def told(windows: list[Window]) -> list[object]:
    """The same windows in a form that compares by value."""
    return [
        (w.region_start, w.start, w.end, w.due, w.final, w.speech_samples, w.samples.tobytes())
        for w in windows
    ]


def expected_windows(segments: list[Segment], window: int, hop: int, minimum: int) -> list[tuple[int, ...]]:
    """What the definition says: at each grid point the latest audio confirmed by then, if there is news."""
    expected: list[tuple[int, ...]] = []
    start = end = shown = grid = 0
    for segment in segments:
        match segment:
            case RegionStarted():
                start = end = shown = segment.start
                grid = start + hop
            case RegionAudio():
                end = segment.start + len(segment.samples)
            case RegionProgress(position):
                points = range(grid, position + 1, hop)
                if points:
                    grid, last = points[-1] + hop, min(end, points[-1])
                    if last > shown and last - start >= minimum:
                        expected.append((start, max(start, last - window), last, points[-1], False))
                        shown = last
            case RegionEnded():
                expected.append((segment.start, segment.start, segment.end, segment.end, True))
    return expected


def test_a_window_every_hop_from_the_first_second_on():
    windows = listened(CONVERSATION_T, [], RollingWindows(WINDOW_SAMPLES, HOP_SAMPLES))
    first = windows[0].region_start
    rolling = [window for window in windows if window.region_start == first and not window.final]
    unbroken = [window for window in rolling if window.due <= int(4.8 * SAMPLE_RATE)]
    assert [window.due - first for window in unbroken] == list(
        range(SAMPLE_RATE, SAMPLE_RATE + len(unbroken) * HOP_SAMPLES, HOP_SAMPLES)
    )
    assert len(unbroken) == 14
    assert all(window.end == window.due for window in unbroken)
    assert [len(window.samples) for window in unbroken[:2]] == [SAMPLE_RATE, SAMPLE_RATE + HOP_SAMPLES]
    assert len(unbroken[-1].samples) == WINDOW_SAMPLES


def test_grid_points_in_a_pause_are_skipped():
    talk_T = np.concatenate([quiet_noise(0.5), speech_like(2.05), quiet_noise(0.39, 1), speech_like(1, 2)])
    windows = listened(talk_T, [], RollingWindows(WINDOW_SAMPLES, SAMPLE_RATE // 20))
    dues = [window.due for window in windows if not window.final]
    speech_ends, speech_resumes = int(2.55 * SAMPLE_RATE), int(2.94 * SAMPLE_RATE)
    hop = SAMPLE_RATE // 20
    assert any(due > speech_resumes for due in dues)
    assert not [due for due in dues if speech_ends + hop + 320 < due < speech_resumes]


@given(st.lists(st.integers(0, len(CONVERSATION_T)), max_size=30), lengths, lengths, lengths)
@settings(max_examples=40, deadline=None)
def test_how_audio_is_cut_changes_nothing(borders: list[int], window: int, hop: int, minimum: int):
    whole = listened(CONVERSATION_T, [], RollingWindows(window, hop, minimum))
    assert told(listened(CONVERSATION_T, borders, RollingWindows(window, hop, minimum))) == told(whole)


@given(lengths, lengths, lengths)
@settings(max_examples=40, deadline=None)
def test_windows_are_those_of_the_definition(window: int, hop: int, minimum: int):
    segmenter = Segmenter()
    segments = segmenter.push(CONVERSATION_T, 0) + segmenter.flush()
    windows = RollingWindows(window, hop, minimum).push(segments)
    assert [(w.region_start, w.start, w.end, w.due, w.final) for w in windows] == expected_windows(
        segments, window, hop, minimum
    )


@given(lengths, lengths)
@settings(max_examples=20, deadline=None)
def test_every_window_is_a_slice_of_its_final_region(window: int, hop: int):
    windows = listened(CONVERSATION_T, [], RollingWindows(window, hop))
    finals = {final.region_start: final for final in windows if final.final}
    closed: set[int] = set()
    for one in windows:
        final = finals[one.region_start]
        assert one.region_start not in closed
        assert final.start <= one.start < one.end <= min(final.end, one.due)
        assert np.array_equal(one.samples, CONVERSATION_T[one.start : one.end])
        assert one.speech_samples <= len(one.samples) == one.end - one.start
        closed |= {one.region_start} if one.final else set()
    assert closed == set(finals)


def test_a_final_window_counts_the_speech_of_its_region():
    segmenter = Segmenter()
    segments = segmenter.push(CONVERSATION_T, 0) + segmenter.flush()
    ended = [segment for segment in segments if isinstance(segment, RegionEnded)]
    finals = [w for w in RollingWindows(WINDOW_SAMPLES, HOP_SAMPLES).push(segments) if w.final]
    assert [(w.start, w.end, w.speech_samples) for w in finals] == [
        (region.start, region.end, region.speech_samples) for region in ended
    ]
    assert len(finals) == 3


def test_earlier_windows_keep_their_audio_while_the_region_grows():
    """A window may wait on another thread while the region's array is enlarged and filled."""
    windows = RollingWindows(WINDOW_SAMPLES, HOP_SAMPLES)
    audio_T = np.concatenate([quiet_noise(0.5), speech_like(15), quiet_noise(0.5)])
    collected = listened(audio_T, list(range(0, len(audio_T), 1_600)), windows)
    assert len(collected) > 50
    assert all(np.array_equal(w.samples, audio_T[w.start : w.end]) for w in collected)
    assert not any(w.samples.flags.writeable for w in collected)


def test_a_region_too_short_for_windows_still_ends():
    audio_T = np.concatenate([quiet_noise(0.5), speech_like(0.3), quiet_noise(1, 1)])
    (final,) = listened(audio_T, [], RollingWindows(WINDOW_SAMPLES, HOP_SAMPLES))
    assert final.final
    assert final.due == final.end


def test_cut_gives_the_regions_of_a_live_stream():
    live = listened(CONVERSATION_T, [5, 777, 40_000], RollingWindows(WINDOW_SAMPLES, HOP_SAMPLES))
    assert told(cut(CONVERSATION_T)) == told([window for window in live if window.final])


def test_no_window_comes_before_the_grid_point_that_was_told_as_next():
    segmenter, windows = Segmenter(), RollingWindows(WINDOW_SAMPLES, HOP_SAMPLES)
    assert windows.next_due is None
    awaited = 0
    for at in range(0, len(CONVERSATION_T), 320):
        told_due = windows.next_due
        for window in windows.push(segmenter.push(CONVERSATION_T[at : at + 320], at)):
            if not window.final:
                assert told_due is not None
                assert window.due - HOP_SAMPLES < told_due <= window.due <= at + 320
                awaited += 1
    assert awaited > 5


def test_reset_drops_the_open_region():
    windows = RollingWindows(WINDOW_SAMPLES, HOP_SAMPLES)
    windows.push([RegionStarted(0)])
    windows.reset()
    assert windows.push([AudioGap(0, 5)]) == []
    with pytest.raises(CmlstreamError, match="no region is open for RegionProgress"):
        windows.push([RegionProgress(320)])


def test_missing_audio_is_a_defect():
    windows = RollingWindows(WINDOW_SAMPLES, HOP_SAMPLES)
    piece = RegionAudio(320, quiet_noise(0.02), speech=True)
    with pytest.raises(CmlstreamError, match="goes on at 0 but got audio from 320"):
        windows.push([RegionStarted(0), piece])


@pytest.mark.parametrize(
    ("sizes", "name"), [((0, 1, 1), "window"), ((1, -5, 1), "hop"), ((1, 1, 0), "minimum")]
)
def test_lengths_must_be_positive(sizes: tuple[int, int, int], name: str):
    with pytest.raises(ConfigurationError, match=f"the {name} of rolling windows"):
        RollingWindows(*sizes)
