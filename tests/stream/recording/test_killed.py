"""Recording processes that are killed, or run out of room: what is there afterwards."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest
import soundfile

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.stream.events import decode
from cmlstream.stream.recording.flac import FRAME_SAMPLES
from cmlstream.stream.recording.intake import WRITE_INTERVAL_S
from cmlstream.stream.recording.reading import Damage, find_sessions, read
from cmlstream.stream.session import Session
from cmlstream.stream.sources.base import CHUNK_SAMPLES, Chunk
from tests.stream.recording.recorded import SECOND, events_file, events_of, noise, recorded_audio, recording
from tests.stream.serving import run

KILLS = 5
WAIT_S = 30.0


@contextmanager
def recording_process(root, how, **options):
    command = [sys.executable, "-m", "tests.stream.recording.recorded", how, str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(condition):
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def assert_whole(folder):
    """Every file can be read at once by anybody; return how much audio there is."""
    audio = recorded_audio(folder)
    for start, samples_T in audio.items():
        np.testing.assert_array_equal(samples_T, noise(start, len(samples_T)))
    lines = (folder / "events.jsonl").read_bytes().split(b"\n")
    assert [decode(line).seq for line in lines[:-1]] == list(range(1, len(lines)))
    return sum(map(len, audio.values()))


def test_less_than_a_second_is_at_stake():
    assert WRITE_INTERVAL_S + FRAME_SAMPLES / SAMPLE_RATE < 1


def test_whenever_it_is_killed_all_files_are_whole(tmp_path):
    moments = random.Random(5)
    amounts = []
    for kill in range(KILLS):
        root = tmp_path / str(kill)
        with recording_process(root, "at once") as process:
            wait_for(lambda root=root: any(root.glob("*/*/audio-*.flac")))
            time.sleep(moments.uniform(0, 0.1))
            process.send_signal(signal.SIGKILL)
            process.wait()
        (folder,) = root.glob("*/*")
        amounts.append(assert_whole(folder))
    assert len(set(amounts)) > 1, "it was killed at different moments"


def test_a_killed_process_leaves_all_that_it_heard_but_the_last_frame(tmp_path):
    with recording_process(tmp_path, "and wait") as process:
        assert process.stdout.readline() == b"heard\n"

        def recorded():
            found = list(tmp_path.glob("*/*/audio-*.flac"))
            return soundfile.info(found[0]).frames if found else 0

        wait_for(lambda: recorded() >= 3 * SECOND - FRAME_SAMPLES)
        process.send_signal(signal.SIGKILL)
        process.wait()
    (folder,) = tmp_path.glob("*/*")
    assert assert_whole(folder) >= 3 * SECOND - FRAME_SAMPLES
    assert [item.event.seq for item in read(folder / "events.jsonl")] == [1]


def test_a_disk_quota_stops_the_recording_with_whole_files_and_one_line_in_the_log(tmp_path):
    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    with recording_process(tmp_path, "within a limit", preexec_fn=limited) as process:
        output, log = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0
    assert output.startswith(b"Recording stopped (File too large): see to the folder that --record names;")
    assert log.decode().count("A recording stopped") == 1
    (folder,) = tmp_path.glob("*/*")
    assert assert_whole(folder) > 0
    assert not (folder / "events.jsonl").read_bytes().rpartition(b"\n")[2]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 600 kB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this root may not mount a file system")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk_stops_every_recording_on_it_and_no_stream(small_disk, caplog):
    sessions = [Session(name, "test 1") for name in ("desk", "kitchen")]
    events = {session.stream: events_of(session) for session in sessions}
    failures = {}

    async def record():
        async with recording(small_disk) as recorder:
            position = 0

            async def go_on():
                nonlocal position
                for session in sessions:
                    recorder.hear(session, Chunk(noise(position, CHUNK_SAMPLES), position))
                    if position % SECOND == 0:
                        await recorder.publish(events[session.stream].affect())
                    if failure := recorder.take_failure(session):
                        assert session.stream not in failures, "it is said once"
                        failures[session.stream] = failure
                position += CHUNK_SAMPLES

            while len(failures) < len(sessions):
                await go_on()
                await asyncio.sleep(0.004)
            for _ in range(SECOND // CHUNK_SAMPLES):
                await go_on()
            assert recorder.skipped_events >= len(sessions)
            assert recorder.dropped_samples == 0

    with caplog.at_level(logging.WARNING):
        run(record())
    assert all("No space left on device" in failure for failure in failures.values())
    assert len([one for one in caplog.records if "A recording stopped" in one.message]) == 1
    assert not any(session.stream in caplog.text for session in sessions)
    for session in sessions:
        assert_whole(events_file(small_disk, session).parent)
    found = find_sessions(small_disk)
    assert {one.stream for one in found} == {"desk", "kitchen"}
    assert not any(isinstance(item, Damage) for one in found for item in read(one.path))
