"""The encoder by itself: whatever of its patches is written, the file is whole."""

from __future__ import annotations

import io

import numpy as np
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from cmlstream.stream.recording.flac import FRAME_SAMPLES, FlacEncoder
from tests.stream.recording.recorded import noise

CUTS = st.lists(st.integers(0, 3 * FRAME_SAMPLES), max_size=6)


def apply(file, patch):
    assert patch.offset <= len(file), "no hole is left"
    file[patch.offset : patch.offset + len(patch.data)] = patch.data


def decoded(file):
    return soundfile.read(io.BytesIO(bytes(file)), dtype="int16")[0]


@settings(deadline=None, max_examples=60)
@given(CUTS)
def test_what_was_pushed_comes_out_however_it_was_cut(cuts):
    encoder, file, position = FlacEncoder(), bytearray(), 0
    for count in cuts:
        for patch in encoder.push(noise(position, count)):
            apply(file, patch)
        position += count
    for patch in encoder.flush():
        apply(file, patch)
    assert bool(file) == (position > 0)
    if file:
        np.testing.assert_array_equal(decoded(file), noise(0, position))


@settings(deadline=None, max_examples=40)
@given(CUTS)
def test_the_file_is_whole_after_every_patch_and_lacks_a_frame_at_most(cuts):
    encoder, file, position = FlacEncoder(), bytearray(), 0
    for count in cuts:
        patches = encoder.push(noise(position, count))
        position += count
        for patch in patches:
            apply(file, patch)
            so_far_T = decoded(file)
            np.testing.assert_array_equal(so_far_T, noise(0, len(so_far_T)))
        missing = position - (len(decoded(file)) if file else 0)
        assert missing <= FRAME_SAMPLES
    for patch in encoder.flush():
        apply(file, patch)
        so_far_T = decoded(file)
        np.testing.assert_array_equal(so_far_T, noise(0, len(so_far_T)))
