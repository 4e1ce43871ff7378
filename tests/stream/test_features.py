import csv

import numpy as np
import soundfile

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.egemaps.names import FEATURE_NAMES
from tests.signals import speech_like


def harmonic_tone(pitch_hz):
    time_T = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    return sum(np.sin(2 * np.pi * n * pitch_hz * time_T) / n for n in range(1, 15)) / 8


def table(path):
    with path.open(newline="") as lines:
        return list(csv.reader(lines))


def test_one_row_per_file_under_opensmiles_names_at_any_rate_and_channels(run_program, tmp_path):
    voice_T = np.int16(32_767 * harmonic_tone(220))
    soundfile.write(tmp_path / "mono.wav", voice_T, SAMPLE_RATE)
    soundfile.write(tmp_path / "stereo.flac", np.repeat(voice_T[:, None], 2, axis=1), SAMPLE_RATE)
    output = tmp_path / "table.csv"
    completed = run_program("features", "mono.wav", "stereo.flac", "-o", output)
    assert completed.returncode == 0
    header, mono, stereo = table(output)
    assert header == ["file", *FEATURE_NAMES]
    assert (mono[0], stereo[0]) == ("mono.wav", "stereo.flac")
    assert mono[1:] == stereo[1:]
    pitch = float(mono[1 + FEATURE_NAMES.index("F0semitoneFrom27.5Hz_sma3nz_amean")])
    assert abs(pitch - 36) < 0.2, "220 Hz is three octaves above 27.5 Hz"


def test_a_broken_file_is_named_and_the_others_are_written(run_program, tmp_path):
    soundfile.write(tmp_path / "good.wav", speech_like(0.6, seed=4), SAMPLE_RATE)
    (tmp_path / "bad.wav").write_bytes(b"RIFF" + bytes(40))
    completed = run_program("features", "bad.wav", "good.wav")
    assert completed.returncode == 2
    assert b"bad.wav" in completed.stderr
    rows = completed.stdout.decode().splitlines()
    assert [row.split(",")[0] for row in rows] == ["file", "good.wav"]


def test_a_place_that_cannot_be_written_is_named(run_program, tmp_path):
    soundfile.write(tmp_path / "good.wav", speech_like(0.6, seed=4), SAMPLE_RATE)
    completed = run_program("features", "good.wav", "-o", "nowhere/table.csv")
    assert completed.returncode == 2
    assert b"nowhere/table.csv cannot be written" in completed.stderr
