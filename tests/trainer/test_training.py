from typing import Literal

import numpy as np
import pytest

from cmlstream.models.contract import EMOTIONS
from cmlstream.trainer.settings import FitSettings, ValidationSettings
from cmlstream.trainer.table import prior_of
from cmlstream.trainer.training import streams, targets_of, training_set
from tests.trainer.corpus import clip, invented_table


def test_an_epoch_takes_one_piece_of_every_clip() -> None:
    table = invented_table()
    data = training_set(table, prior_of(table), FitSettings(validation=ValidationSettings(draws=1)), 1)
    generator = np.random.default_rng(0)
    taken = np.stack([data.sample(generator) for _ in range(40)])
    assert (table.clip_N[taken] == np.arange(len(table.clips))).all()
    assert 0.45 < table.whole_N[taken].mean() < 0.55
    assert all(set(rows) == set(range(3 * number, 3 * number + 3)) for number, rows in enumerate(taken.T))


def test_a_clip_without_windows_gives_its_region() -> None:
    table = invented_table()
    regions = np.flatnonzero(table.whole_N)
    lone = type(table)(
        table.clips,
        table.features_NF[regions],
        table.speech_s_N[regions],
        table.whole_N[regions],
        table.clip_N[regions],
    )
    data = training_set(lone, prior_of(lone), FitSettings(validation=ValidationSettings(draws=1)), 1)
    assert (data.sample(np.random.default_rng(0)) == np.arange(len(regions))).all()


def test_published_labels_take_precedence_over_the_circumplex() -> None:
    known = targets_of(
        (clip(emotion="anger", activation=3.0), clip(emotion="anger"), clip(emotion="calm")), "all"
    )
    assert known.activation_B[0] == 3.0
    assert known.activation_B[1] > 4
    assert known.activation_B[2].isnan()
    assert known.valence_B[0] == known.valence_B[1]
    assert known.emotion_B.tolist() == [0, 0, -1]


@pytest.mark.parametrize(("pairs", "groups"), [("all", 1), ("corpus", 2), ("speaker", 3)])
def test_pairs_are_made_within_groups(pairs: Literal["all", "corpus", "speaker"], groups: int) -> None:
    known = targets_of((clip("a"), clip("b"), clip("c", corpus="there"), clip("a")), pairs)
    assert known.groups == len(known.group_B.unique()) == groups
    assert known.group_B.max() == groups - 1
    assert known.group_B[0] == known.group_B[3]


def test_even_draws_play_a_speaker_in_one_stream_and_odd_ones_a_few_moods_in_each() -> None:
    clips = [
        clip(speaker, emotion) for speaker in ("a", "b") for emotion in (*EMOTIONS, "fear") for _ in "xy"
    ]
    assert streams(clips, 0, 1) == [one.speaker for one in clips]
    moods_of: dict[str, set[str]] = {}
    for stream, one in zip(streams(clips, 1, 1), clips, strict=True):
        moods_of.setdefault(stream, set()).add(one.emotion)
        assert stream.startswith(one.speaker)
    assert sorted(map(len, moods_of.values())) == [1, 1, 2, 2, 2, 2]
    assert streams(clips, 1, 1) == streams(clips, 1, 1)
    assert len({tuple(streams(clips, draw, 1)) for draw in (1, 3, 5, 7, 9)}) > 1
