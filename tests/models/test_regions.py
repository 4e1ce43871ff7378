"""Windows of growing regions: heard bit by bit or at once, alone or not, their features are the same."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cmlstream.models.archive import script
from cmlstream.models.contract import FULL_SCALE, SAMPLE_RATE
from cmlstream.models.egemaps import FrontEnd
from cmlstream.models.errors import CmlstreamError
from cmlstream.models.regions import RegionFeatures
from cmlstream.models.window import Window
from tests.signals import speech_like

HOP_SAMPLES = SAMPLE_RATE // 4
WINDOW_SAMPLES = 3 * SAMPLE_RATE


@pytest.fixture(scope="module")
def front_end():
    return script(FrontEnd())


def windows_of(audio_T, region_start=0):
    """Rolling windows every 250 ms from 1 s on, and the whole region."""
    ends = [*range(SAMPLE_RATE, len(audio_T), HOP_SAMPLES), len(audio_T)]
    return [
        Window(
            region_start,
            region_start if end == len(audio_T) else region_start + max(0, end - WINDOW_SAMPLES),
            region_start + end,
            region_start + end,
            audio_T[:end],
            end == len(audio_T),
            end,
        )
        for end in ends
    ]


def features_of(follower, windows):
    return np.concatenate(list(follower.follow(windows)))


def batch_features(front_end, audio_T):
    waveform_BT = torch.from_numpy(audio_T.astype(np.float32) / FULL_SCALE)[None]
    with torch.inference_mode():
        return front_end(waveform_BT, torch.tensor([len(audio_T)]))[0].numpy()


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("duration_s", [0.5, 1.7, 4.3])
def test_a_whole_region_has_the_features_of_its_audio(front_end, duration_s):
    audio_T = speech_like(duration_s, seed=1)
    close(features_of(RegionFeatures(front_end), windows_of(audio_T))[-1], batch_features(front_end, audio_T))


@settings(max_examples=6, deadline=None)
@given(st.data())
def test_windows_that_were_passed_over_change_nothing(front_end, data):
    windows = windows_of(speech_like(data.draw(st.floats(1.2, 3.6)), seed=2), region_start=777)
    passed_over = data.draw(st.sets(st.sampled_from(range(len(windows) - 1))))
    kept = [place for place in range(len(windows)) if place not in passed_over]
    every = features_of(RegionFeatures(front_end), windows)
    close(features_of(RegionFeatures(front_end), [windows[place] for place in kept]), every[kept])


def test_regions_do_not_see_each_other(front_end):
    follower = RegionFeatures(front_end)
    lists = [
        windows_of(speech_like(s, seed, pitch_hz=90.0 + 40 * seed)) for seed, s in enumerate((1.5, 2.6, 4))
    ]
    alone = [features_of(RegionFeatures(front_end), windows) for windows in lists]
    regions = [follower.begin(0) for _ in lists]
    for step in range(max(map(len, lists))):
        going = [number for number, windows in enumerate(lists) if step < len(windows)]
        now = [lists[number][step] for number in going]
        follower.hear([regions[number] for number in going], now)
        together_BF = follower.features([regions[number] for number in going], now)
        for number, features_F in zip(going, together_BF, strict=True):
            close(features_F, alone[number][step])


@pytest.mark.parametrize("forgotten", [True, False])
def test_a_region_leaves_nothing_to_the_next(front_end, forgotten):
    follower = RegionFeatures(front_end)
    first, second = windows_of(speech_like(2, seed=3)), windows_of(speech_like(2, seed=4, pitch_hz=200))
    expected = features_of(RegionFeatures(front_end), second)
    region = follower.begin(0)
    follower.hear([region], [first[2]])
    if forgotten:
        follower.forget(region)
    else:
        follower.hear([region], [first[-1]])
    again = follower.begin(0)
    assert again.stream == region.stream
    follower.forget(again)
    close(features_of(follower, second), expected)


def test_a_window_is_the_slice_of_its_region(front_end):
    """The pitch of the last window, whose first samples lie in the middle of a voiced stretch."""
    audio_T = speech_like(5, seed=5)
    window = windows_of(audio_T)[-2]
    (features_F,) = features_of(RegionFeatures(front_end), [window])
    alone_F = batch_features(front_end, window.samples)
    assert len(window.samples) == WINDOW_SAMPLES
    assert features_F[0] == pytest.approx(alone_F[0], rel=1e-3)
    assert not np.array_equal(features_F, alone_F), "the slice knows what came before it"


def test_more_regions_than_ever_before(front_end):
    follower = RegionFeatures(front_end)
    regions = [follower.begin(0) for _ in range(9)]
    assert len({region.stream for region in regions}) == 9
    window = windows_of(speech_like(1, seed=6))[0]
    follower.hear(regions, [window] * 9)
    features_BF = follower.features(regions, [window] * 9)
    close(features_BF, np.broadcast_to(features_BF[0], features_BF.shape))


def test_windows_of_any_lengths_share_calls_and_none_sees_it(front_end):
    windows = [
        windows_of(speech_like(s, seed=8 + number))[-1] for number, s in enumerate((1, 9, 1.2, 4, 8.5))
    ]
    follower = RegionFeatures(front_end)
    regions = [follower.begin(0) for _ in windows]
    follower.hear(regions, windows)
    for window, features_F in zip(windows, follower.features(regions, windows), strict=True):
        close(features_F, batch_features(front_end, window.audio))


def test_what_was_heard_is_not_heard_again(front_end):
    """After an error a call is made again, of those windows that are not to blame."""
    follower, windows = RegionFeatures(front_end), windows_of(speech_like(2, seed=13))
    expected = features_of(RegionFeatures(front_end), windows)
    region = follower.begin(0)
    for window, features_F in zip(windows, expected, strict=True):
        for _ in range(2):
            follower.hear([region], [window])
        close(follower.features([region], [window])[0], features_F)
    follower.forget(region)
    places = {follower.begin(0).stream for _ in range(3)}
    assert len(places) == 3, "a region that has ended gives back its place once"


def test_regions_that_come_and_go_take_the_places_of_those_that_went(front_end):
    follower, random = RegionFeatures(front_end), np.random.default_rng(0)
    window = windows_of(speech_like(1, seed=14))[-1]
    open_regions, places = [], set()
    for _ in range(200):
        open_regions.append(follower.begin(0))
        places.add(open_regions[-1].stream)
        if len(open_regions) == 5:
            gone = open_regions.pop(random.integers(5))
            if random.random() < 0.2:
                follower.hear([gone], [window])
            else:
                follower.forget(gone)
    assert max(places) < 8


def test_windows_of_another_region_are_refused(front_end):
    follower = RegionFeatures(front_end)
    windows = windows_of(speech_like(2, seed=7), region_start=500)
    region = follower.begin(500)
    follower.hear([region], [windows[1]])
    for wrong in (windows[0], windows_of(speech_like(2, seed=7))[2]):
        with pytest.raises(CmlstreamError, match="the region from 500, heard for 20000 samples"):
            follower.hear([region], [wrong])
