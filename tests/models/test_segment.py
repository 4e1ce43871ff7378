from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmlstream.models.contract import SAMPLE_RATE, Samples
from cmlstream.models.energy import EnergyGateSettings
from cmlstream.models.errors import CmlstreamError
from cmlstream.models.segment import (
    AudioGap,
    RegionAudio,
    RegionEnded,
    RegionProgress,
    RegionStarted,
    Segment,
    Segmenter,
    SegmenterSettings,
)
from tests.signals import quiet_noise, silence, speech_like

PIECES = (
    quiet_noise(0.37, 1),
    quiet_noise(1.003, 2),
    silence(0.25),
    quiet_noise(0.8, 3, level_dbfs=-30),
    speech_like(0.12, 4),
    speech_like(0.41, 5, pitch_hz=210),
    speech_like(1.207, 6),
    speech_like(2.5, 7, level_dbfs=-35, pitch_hz=95),
)
"""What the streams of the property tests are strung together from."""

streams = st.lists(st.sampled_from(range(len(PIECES))), min_size=1, max_size=8).map(
    lambda chosen: np.concatenate([PIECES[piece] for piece in chosen])
)
cuts = st.lists(st.integers(0, 16 * SAMPLE_RATE), max_size=40)
choices = st.builds(
    SegmenterSettings,
    frame_ms=st.sampled_from((10, 20, 30)),
    aggressiveness=st.integers(0, 3),
    onset_votes=st.integers(1, 5),
    onset_frames=st.integers(5, 8),
    hangover_ms=st.sampled_from((240, 300, 400, 610)),
    minimum_speech_ms=st.sampled_from((30, 250, 400)),
    maximum_region_s=st.sampled_from((1.0, 1.37, 20.0)),
    pre_roll_ms=st.sampled_from((0, 45, 200, 1_000)),
)


def heard(audio_T: Samples, borders: list[int], segmenter: Segmenter | None = None) -> list[Segment]:
    """Push the audio cut at `borders`, and flush."""
    segmenter = segmenter or Segmenter()
    start = segmenter.position
    edges = [0, *sorted(min(border, len(audio_T)) for border in borders), len(audio_T)]
    segments = [segment for a, b in pairwise(edges) for segment in segmenter.push(audio_T[a:b], start + a)]
    return segments + segmenter.flush()


def told(segments: list[Segment]) -> list[object]:
    """The same segments in a form that compares by value."""
    return [
        (piece.start, piece.speech, piece.samples.tobytes()) if isinstance(piece, RegionAudio) else piece
        for piece in segments
    ]


def ended(segments: list[Segment]) -> list[RegionEnded]:
    return [segment for segment in segments if isinstance(segment, RegionEnded)]


def regions(audio_T: Samples, chosen: SegmenterSettings | None = None) -> list[RegionEnded]:
    return ended(heard(audio_T, [], Segmenter(chosen)))


@given(streams, cuts, choices)
@settings(max_examples=60)
def test_how_audio_is_cut_changes_nothing(audio_T: Samples, borders: list[int], chosen: SegmenterSettings):
    whole = heard(audio_T, [], Segmenter(chosen))
    assert told(heard(audio_T, borders, Segmenter(chosen))) == told(whole)


def test_one_sample_at_a_time_equals_whole():
    audio_T = np.concatenate([quiet_noise(0.3), speech_like(0.6), quiet_noise(0.5, 1)])
    assert told(heard(audio_T, list(range(len(audio_T))))) == told(heard(audio_T, []))


@given(streams, choices)
@settings(max_examples=60)
def test_audio_tiles_regions_that_never_overlap(audio_T: Samples, chosen: SegmenterSettings):
    open_region: RegionStarted | None = None
    expected, speech_samples, progress = 0, 0, 0
    earlier_end, forced = 0, False
    for segment in heard(audio_T, [], Segmenter(chosen)):
        match segment:
            case RegionStarted(start):
                assert open_region is None
                assert start == earlier_end if forced else start >= earlier_end
                open_region, expected, speech_samples = segment, start, 0
            case RegionAudio(start, samples_T, speech):
                assert open_region is not None
                assert start == expected
                assert np.array_equal(samples_T, audio_T[start : start + len(samples_T)])
                expected += len(samples_T)
                speech_samples += len(samples_T) if speech else 0
            case RegionProgress(position):
                assert open_region is not None
                assert expected <= position
                assert position > progress
                progress = position
            case RegionEnded(start, end, counted, forced):
                assert (start, end, counted) == (open_region.start, expected, speech_samples)
                assert 0 < end - start <= chosen.maximum_region_samples
                assert not forced or end - start == chosen.maximum_region_samples
                open_region, earlier_end = None, end
            case AudioGap():
                pytest.fail("there was no gap")
    assert open_region is None


