import csv
import os
import signal
import subprocess
import time
from itertools import pairwise

import numpy as np
import psutil
import pyarrow.parquet
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

from cmlstream.models.contract import FULL_SCALE, SAMPLE_RATE
from cmlstream.models.egemaps import FEATURE_NAMES, LLD_NAMES, FrontEnd
from cmlstream.stream.features import BATCH_FILES, BATCH_SAMPLES, WINDOW_BATCHES, plan
from tests.conftest import PROGRAM
from tests.signals import speech_like

DEADLINE_S = 40.0
PITCH = "F0semitoneFrom27.5Hz_sma3nz"
two_cores = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core: no other processes")


def harmonic_tone(pitch_hz):
    time_T = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    return sum(np.sin(2 * np.pi * n * pitch_hz * time_T) / n for n in range(1, 15)) / 8


def table(path):
    with path.open(newline="") as lines:
        return list(csv.reader(lines))


def functionals(samples_T):
    torch.set_num_threads(1)
    waveform_BT = torch.from_numpy(samples_T / np.float32(FULL_SCALE))[None]
    return FrontEnd()(waveform_BT, torch.tensor([len(samples_T)]))[0].numpy()


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
    pitch = float(mono[1 + FEATURE_NAMES.index(f"{PITCH}_amean")])
    assert abs(pitch - 36) < 0.2, "220 Hz is three octaves above 27.5 Hz"


def test_a_row_per_frame_with_its_place_in_the_file(run_program, tmp_path):
    soundfile.write(tmp_path / "tone.wav", harmonic_tone(220), SAMPLE_RATE)
    completed = run_program("features", "--lld", "tone.wav")
    assert completed.returncode == 0
    header, *rows = csv.reader(completed.stdout.decode().splitlines())
    assert header == ["file", "start", "end", *LLD_NAMES]
    assert {row[0] for row in rows} == {"tone.wav"}
    assert [row[1] for row in rows[:4]] == ["0.0", "0.01", "0.02", "0.03"]
    assert [row[2] for row in rows[:4]] == ["0.02", "0.03", "0.04", "0.05"]
    # 95 frames of 60 ms and one more; like openSMILE's, it goes on to the end of the file.
    assert len(rows) == 96
    assert rows[-1][1:3] == ["0.95", "1.0"]
    middle_pitch = float(rows[48][header.index(PITCH)])
    assert abs(middle_pitch - 36) < 0.2


@pytest.mark.parametrize("options", [[], ["--lld"]], ids=["functionals", "lld"])
def test_parquet_holds_what_csv_holds(run_program, tmp_path, options):
    for seed in range(2):
        soundfile.write(tmp_path / f"{seed}.wav", speech_like(0.8, seed), SAMPLE_RATE)
    for name in ("table.csv", "table.parquet"):
        completed = run_program("features", *options, "0.wav", "1.wav", "-o", name)
        assert (completed.returncode, completed.stdout, completed.stderr) == (0, b"", b"")
    header, *rows = table(tmp_path / "table.csv")
    packed = pyarrow.parquet.read_table(tmp_path / "table.parquet")
    assert packed.column_names == header
    assert packed["file"].to_pylist() == [row[0] for row in rows]
    for name, *column in list(zip(header, *rows, strict=True))[1:]:
        values_T = packed[name].to_numpy()
        assert values_T.dtype == (np.float64 if name in {"start", "end"} else np.float32)
        np.testing.assert_array_equal(np.array(column, values_T.dtype), values_T, name)


@pytest.mark.slow
@two_cores
def test_batches_on_several_cores_change_neither_order_nor_values(run_program, tmp_path):
    voice_T = speech_like(30.0)
    cuts = [SAMPLE_RATE * (30 - n) for n in range(14)]
    for n, samples in enumerate(cuts):
        soundfile.write(tmp_path / f"{n}.wav", voice_T[:samples], SAMPLE_RATE)
    names = [f"{n}.wav" for n in range(14)]
    completed = run_program("features", *names, "-o", "table.csv")
    assert (completed.returncode, completed.stderr) == (0, b"")
    _, *rows = table(tmp_path / "table.csv")
    assert [row[0] for row in rows] == names
    for n in (0, 13):
        alone_F = functionals(voice_T[: cuts[n]])
        np.testing.assert_allclose(np.array(rows[n][1:], np.float32), alone_F, rtol=1e-3, atol=1e-4)


def test_a_broken_file_is_named_and_the_others_are_written(run_program, tmp_path):
    soundfile.write(tmp_path / "good.wav", speech_like(0.6, seed=4), SAMPLE_RATE)
    (tmp_path / "bad.wav").write_bytes(b"RIFF" + bytes(40))
    completed = run_program("features", "bad.wav", "good.wav", "absent.wav")
    assert completed.returncode == 2
    assert b"bad.wav cannot be read" in completed.stderr
    assert b"absent.wav does not exist" in completed.stderr
    rows = completed.stdout.decode().splitlines()
    assert [row.split(",")[0] for row in rows] == ["file", "good.wav"]


def test_a_file_whose_name_is_no_text_is_named(run_program, tmp_path):
    soundfile.write(tmp_path / "good.wav", speech_like(0.6, seed=4), SAMPLE_RATE)
    odd = os.fsdecode(b"odd\xff.wav")
    (tmp_path / "good.wav").rename(tmp_path / odd)
    completed = run_program("features", odd)
    assert completed.returncode == 2
    assert b".wav has a name that is not UTF-8: rename it" in completed.stderr


