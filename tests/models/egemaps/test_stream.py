"""Streams: how the samples are cut, and which streams come together, changes nothing."""

import csv
import doctest
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from cmlstream.models.egemaps import FrontEnd, Streams, stream
from tests.models.egemaps.listener import LONGEST_DELAY_FRAMES, Listener
from tests.models.egemaps.parity import read
from tests.models.egemaps.waveforms import WAVEFORMS, buzz, make, tensor, tone, voices

STREAMS = 4
NAMES = st.sampled_from(sorted(WAVEFORMS))
SEEDS = st.integers(0, 2**16)
LENGTHS = st.one_of(st.integers(0, 5000), st.integers(0, 3), st.sampled_from([159, 160, 161, 959, 960, 961]))
ENDS = st.integers(0, 4).map(lambda number: number == 4)
SOME = st.lists(st.integers(0, STREAMS - 1), unique=True)


def test_examples_in_docstrings():
    assert doctest.testmod(stream).failed == 0


@pytest.mark.parametrize("name", WAVEFORMS)
@settings(max_examples=6, deadline=None)
@given(seed=SEEDS, lengths=st.lists(LENGTHS, min_size=1, max_size=12))
def test_any_cut(front_end, name, seed, lengths):
    listener, waveform_T = Listener(front_end, 1, front_end), make(name, seed, 10000)
    begin = 0
    for length in lengths:
        listener.push([0], [waveform_T[begin : begin + length]])
        begin += length
    listener.push([0], [waveform_T[begin:]], ends=[True])
    listener.check()


class Course(RuleBasedStateMachine):
    """Streams begin, go on, end and are forgotten in any order and company."""

    def __init__(self, front_end: FrontEnd) -> None:
        super().__init__()
        self.listener = Listener(front_end, STREAMS, front_end)
        self.sources = [torch.zeros(0)] * STREAMS

    @rule(
        calls=st.lists(
            st.tuples(st.integers(0, STREAMS - 1), LENGTHS, ENDS, NAMES, SEEDS),
            unique_by=lambda call: call[0],
        )
    )
    def push(self, calls):
        waveforms = []
        for number, length, _, name, seed in calls:
            if not self.listener.heard[number].waveforms:
                self.sources[number] = make(name, seed, 24000)
            waveforms.append(self.sources[number][:length])
            self.sources[number] = self.sources[number][length:]
        self.listener.push([call[0] for call in calls], waveforms, [call[2] for call in calls])

    @rule(streams=SOME)
    def flush(self, streams):
        self.listener.flush(streams)

    @rule(streams=SOME)
    def reset(self, streams):
        self.listener.reset(streams)

    def teardown(self):
        self.listener.check()


def test_any_course(front_end):
    limits = settings(max_examples=20, stateful_step_count=15, deadline=None)
    run_state_machine_as_test(lambda: Course(front_end), settings=limits)


def test_sample_by_sample(front_end):
    listener, (waveform_T,) = Listener(front_end, 2, front_end), voices(0.6)
    listener.push([1], [waveform_T[:9000]])
    for sample_1 in waveform_T[9000:].split(1):
        listener.push([1], [sample_1])
    listener.flush([1])


@pytest.mark.parametrize("pitch_hz", [56, 62, 75, 110])
def test_hop_by_hop(front_end, pitch_hz):
    """A chain of long periods reaches back farthest behind the frame that is next."""
    listener = Listener(front_end, 1, front_end)
    for piece_T in tensor(buzz(pitch_hz, 12000)).split(160):
        listener.push([0], [piece_T])
    listener.flush([0])


@pytest.mark.parametrize("end", ["ends", "flush", "reset"])
def test_a_stream_that_begins_anew_remembers_nothing(front_end, end):
    """The first leaves what it can: frames, an open run, a search that came too late."""
    listener = Listener(front_end, 2, front_end)
    endless_T, voice_T = tensor(tone(950, 12000)), tensor(buzz(120, 8000))
    listener.push([1, 0], [endless_T, voice_T[:5000]])
    if end == "ends":
        listener.push([1], [endless_T[:100]], ends=[True])
    elif end == "flush":
        listener.flush([1])
    else:
        listener.reset([1])
    for begin in range(0, 8000, 1000):
        listener.push([0, 1], [voice_T[begin : begin + 900], voice_T[begin : begin + 1000]])
    listener.flush([0, 1])


