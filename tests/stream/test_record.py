"""`--record` as a user gives it: what is kept is what was heard and published, also when it is killed."""

from __future__ import annotations

import os
import subprocess

import numpy as np
import pytest
import soundfile

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.stream.events import Affect, Error, SpeechEnded, StreamEnded, decode
from tests.signals import quiet_noise, speech_like
from tests.stream.recording.recorded import recorded_audio


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Five seconds with one region of speech."""
    path = tmp_path_factory.mktemp("audio") / "clip.wav"
    pieces = [quiet_noise(0.6), speech_like(3.2, seed=11), quiet_noise(1.2)]
    soundfile.write(path, np.concatenate(pieces), SAMPLE_RATE)
    return path


@pytest.mark.slow
def test_a_recording_holds_the_file_s_samples_and_the_printed_events_and_replays(run_program, clip, tmp_path):
    kept = tmp_path / "kept"
    listened = run_program("listen", clip, "--json", "--port", "0", "--record", kept)
    assert listened.returncode == 0
    (events,) = kept.glob("live/*/events.jsonl")
    assert events.read_bytes() == listened.stdout
    (samples_T,) = recorded_audio(events.parent).values()
    np.testing.assert_array_equal(samples_T, soundfile.read(clip, dtype="int16")[0])
    replayed = run_program("replay", kept, "--speed", "max", "--json", "--port", "0")
    assert replayed.stdout == listened.stdout


@pytest.mark.slow
def test_a_killed_program_leaves_what_it_said_up_to_a_second_before(
    start_program, run_program, clip, tmp_path
):
    kept = tmp_path / "kept"
    process = start_program("listen", clip, "--realtime", "--json", "--port", "0", "--record", kept)
    for line in process.stdout:
        if isinstance(decode(line), SpeechEnded):
            break
    process.kill()
    process.wait()
    replayed = run_program("replay", kept, "--speed", "max", "--json", "--port", "0")
    assert sum(isinstance(decode(line), Affect) for line in replayed.stdout.splitlines()) >= 6
    (folder,) = kept.glob("live/*")
    (samples_T,) = recorded_audio(folder).values()
    assert len(samples_T) > SAMPLE_RATE
    np.testing.assert_array_equal(samples_T, soundfile.read(clip, dtype="int16")[0][: len(samples_T)])


@pytest.mark.slow
def test_a_full_disk_is_said_once_and_the_stream_goes_on(run_program, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=False).returncode:
        pytest.skip("this root may not mount a file system")
    try:
        listened = run_program("listen", "sample", "--json", "--port", "0", "--record", disk)
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)
    events = [decode(line) for line in listened.stdout.splitlines()]
    assert listened.returncode == 0
    (error,) = [event for event in events if isinstance(event, Error)]
    assert error.code == "recording"
    assert "No space left on device" in error.message
    assert isinstance(events[-1], StreamEnded)
    assert events[-1].reason == "end of input"
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert listened.stderr.decode().count("A recording stopped") == 1


def test_a_folder_that_cannot_be_made_is_the_user_s_mistake(run_program, clip):
    completed = run_program("listen", clip, "--port", "0", "--json", "--record", clip)
    assert completed.returncode == 2
    assert "name another with --record" in completed.stderr.decode()
