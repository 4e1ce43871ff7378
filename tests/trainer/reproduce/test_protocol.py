from collections import Counter
from dataclasses import replace
from math import nan

import numpy as np
import pytest

from cmlstream.models.errors import CorpusError
from cmlstream.trainer.manifest import Clip
from cmlstream.trainer.reproduce.protocol import SEEDS, Protocol, Split, all_splits, check
from tests.trainer.reproduce.languages import clips

CLIPS = clips()


def splits(protocol: Protocol, found: tuple[Clip, ...] = CLIPS) -> list[Split]:
    return [split for split in all_splits(found) if split.protocol is protocol]


def speakers(numbers: np.ndarray) -> set[str]:
    return {CLIPS[number].speaker for number in numbers}


def languages(numbers: np.ndarray) -> set[str]:
    return {CLIPS[number].language for number in numbers}


def test_no_clip_is_on_two_sides_and_none_of_transfer_is_trained_on() -> None:
    for split in all_splits(CLIPS):
        assert not set(split.training) & set(split.tested)
        assert {CLIPS[number].role for number in split.training} == {"source"}


@pytest.mark.parametrize("protocol", [Protocol.SHARED, Protocol.APART])
def test_folds_measure_every_source_clip_once_for_each_seed(protocol: Protocol) -> None:
    source = {number for number, clip in enumerate(CLIPS) if clip.role == "source"}
    for seed in SEEDS:
        folds = [split for split in splits(protocol) if split.seeds == (seed,)]
        assert len(folds) == 5
        assert Counter(int(number) for split in folds for number in split.tested) == Counter(source)
        assert all(set(split.training) | set(split.tested) == source for split in folds)


def test_speakers_are_shared_as_published_and_apart_as_they_should_be() -> None:
    assert all(speakers(split.training) & speakers(split.tested) for split in splits(Protocol.SHARED))
    assert not any(speakers(split.training) & speakers(split.tested) for split in splits(Protocol.APART))


def test_one_language_is_measured_on_all_others() -> None:
    found = {split.name: split for split in splits(Protocol.ONE_LANGUAGE)}
    assert set(found) == {"de", "en"}
    assert languages(found["de"].training) == {"de"}
    assert languages(found["de"].tested) == {"en", "ur"}
    assert found["de"].seeds == SEEDS


def test_the_language_left_out_is_the_one_that_is_measured() -> None:
    found = {split.name: split for split in splits(Protocol.LEAVE_ONE_OUT)}
    assert set(found) == {"all but de", "all but en"}
    assert languages(found["all but de"].training) == {"en"}
    assert languages(found["all but de"].tested) == {"de"}


def test_all_source_languages_go_to_the_transfer_corpora() -> None:
    (split,) = splits(Protocol.TRANSFER)
    assert languages(split.training) == {"de", "en"}
    assert languages(split.tested) == {"ur"}


def test_a_single_source_language_leaves_what_can_be_done() -> None:
    """As with IEMOCAP for training and the paper's corpora for transfer."""
    one = tuple(clip for clip in CLIPS if clip.language != "en")
    assert [split.name for split in splits(Protocol.ONE_LANGUAGE, one)] == ["de"]
    assert splits(Protocol.LEAVE_ONE_OUT, one) == []
    alone = tuple(clip for clip in one if clip.role == "source")
    assert {split.protocol for split in all_splits(alone)} == {Protocol.SHARED, Protocol.APART}


def unlabelled(clip: Clip) -> Clip:
    return replace(clip, emotion="surprise", activation=nan, valence=nan)


BAD = {
    "one class only": (
        tuple(replace(clip, emotion="anger") for clip in CLIPS),
        "Training needs clips of at least two of",
    ),
    "three clips": (CLIPS[1:4], "Training needs clips of at least"),
    "fewer speakers than folds": (
        tuple(clip for clip in CLIPS if clip.speaker in ("s0", "s1", "s3", "s4", "s5")),
        r"5 folds with speakers apart and the source corpora have 4 speakers",
    ),
    "a language without labels": (
        tuple(unlabelled(clip) if clip.language == "en" else clip for clip in CLIPS),
        "No clip of the language `en` has a class",
    ),
    "transfer clips alone": (
        tuple(clip for clip in CLIPS if clip.role == "transfer"),
        "Training needs clips of at least two of",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_no_protocol_makes_sense_for_is_refused(name: str) -> None:
    found, complaint = BAD[name]
    with pytest.raises(CorpusError, match=complaint):
        check(found)