def test_more_streams_while_others_go_on(front_end):
    listener, (first_T, second_T) = Listener(front_end, 1, front_end), voices(0.6, 0.4)
    listener.push([0], [first_T[:6000]])
    listener.grow(2)
    listener.push([2, 0], [second_T, first_T[6000:]])
    listener.flush([0, 1, 2])


def test_at_most_39_frames_wait(front_end):
    """On some tones two paths stay alive for as long as the search waits."""
    streams, undecided = Streams(front_end, 1), []
    for piece_T in tensor(tone(950, 24000)).split(700):
        streams.push(torch.tensor([0]), piece_T[None], torch.tensor([len(piece_T)]))
        undecided += streams.undecided(torch.tensor([0])).tolist()
    assert max(undecided) == LONGEST_DELAY_FRAMES == undecided[-1]


def test_a_voice_waits_for_few_frames(front_end):
    streams, undecided = Streams(front_end, 1), []
    for piece_T in voices(2.0)[0].split(800):
        streams.push(torch.tensor([0]), piece_T[None], torch.tensor([800]))
        undecided += streams.undecided(torch.tensor([0])).tolist()
    assert np.median(undecided) <= 3


@pytest.mark.parametrize(
    ("streams", "waveform_BT", "lengths", "sentence"),
    [
        ([0], torch.zeros(100), [100], r"\[B, T\]"),
        ([0, 0], torch.zeros(2, 100), [100, 100], "named twice"),
        ([0, 1, 2], torch.zeros(2, 100), [100, 100], "3 streams are named and 2 lengths"),
        ([2], torch.zeros(1, 100), [100], "numbered from 0 to 1"),
        ([-1], torch.zeros(1, 100), [100], "numbered from 0 to 1"),
    ],
)
def test_calls_are_checked_and_change_nothing(front_end, streams, waveform_BT, lengths, sentence):
    listening = Streams(front_end, 2)
    with pytest.raises(ValueError, match=sentence):
        listening.push(torch.tensor(streams), waveform_BT, torch.tensor(lengths))
    assert listening.flush(torch.tensor([0, 1])).short_B.tolist() == [0, 0]


def converse(listener: Listener, waveforms: list[torch.Tensor], random: np.random.Generator) -> None:
    """Feed all waveforms through the listener's streams, a new one wherever one ends."""
    going: dict[int, list[torch.Tensor]] = {}
    waiting = list(waveforms)
    while waiting or going:
        for number in range(len(listener.heard)):
            if waiting and number not in going and random.random() < 0.3:
                waveform_T = waiting.pop()
                places = np.sort(random.integers(0, len(waveform_T), len(waveform_T) // 2500))
                going[number] = list(waveform_T.tensor_split(places.tolist()))
        company = [int(number) for number in random.permutation(sorted(going)) if random.random() < 0.7]
        pieces = [going[number].pop(0) for number in company]
        listener.push(company, pieces, [not going[number] for number in company])
        going = {number: rest for number, rest in going.items() if rest}


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
@pytest.mark.parametrize("saved", [False, True], ids=["scripted", "loaded"])
def test_scripted_and_loaded(front_end, scripted, tmp_path, saved):
    """The state of an archive's front end is made of the archive's own types."""
    if saved:
        scripted.save(str(tmp_path / "front_end.pt"))
        scripted = torch.jit.load(tmp_path / "front_end.pt")
    listener = Listener(scripted, 3, front_end)
    converse(listener, voices(0.9, 0.05, 0.6, 1.2), np.random.default_rng(0))
    listener.push([2], voices(0.5))
    listener.reset([2])
    listener.push([1], voices(0.4))
    listener.grow(1)
    listener.push([3, 2], voices(0.2, 0.3))
    listener.flush([2, 1, 3])
    listener.check()


def clips(corpora: Path, corpus: str, number: int) -> list[torch.Tensor]:
    """Some clips of one corpus, spread evenly."""
    with (corpora / "manifest.csv").open(newline="") as manifest:
        paths = [corpora / row["path"] for row in csv.DictReader(manifest) if row["corpus"] == corpus]
    return [torch.from_numpy(read(path)) for path in paths[:: len(paths) // number][:number]]


@pytest.mark.corpora
def test_speech_of_several_corpora(corpora, front_end):
    speech = [
        clip for corpus in ("emodb", "ravdess", "nemo", "urdu", "emovo") for clip in clips(corpora, corpus, 2)
    ]
    listener = Listener(front_end, STREAMS, front_end)
    converse(listener, speech, np.random.default_rng(0))
    listener.check()
