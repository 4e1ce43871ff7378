import numpy as np
import pytest

from cmlstream.stream.sources.encoding import decode_frames, sample_bytes

# ITU-T G.711, table 2a: the first and last code of each of the positive segments, in 14 bits times 4.
SEGMENTS = {0x80: 32124, 0x8F: 16764, 0x90: 15996, 0xA0: 7932, 0xB0: 3900, 0xC0: 1884, 0xD0: 876, 0xE0: 372}


def test_mu_law_is_decoded_by_its_table():
    codes = [*SEGMENTS, 0xF0, 0xFF]
    values = decode_frames(bytes(codes), "mulaw", len(codes), 1)[:, 0]
    assert values.tolist() == [*SEGMENTS.values(), 120, 0]


def test_mu_law_is_symmetrical():
    positive = decode_frames(bytes(range(0x80, 0x100)), "mulaw", 128, 1)
    negative = decode_frames(bytes(range(0x80)), "mulaw", 128, 1)
    assert (negative == -positive).all()


@pytest.mark.parametrize(
    ("format_", "written"),
    [("pcm_s16le", np.array([1, -2, 3, -4], "<i2")), ("pcm_f32le", np.array([0.5, -1], "<f4"))],
)
def test_pcm_is_read_in_place_channel_by_channel(format_, written):
    message = written.tobytes()
    frames_TC = decode_frames(message, format_, len(written) // 2, 2)
    assert frames_TC.tolist() == written.reshape(-1, 2).tolist()
    assert len(message) == written.size * sample_bytes(format_)
    assert not frames_TC.flags.owndata


def test_bytes_behind_the_last_whole_frame_are_left():
    assert len(decode_frames(b"\1\0\2\0\3", "pcm_s16le", 2, 1)) == 2