def test_broken_files_only_make_no_table(run_program, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"RIFF" + bytes(40))
    for name in ("table.csv", "table.parquet"):
        completed = run_program("features", "bad.wav", "-o", name)
        assert completed.returncode == 2
        assert b"bad.wav cannot be read" in completed.stderr
    assert os.listdir(tmp_path) == ["bad.wav"]


def test_a_place_that_cannot_be_written_is_named(run_program, tmp_path):
    soundfile.write(tmp_path / "good.wav", speech_like(0.6, seed=4), SAMPLE_RATE)
    completed = run_program("features", "good.wav", "-o", "nowhere/table.csv")
    assert completed.returncode == 2
    assert b"nowhere/table.csv cannot be written" in completed.stderr


def test_a_full_standard_output_is_named(tmp_path):
    soundfile.write(tmp_path / "good.wav", speech_like(0.6, seed=4), SAMPLE_RATE)
    with open("/dev/full", "wb") as full:
        command = [*PROGRAM, "features", tmp_path / "good.wav"]
        completed = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=100, check=False)
    assert completed.returncode == 2
    assert completed.stderr.startswith(b"cmlstream: standard output cannot be written (No space left")
    assert completed.stderr.count(b"\n") == 1


def test_an_ending_of_no_table_is_refused_before_any_work(run_program, tmp_path):
    completed = run_program("features", "absent.wav", "-o", "table.xlsx")
    assert completed.returncode == 2
    assert completed.stderr.startswith(b"cmlstream: table.xlsx is neither a .csv nor a .parquet file")


def test_parquet_without_pyarrow_says_what_to_install(run_program, tmp_path):
    # The program runs in this folder, so it finds this in the place of the real one.
    (tmp_path / "pyarrow.py").write_text("raise ModuleNotFoundError(name='pyarrow')")
    completed = run_program("features", "absent.wav", "-o", "table.parquet")
    assert completed.returncode == 2
    assert b"pip install 'cmlstream[parquet]'" in completed.stderr
    assert completed.stderr.count(b"\n") == 1


def test_a_reader_of_standard_output_may_stop(start_program, tmp_path):
    soundfile.write(tmp_path / "long.wav", speech_like(20.0), SAMPLE_RATE)
    program = start_program("features", "--lld", "long.wav")
    assert program.stdout.readline().startswith(b"file,start,end")
    program.stdout.close()
    assert program.wait(DEADLINE_S) == 0
    assert program.stderr.read() == b""


@pytest.fixture
def at_work(start_program, tmp_path):
    """Start the program on more than it does in seconds; it has other processes, and `ready` holds."""
    soundfile.write(tmp_path / "voice.wav", speech_like(4.0), SAMPLE_RATE)

    def start(ready):
        program = start_program("features", "--lld", *["voice.wav"] * 400, "-o", "table.csv")
        running = psutil.Process(program.pid)
        deadline = time.monotonic() + DEADLINE_S
        while len(children := workers(running)) < 2 or not ready(tmp_path):
            assert program.poll() is None, program.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return program, children

    return start


def workers(program):
    return [child for child in program.children() if any("spawn_main" in word for word in child.cmdline())]


def has_ended(process):
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until_ended(processes):
    deadline = time.monotonic() + DEADLINE_S
    while not all(map(has_ended, processes)):
        assert time.monotonic() < deadline, "a process outlives the program"
        time.sleep(0.01)


def at_once(folder):
    return True


def with_rows_written(folder):
    aside = folder / "table.csv.part"
    return aside.exists() and aside.stat().st_size > 0


@two_cores
@pytest.mark.parametrize("ready", [at_once, with_rows_written])
def test_ctrl_c_leaves_neither_processes_nor_a_table(at_work, tmp_path, ready):
    program, children = at_work(ready)
    # A terminal sends it to all of them.
    for process in (*children, psutil.Process(program.pid)):
        process.send_signal(signal.SIGINT)
    assert program.wait(DEADLINE_S) == 130
    assert all(map(has_ended, children))
    assert program.stderr.read() == b"\n", "for the prompt that follows"
    assert os.listdir(tmp_path) == ["voice.wav"]


@pytest.mark.slow
@two_cores
def test_when_the_program_is_killed_its_processes_end(at_work):
    program, children = at_work(with_rows_written)
    program.kill()
    wait_until_ended(children)


@given(
    st.lists(
        st.integers(0, 3 * BATCH_SAMPLES) | st.integers(0, BATCH_SAMPLES // 20), min_size=1, max_size=200
    )
)
def test_batches_hold_every_file_once_and_little_else(samples):
    batches = plan(samples)
    assert sorted(place for batch in batches for place in batch) == list(range(len(samples)))
    for batch in batches:
        assert 1 <= len(batch) <= BATCH_FILES
        assert len(batch) == 1 or len(batch) * max(samples[place] for place in batch) <= BATCH_SAMPLES
    done: set[int] = set()
    for batch in batches:
        done |= set(batch)
        due = next((place for place in range(len(samples)) if place not in done), len(samples))
        early = [place for place in done if place > due]
        assert len(early) < WINDOW_BATCHES * BATCH_FILES
        assert sum(samples[place] for place in early) <= WINDOW_BATCHES * BATCH_SAMPLES


@given(st.permutations(range(BATCH_FILES * WINDOW_BATCHES)))
def test_files_of_about_one_length_come_together(order):
    samples = [SAMPLE_RATE * seconds // 10 for seconds in order]
    batches = plan(samples)
    assert len(batches) == WINDOW_BATCHES
    longest = [max(samples[place] for place in batch) for batch in batches]
    shortest = [min(samples[place] for place in batch) for batch in batches]
    assert all(before < after for before, after in pairwise(longest))
    assert all(end < start for end, start in zip(longest, shortest[1:], strict=False))
