import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmlstream.stream.client.outbox import PIECE_BYTES, Outbox
from cmlstream.stream.ingest import NewSpeaker, Skip

FRAME_BYTES = 2
ROOMY = 2**30


def audio(start, frames):
    """Frames that say where they belong."""
    return b"".join((start + index).to_bytes(FRAME_BYTES, "little") for index in range(frames))


class Pusher:
    """An outbox, and what it was pushed: the place of every frame, None where one was skipped."""

    def __init__(self, limit_bytes=ROOMY):
        self.outbox = Outbox(FRAME_BYTES, limit_bytes)
        self.pushed = []

    def push(self, frames):
        self.outbox.push(audio(len(self.pushed), frames), float(len(self.pushed)))
        self.pushed += range(len(self.pushed), len(self.pushed) + frames)

    def skip(self, frames):
        self.outbox.skip(frames, 0.0)
        self.pushed += [None] * frames


class Taker:
    """A server's side: every frame it has, None for one that it was told is missing."""

    def __init__(self):
        self.frames = []
        self.speakers = []

    def take(self, piece):
        match piece.message:
            case Skip(samples=samples):
                self.frames += [None] * samples
            case NewSpeaker():
                self.speakers.append(len(self.frames))
            case data:
                self.frames += [
                    int.from_bytes(data[at : at + FRAME_BYTES], "little")
                    for at in range(0, len(data), FRAME_BYTES)
                ]


def drain(outbox, taker):
    while (piece := outbox.take()) is not None:
        taker.take(piece)


def happen(data, pusher, taker):
    """Whatever may happen between a sender and a server; yield after each of it."""
    outbox = pusher.outbox
    events = ["push", "skip", "speak", "take", "lose", "acknowledge"]
    for event in data.draw(st.lists(st.sampled_from(events), max_size=60)):
        match event:
            case "push":
                pusher.push(data.draw(st.integers(1, 5)))
            case "skip":
                pusher.skip(data.draw(st.integers(1, 5)))
            case "speak":
                outbox.new_speaker(0.0)
            case "take":
                if (piece := outbox.take()) is not None:
                    taker.take(piece)
            case "lose":  # what was on the way is gone, down to the middle of a message
                kept = data.draw(st.integers(outbox.start, len(taker.frames)))
                del taker.frames[kept:]
                outbox.resume(kept)
            case "acknowledge":
                outbox.acknowledge(data.draw(st.integers(outbox.start, len(taker.frames))))
        yield
    drain(outbox, taker)


@given(st.data())
def test_whatever_is_lost_on_the_way_arrives_once_and_in_place(data):
    pusher, taker = Pusher(), Taker()
    for _ in happen(data, pusher, taker):
        pass
    assert taker.frames == pusher.pushed
    pusher.outbox.acknowledge(len(taker.frames))
    assert pusher.outbox.held_bytes == 0
    assert pusher.outbox.start == pusher.outbox.end == len(pusher.pushed)


@given(st.data())
def test_a_full_outbox_keeps_its_limit_and_tells_of_what_it_drops(data):
    limit_bytes = 4 * (PIECE_BYTES + 10)
    pusher, taker = Pusher(limit_bytes), Taker()
    for _ in happen(data, pusher, taker):
        assert pusher.outbox.held_bytes <= limit_bytes
    assert len(taker.frames) == len(pusher.pushed)
    arrived = [(index, frame) for index, frame in enumerate(taker.frames) if frame is not None]
    assert all(frame == index == pusher.pushed[index] for index, frame in arrived)


def test_the_oldest_goes_and_is_counted_once_it_was_told():
    pusher, taker = Pusher(3 * (PIECE_BYTES + 20)), Taker()
    for _ in range(5):
        pusher.push(10)
    assert pusher.outbox.skipped_frames == 0
    drain(pusher.outbox, taker)
    assert taker.frames == [None] * 20 + list(range(20, 50))
    assert pusher.outbox.skipped_frames == 20