@given(streams, streams, choices)
@settings(max_examples=25, deadline=None)
def test_reset_forgets_everything(before_T: Samples, audio_T: Samples, chosen: SegmenterSettings):
    used = Segmenter(chosen)
    used.push(before_T, 0)
    used.reset()
    assert told(heard(audio_T, [], used)) == told(heard(audio_T, [], Segmenter(chosen)))


@given(streams, streams, st.integers(1, 100_000), cuts)
@settings(max_examples=25, deadline=None)
def test_a_gap_parts_the_stream_in_two(first_T: Samples, second_T: Samples, lost: int, borders: list[int]):
    resumed_at = len(first_T) + lost
    segmenter = Segmenter()
    segments = segmenter.push(first_T, 0) + segmenter.push(second_T, resumed_at) + segmenter.flush()
    fresh = Segmenter()
    fresh.reset(resumed_at)
    expected = [*heard(first_T, []), AudioGap(len(first_T), resumed_at), *heard(second_T, borders, fresh)]
    assert told(segments) == told(expected)


def test_pre_roll_enters_and_hangover_does_not():
    audio_T = np.concatenate([quiet_noise(1), speech_like(2), quiet_noise(2, 1)])
    (region,) = regions(audio_T)
    assert region.start == SAMPLE_RATE - 200 * SAMPLE_RATE // 1000
    assert abs(region.end - 3 * SAMPLE_RATE) <= 20 * SAMPLE_RATE // 1000
    assert not region.forced
    assert region.speech_samples == region.end - SAMPLE_RATE


def test_pre_roll_is_shorter_where_the_stream_begins():
    audio_T = np.concatenate([quiet_noise(0.08), speech_like(1), quiet_noise(1, 1)])
    assert regions(audio_T)[0].start == 0


def test_pre_roll_stops_at_a_gap():
    segmenter = Segmenter()
    segmenter.push(quiet_noise(1), 0)
    resumed_at = 2 * SAMPLE_RATE + 7
    audio_T = np.concatenate([quiet_noise(0.06, 1), speech_like(1), quiet_noise(1, 2)])
    segments = segmenter.push(audio_T, resumed_at)
    assert segments[0] == AudioGap(SAMPLE_RATE, resumed_at)
    assert ended(segments)[0].start == resumed_at


def test_a_pause_shorter_than_the_hangover_joins():
    joined_T = np.concatenate(
        [quiet_noise(1), speech_like(1), quiet_noise(0.3, 1), speech_like(1), quiet_noise(1)]
    )
    parted_T = np.concatenate(
        [quiet_noise(1), speech_like(1), quiet_noise(0.6, 1), speech_like(1), quiet_noise(1)]
    )
    assert len(regions(joined_T)) == 1
    first, second = regions(parted_T)
    assert second.start > first.end


def test_audio_of_a_pause_is_held_until_speech_resumes():
    segmenter = Segmenter()
    talk_T, pause_T = np.concatenate([quiet_noise(1), speech_like(1)]), quiet_noise(0.3, 1)
    segmenter.push(talk_T, 0)
    during = segmenter.push(pause_T, len(talk_T))
    resumed = segmenter.push(speech_like(0.1, 2), len(talk_T) + len(pause_T))
    assert {type(segment) for segment in during} == {RegionProgress}
    released = sum(len(piece.samples) for piece in resumed if isinstance(piece, RegionAudio))
    assert released == len(pause_T) + SAMPLE_RATE // 10


def test_short_speech_opens_no_region():
    blip_T = np.concatenate([quiet_noise(1), speech_like(0.16), quiet_noise(1, 1)])
    assert regions(blip_T) == []
    assert len(regions(blip_T, SegmenterSettings(minimum_speech_ms=100))) == 1


def test_blips_apart_do_not_add_up():
    """Each is too short, and the pause between them longer than the hangover."""
    blip_T = np.concatenate([speech_like(0.16), quiet_noise(0.7, 1)])
    assert regions(np.concatenate([quiet_noise(1), np.tile(blip_T, 8)])) == []


def test_scattered_frames_win_no_vote():
    """Sparse clicks of a voice: enough speech in all, never enough at once."""
    click_T = np.concatenate([speech_like(0.02, level_dbfs=-10, syllables_per_s=25), quiet_noise(0.14, 1)])
    audio_T = np.concatenate([quiet_noise(1), np.tile(click_T, 40), quiet_noise(1)])
    assert regions(audio_T) == []
    assert len(regions(audio_T, SegmenterSettings(onset_votes=1))) == 1


