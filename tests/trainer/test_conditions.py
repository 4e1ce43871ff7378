from pathlib import Path

import numpy as np
import pytest
import soundfile

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.errors import ConfigurationError
from cmlstream.trainer.changes import active_level, samples_of, waveform_of
from cmlstream.trainer.conditions import (
    CLEAN,
    ROOM,
    TELEPHONE,
    Condition,
    every_condition,
    gain_of,
    noise_of,
    recordings_in,
)
from tests.signals import quiet_noise, speech_like


@pytest.fixture
def recordings(tmp_path: Path) -> list[Path]:
    for number in range(2):
        noise_N = quiet_noise(1.0, number, level_dbfs=-30)
        soundfile.write(tmp_path / f"{number}.flac", noise_N, SAMPLE_RATE, subtype="PCM_16")
    (tmp_path / "notes.txt").write_text("not audio")
    return recordings_in(tmp_path)


def changed(condition: Condition, seed: int = 1) -> np.ndarray:
    return condition.change(waveform_of(speech_like(1.0)), np.random.default_rng(seed))


def test_every_condition_has_a_name_of_its_own_and_changes_the_same_way_each_time(
    recordings: list[Path],
) -> None:
    conditions = every_condition(recordings)
    assert len({condition.name for condition in conditions}) == len(conditions) == 10
    for condition in conditions:
        np.testing.assert_array_equal(changed(condition), changed(condition))
        assert len(changed(condition)) == SAMPLE_RATE
        assert not np.array_equal(changed(condition), changed(CLEAN)), condition.name


def test_clean_is_the_recording_itself() -> None:
    np.testing.assert_array_equal(samples_of(changed(CLEAN)), speech_like(1.0))


def test_noise_differs_from_clip_to_clip_and_is_as_loud_as_its_name_says(recordings: list[Path]) -> None:
    assert not np.array_equal(changed(noise_of(10, recordings), 1), changed(noise_of(10, recordings), 2))
    clean_T = changed(CLEAN)
    added_T = changed(noise_of(10, recordings)) - clean_T
    found_db = 20 * np.log10(active_level(clean_T) / np.sqrt(np.mean(np.square(added_T))))
    assert found_db == pytest.approx(10, abs=0.3)


def test_other_recordings_are_another_condition_of_the_same_name(recordings: list[Path]) -> None:
    one, both = noise_of(10, recordings[:1]), noise_of(10, recordings)
    assert one.name == both.name
    assert one.material != both.material


def test_without_recordings_noise_is_left_out() -> None:
    names = [condition.name for condition in every_condition([])]
    assert names == [
        *("gain -30 dB", "gain -10 dB", "gain -6 dB", "gain +6 dB", "gain +12 dB"),
        *(TELEPHONE.name, ROOM.name),
    ]
    assert gain_of(-6).name in names


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no recordings of noise"):
        recordings_in(tmp_path)