def test_what_went_while_it_was_on_the_way_is_no_loss_where_it_arrived():
    pusher, taker = Pusher(2 * (PIECE_BYTES + 20)), Taker()
    for _ in range(2):
        pusher.push(10)
    drain(pusher.outbox, taker)
    pusher.push(10)
    drain(pusher.outbox, taker)
    assert taker.frames == list(range(30))
    pusher.outbox.resume(20)
    assert pusher.outbox.skipped_frames == 0
    assert pusher.outbox.held_bytes == PIECE_BYTES + 20


def test_what_went_is_told_where_the_server_did_not_get_it():
    pusher = Pusher(2 * (PIECE_BYTES + 20))
    for _ in range(2):
        pusher.push(10)
    drain(pusher.outbox, Taker())
    pusher.push(10)
    pusher.outbox.resume(4)
    taker = Taker()
    drain(pusher.outbox, taker)
    assert taker.frames == [None] * 6 + list(range(10, 30))
    assert pusher.outbox.skipped_frames == 6


def test_a_skip_that_is_told_again_counts_once():
    pusher = Pusher()
    pusher.skip(10)
    for _ in range(3):
        drain(pusher.outbox, Taker())
        pusher.outbox.resume(0)
    assert pusher.outbox.skipped_frames == 10


def test_a_server_that_is_behind_what_is_held_is_told_to_skip():
    pusher, taker = Pusher(), Taker()
    pusher.push(10)
    drain(pusher.outbox, Taker())
    pusher.outbox.acknowledge(10)
    pusher.push(5)
    pusher.outbox.resume(3)
    drain(pusher.outbox, taker)
    assert taker.frames == [None] * 7 + list(range(10, 15))


def test_a_new_speaker_is_told_again_until_something_behind_it_is_acknowledged():
    outbox = Outbox(FRAME_BYTES, ROOMY)
    outbox.push(audio(0, 10), 0.0)
    outbox.new_speaker(0.0)
    outbox.push(audio(10, 10), 0.0)
    told = []
    for reached in (10, 11):
        taker = Taker()
        drain(outbox, taker)
        told.append(taker.speakers)
        outbox.resume(reached)
    drain(outbox, last := Taker())
    assert told == [[10], [0]]
    assert last.speakers == []


def test_a_new_speaker_survives_the_audio_around_it():
    outbox, taker = Outbox(FRAME_BYTES, 2 * (PIECE_BYTES + 20)), Taker()
    outbox.push(audio(0, 10), 0.0)
    outbox.new_speaker(0.0)
    for start in (10, 20, 30):
        outbox.push(audio(start, 10), 0.0)
    drain(outbox, taker)
    assert taker.speakers == [20]
    assert taker.frames == [None] * 20 + list(range(20, 40))


@pytest.mark.parametrize("silent", ["skip", "speak"])
def test_what_is_no_audio_does_not_pile_up(silent):
    outbox = Outbox(FRAME_BYTES, ROOMY)
    for _ in range(1_000):
        outbox.skip(1, 0.0)
        if silent == "speak":
            outbox.new_speaker(0.0)
    taken = []
    while (piece := outbox.take()) is not None:
        taken.append(piece.message)
    assert taken == [Skip(samples=1_000), *([NewSpeaker()] if silent == "speak" else [])]


def test_acknowledging_returns_the_newest_audio():
    pusher = Pusher()
    for _ in range(3):
        pusher.push(10)
    pusher.skip(5)
    drain(pusher.outbox, Taker())
    assert pusher.outbox.acknowledge(5) is None
    assert pusher.outbox.acknowledge(35).pushed_s == 20.0
    assert pusher.outbox.acknowledge(35) is None


def test_a_piece_larger_than_the_limit_goes_alone():
    pusher = Pusher(100)
    for _ in range(3):
        pusher.push(1_000)
    assert not pusher.outbox.has_room(1)
    drain(pusher.outbox, taker := Taker())
    assert taker.frames == [None] * 2_000 + list(range(2_000, 3_000))
