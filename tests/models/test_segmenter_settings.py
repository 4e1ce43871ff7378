import msgspec
import pytest

from cmlstream.models.errors import ConfigurationError
from cmlstream.models.segment import SegmenterSettings


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"frame_ms": 25}, "frame_ms is 25; choose 10, 20 or 30"),
        ({"aggressiveness": 4}, "aggressiveness is 4; choose a value from 0 to 3"),
        ({"onset_votes": 11}, "onset_votes is 11; choose a value from 1 to 10"),
        ({"onset_frames": 0}, "onset_frames is 0"),
        ({"hangover_ms": 0}, "hangover_ms is 0"),
        ({"hangover_ms": 100}, r"onset_frames \* frame_ms is 200; choose a value from 0 to 100"),
        ({"minimum_speech_ms": 5}, "minimum_speech_ms is 5"),
        ({"maximum_region_s": float("nan")}, "maximum_region_s is nan"),
        ({"pre_roll_ms": -1}, "pre_roll_ms is -1"),
        ({"gate": {"margin_db": -3.0}}, "gate.margin_db is -3.0; choose a value from 0 to 60"),
        ({"gate": {"absolute_floor_dbfs": 3.0}}, "gate.absolute_floor_dbfs is 3.0"),
        ({"gate": {"rise_db_per_s": -1.0}}, "gate.rise_db_per_s is -1.0"),
        ({"gate": {"fall_ms": 0}}, "gate.fall_ms is 0"),
    ],
)
def test_settings_from_a_file_are_checked(wrong: dict[str, object], complaint: str):
    with pytest.raises(ConfigurationError, match=complaint):
        msgspec.convert(wrong, SegmenterSettings)


def test_durations_count_in_whole_frames():
    chosen = SegmenterSettings(frame_ms=30, maximum_region_s=20)
    assert chosen.frame_samples == 480
    assert chosen.whole_frames(200) == 7 * 480
    assert chosen.maximum_region_samples == 666 * 480
