"""The recorder on a real disk: what was heard and published is what the files hold."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmlstream.stream.recording import files
from cmlstream.stream.recording import recorder as recorder_module
from cmlstream.stream.recording.intake import Intake
from cmlstream.stream.recording.recorder import Recorder
from cmlstream.stream.session import Session
from cmlstream.stream.sources.base import CHUNK_SAMPLES, Chunk
from tests.stream.recording.recorded import (
    SECOND,
    events_file,
    events_of,
    noise,
    recorded_audio,
    recording,
)
from tests.stream.serving import run, until

PIECES = st.lists(
    st.tuples(st.integers(1, 9_000), st.sampled_from([0, 0, 0, 1, 5_000])), min_size=1, max_size=12
)
"""Lengths of chunks, and of what is lost before each."""


def laid_out(pieces):
    """Return the chunks, and the stretches that they make."""
    chunks, stretches, position = [], {}, 0
    for count, lost in pieces:
        if lost or not stretches:
            position += lost
            stretches[position] = []
        chunks.append(Chunk(noise(position, count), position))
        stretches[max(stretches)].append(count)
        position += count
    return chunks, {start: noise(start, sum(counts)) for start, counts in stretches.items()}


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PIECES)
def test_the_files_hold_what_was_heard_however_it_was_cut_and_where_some_is_missing(tmp_path, pieces):
    session = Session("desk", "test 1")
    chunks, stretches = laid_out(pieces)

    async def record():
        async with recording(tmp_path, Intake(queued_samples=40_000_000)) as recorder:
            for turn, chunk in enumerate(chunks):
                recorder.hear(session, chunk)
                if turn % 5 == 4:
                    await asyncio.sleep(0.001)

    run(record())
    audio = recorded_audio(events_file(tmp_path, session).parent)
    assert audio.keys() == stretches.keys()
    for start, samples_T in stretches.items():
        np.testing.assert_array_equal(audio[start], samples_T)


def test_events_are_kept_as_they_go_over_the_wire_for_their_owner_alone(tmp_path):
    session = Session("desk", "test 1")
    events = events_of(session)
    messages = [events.started(), *events.conversation(2, 6), events.gap(), events.error(), events.ended()]

    async def record():
        async with recording(tmp_path / "new") as recorder:
            recorder.hear(session, Chunk(noise(0, SECOND), 0))
            for message in messages:
                await recorder.publish(message)
            assert recorder.take_failure(session) is None

    run(record())
    path = events_file(tmp_path / "new", session)
    assert path.read_bytes() == b"".join(message.payload + b"\n" for message in messages)
    for made in (tmp_path / "new").rglob("*"):
        assert made.stat().st_mode & 0o777 == (0o700 if made.is_dir() else 0o600)


def test_a_session_s_files_are_closed_when_it_ends_while_others_go_on(tmp_path):
    one, other = Session("desk", "test 1"), Session("kitchen", "test 1")

    async def record():
        async with recording(tmp_path) as recorder:
            for session in (one, other):
                recorder.hear(session, Chunk(noise(0, 6_000), 0))
            await recorder.publish(events_of(one).ended())
            await until(lambda: events_file(tmp_path, one).exists())
            # The last 1,904 samples fill no frame: they are there because the file was closed.
            await until(lambda: len(recorded_audio(events_file(tmp_path, one).parent).get(0, ())) == 6_000)
            recorder.hear(other, Chunk(noise(6_000, 6_000), 6_000))

    run(record())
    np.testing.assert_array_equal(recorded_audio(events_file(tmp_path, other).parent)[0], noise(0, 12_000))


def test_two_hundred_streams_at_once(tmp_path):
    sessions = [Session(f"stream-{number}", "test 1") for number in range(200)]

    async def record():
        async with recording(tmp_path) as recorder:
            events = {session.stream: events_of(session) for session in sessions}
            for position in range(0, SECOND, CHUNK_SAMPLES):
                for session in sessions:
                    recorder.hear(session, Chunk(noise(position, CHUNK_SAMPLES), position))
                    await recorder.publish(events[session.stream].affect())
            assert recorder.dropped_samples == recorder.skipped_events == 0

    run(record())
    for session in sessions:
        path = events_file(tmp_path, session)
        assert len(path.read_bytes().splitlines()) == SECOND // CHUNK_SAMPLES
        np.testing.assert_array_equal(recorded_audio(path.parent)[0], noise(0, SECOND))


def test_an_hour_long_stretch_goes_on_in_a_new_file(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LONGEST_STRETCH_SAMPLES", SECOND)
    session = Session("desk", "test 1")

    async def record():
        for position in range(0, 4 * SECOND, SECOND // 2):
            recorder.hear(session, Chunk(noise(position, SECOND // 2), position))
        await recorder.close()
        await recorder.run()

    recorder = Recorder(tmp_path)
    run(record())
    audio = recorded_audio(events_file(tmp_path, session).parent)
    np.testing.assert_array_equal(np.concatenate(list(audio.values())), noise(0, 4 * SECOND))


def test_audio_that_waits_too_long_is_dropped_counted_and_missing_where_it_was(tmp_path, caplog):
    session = Session("desk", "test 1")

    async def record():
        recorder = Recorder(tmp_path, Intake(queued_samples=3 * SECOND))
        for position in range(0, 5 * SECOND, SECOND):
            recorder.hear(session, Chunk(noise(position, SECOND), position))
        # Only now does the disk begin to take anything.
        await recorder.close()
        await recorder.run()
        assert recorder.dropped_samples == 2 * SECOND
        assert "Audio is missing in the recording" in recorder.take_failure(session)
        assert recorder.take_failure(session) is None

    with caplog.at_level(logging.WARNING):
        run(record())
    ((start, samples_T),) = recorded_audio(events_file(tmp_path, session).parent).items()
    assert start == 2 * SECOND
    np.testing.assert_array_equal(samples_T, noise(start, 3 * SECOND))
    assert "desk" not in caplog.text


def test_events_beyond_the_queue_stop_their_recording_and_are_counted(tmp_path):
    session = Session("desk", "test 1")
    events = events_of(session)

    async def record():
        recorder = Recorder(tmp_path, Intake(queued_events=10))
        for message in [events.started(), *events.updates(14)]:
            await recorder.publish(message)
        assert recorder.skipped_events == 5
        assert "too slow" in recorder.take_failure(session)
        assert recorder.take_failure(session) is None
        await recorder.publish(events.ended())
        await recorder.close()
        await recorder.run()

    run(record())


def test_audio_that_is_dropped_is_told_to_its_own_session_alone(tmp_path):
    one, other = Session("desk", "test 1"), Session("kitchen", "test 1")

    async def record():
        recorder = Recorder(tmp_path, Intake(queued_samples=3 * SECOND))
        recorder.hear(one, Chunk(noise(0, SECOND), 0))
        for position in range(0, 3 * SECOND, SECOND):
            recorder.hear(other, Chunk(noise(position, SECOND), position))
        assert recorder.take_failure(other) is None
        assert "Audio is missing" in recorder.take_failure(one)
        await recorder.close()
        await recorder.run()

    run(record())


def test_events_that_were_written_are_not_counted_where_their_audio_could_not_be(tmp_path, monkeypatch):
    def refuse(files, chunk):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.SessionFiles, "write_audio", refuse)
    session = Session("desk", "test 1")
    events = events_of(session)

    async def record():
        async with recording(tmp_path) as recorder:
            recorder.hear(session, Chunk(noise(0, SECOND), 0))
            for message in [events.started(), *events.updates(9)]:
                await recorder.publish(message)
            await until(lambda: recorder.take_failure(session) is not None)
            await recorder.publish(events.affect())
            assert recorder.skipped_events == 1

    run(record())
    assert len(events_file(tmp_path, session).read_bytes().splitlines()) == 10


def test_a_recording_that_is_there_already_is_not_touched(tmp_path):
    session = Session("desk", "test 1")
    kept = events_file(tmp_path, session)
    kept.parent.mkdir(parents=True)
    kept.write_text("precious")

    async def record():
        async with recording(tmp_path) as recorder:
            recorder.hear(session, Chunk(noise(0, SECOND), 0))
            await until(lambda: recorder.take_failure(session) is not None)

    run(record())
    assert kept.read_text() == "precious"
    assert list(kept.parent.iterdir()) == [kept]


def test_cancelling_the_recorder_ends_its_thread_and_keeps_what_was_heard(tmp_path):
    session = Session("desk", "test 1")

    async def record():
        recorder = Recorder(tmp_path)
        running = asyncio.create_task(recorder.run())
        recorder.hear(session, Chunk(noise(0, 5_000), 0))
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await until(lambda: not any(thread.name == "recorder" for thread in threading.enumerate()))

    run(record())
    np.testing.assert_array_equal(recorded_audio(events_file(tmp_path, session).parent)[0], noise(0, 5_000))


def test_a_disk_that_hangs_does_not_hold_up_the_end(tmp_path, monkeypatch, caplog):
    hanging, released = threading.Event(), threading.Event()

    def hang(_descriptor):
        hanging.set()
        released.wait()

    monkeypatch.setattr(os, "fdatasync", hang)
    monkeypatch.setattr(recorder_module, "DRAIN_S", 0.05)
    session = Session("desk", "test 1")

    async def record():
        async with recording(tmp_path) as recorder:
            await recorder.publish(events_of(session).ended())
            await until(hanging.is_set)
        released.set()

    run(record())
    assert "took too long" in caplog.text