def test_long_speech_is_split_without_a_seam():
    audio_T = np.concatenate([quiet_noise(0.5), speech_like(7.1), quiet_noise(1, 1)])
    split = regions(audio_T, SegmenterSettings(maximum_region_s=3))
    assert [region.forced for region in split] == [True, True, False]
    assert all(earlier.end == later.start for earlier, later in pairwise(split))
    assert [region.end - region.start for region in split[:2]] == [3 * SAMPLE_RATE] * 2


def test_speech_that_stops_at_the_maximum_is_not_split():
    talk_T = np.concatenate([quiet_noise(0.5), speech_like(2), quiet_noise(1, 1)])
    (region,) = regions(talk_T)
    exact = SegmenterSettings(maximum_region_s=(region.end - region.start) / SAMPLE_RATE)
    assert regions(talk_T, exact) == [region]


def test_flush_ends_the_region_at_its_last_speech_frame():
    segmenter = Segmenter()
    audio_T = np.concatenate([quiet_noise(1), speech_like(1), quiet_noise(0.207, 1)])
    opened = segmenter.push(audio_T, 0)
    (end,) = segmenter.flush()
    assert RegionStarted(end.start) in opened
    assert abs(end.end - 2 * SAMPLE_RATE) <= 20 * SAMPLE_RATE // 1000
    assert segmenter.position == len(audio_T)
    assert segmenter.flush() == []


def test_steady_noise_is_not_speech():
    """White noise at -30 dBFS, into which the voice falls silent and out of which it rises."""
    noise_T = quiet_noise(8, level_dbfs=-30).astype(np.int32)
    noise_T[4 * SAMPLE_RATE : 6 * SAMPLE_RATE] += speech_like(2, level_dbfs=-15)
    (region,) = regions(np.clip(noise_T, -32_768, 32_767).astype(np.int16))
    assert abs(region.start - 4 * SAMPLE_RATE) <= SAMPLE_RATE // 2
    assert abs(region.end - 6 * SAMPLE_RATE) <= SAMPLE_RATE // 4


def test_hum_shuts_the_gate():
    """A steady buzz that webrtcvad takes for a voice: the noise floor climbs to it."""
    time_T = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE
    buzz_T = sum(np.sin(2 * np.pi * 150 * harmonic * time_T) / harmonic for harmonic in range(1, 20))
    audio_T = (buzz_T * 1_000).astype(np.int16)
    deaf = EnergyGateSettings(rise_db_per_s=0)
    assert (
        sum(region.end - region.start for region in regions(audio_T, SegmenterSettings(gate=deaf)))
        > 9 * SAMPLE_RATE
    )
    assert all(region.end < 4 * SAMPLE_RATE for region in regions(audio_T))


def test_quiet_speech_stays_below_the_absolute_floor():
    audio_T = np.concatenate([silence(1), speech_like(2, level_dbfs=-42), silence(1)])
    assert regions(audio_T, SegmenterSettings(gate=EnergyGateSettings(absolute_floor_dbfs=-30))) == []
    assert len(regions(audio_T)) == 1


def test_an_offset_is_not_loudness():
    """A cheap microphone's DC offset must not lift the noise above quiet speech."""
    audio_T = np.concatenate([quiet_noise(1), speech_like(2, level_dbfs=-40), quiet_noise(1, 1)])
    assert regions(audio_T + np.int16(4_000)) == regions(audio_T)


def test_the_callers_array_may_be_reused():
    segmenter, chunk_T = Segmenter(), np.empty(700, np.int16)
    audio_T = np.concatenate([quiet_noise(0.5), speech_like(1)])[: 33 * 700]
    segments: list[Segment] = []
    for start in range(0, len(audio_T), len(chunk_T)):
        chunk_T[:] = audio_T[start : start + len(chunk_T)]
        segments += segmenter.push(chunk_T, start)
        chunk_T[:] = 0
    assert told(segments + segmenter.flush()) == told(heard(audio_T, []))


def test_empty_pushes_are_harmless():
    segmenter = Segmenter()
    assert segmenter.push(silence(0), 0) == []
    assert segmenter.push(quiet_noise(0.01), 0) == []
    assert segmenter.push(silence(0), segmenter.position) == []
    assert segmenter.push(silence(0), 200) == [AudioGap(160, 200)]


@pytest.mark.parametrize(
    ("audio_T", "start", "complaint"),
    [
        (silence(0.1), 99, "has heard up to 100"),
        (silence(0.1).astype(np.float32), 100, "float32"),
        (silence(0.1).reshape(2, -1), 100, "one channel"),
    ],
)
def test_a_callers_defect_is_named(audio_T: Samples, start: int, complaint: str):
    segmenter = Segmenter()
    segmenter.push(silence(0.1)[:100], 0)
    with pytest.raises(CmlstreamError, match=complaint):
        segmenter.push(audio_T, start)
    assert segmenter.position == 100
