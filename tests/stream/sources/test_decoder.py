import av
import numpy as np
import pytest

from cmlstream.stream.sources import decoder


@pytest.mark.parametrize("name", ["u8", "s16", "s32", "flt", "dbl", "u8p", "s16p", "s32p", "fltp", "dblp"])
def test_every_format_of_samples_has_the_same_scale(name):
    spoken_TC = np.array([[-1.0, 0.5], [0.0, -0.25], [0.25, 0.75]])
    kind = np.dtype(av.audio.frame.format_dtypes[name])
    scaled_TC = {
        "u1": lambda: spoken_TC * 128 + 128,
        "i2": lambda: spoken_TC * 2**15,
        "i4": lambda: spoken_TC * 2**31,
    }.get(kind.str[1:], lambda: spoken_TC)().astype(kind)
    packed = scaled_TC.T.copy() if name.endswith("p") else scaled_TC.reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(packed, format=name, layout="stereo")
    frames_TC = decoder.frames_of(frame)
    scale = 2**15 if frames_TC.dtype == np.int16 else 1
    np.testing.assert_array_equal(frames_TC / scale, spoken_TC)
