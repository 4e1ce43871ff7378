from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmlstream.models.contract import EMOTIONS
from cmlstream.models.errors import CorpusError
from cmlstream.trainer.folds import Fold, check_disjoint, language_folds, speaker_folds
from cmlstream.trainer.manifest import Clip
from tests.trainer.corpus import clip


def balanced(speakers: int, takes: int = 2) -> list[Clip]:
    return [clip(f"s{s}", emotion) for s in range(speakers) for emotion in EMOTIONS for _ in range(takes)]


@given(st.integers(3, 12), st.integers(3, 6), st.integers(0, 1000))
def test_every_clip_is_measured_once_and_no_speaker_is_on_two_sides(
    speakers: int, count: int, seed: int
) -> None:
    clips = balanced(speakers)
    folds = speaker_folds(clips, count, seed)
    assert len(folds) == min(count, speakers)
    measured = Counter(int(number) for fold in folds for number in fold.measured)
    assert measured == Counter(range(len(clips)))
    for fold in folds:
        assert sorted([*fold.training, *fold.stopping, *fold.measured]) == list(range(len(clips)))
        sides = [{clips[n].speaker for n in side} for side in (fold.training, fold.stopping, fold.measured)]
        assert all(sides)
        assert sum(map(len, sides)) == speakers


def test_folds_are_stratified_and_the_same_for_a_seed() -> None:
    clips = balanced(10)
    one, again, other = (speaker_folds(clips, 5, seed) for seed in (1, 1, 2))
    for fold in one:
        counts = Counter(clips[number].emotion for number in fold.measured)
        assert len(set(counts.values())) == 1
    assert all(np.array_equal(a.measured, b.measured) for a, b in zip(one, again, strict=True))
    assert any(not np.array_equal(a.measured, b.measured) for a, b in zip(one, other, strict=True))


def test_a_rare_class_is_no_reason_to_stop() -> None:
    assert len(speaker_folds([*balanced(5), clip("s1", "disgust", "rare corpus")], 5, 0)) == 5


def test_three_clips_in_all() -> None:
    with pytest.raises(CorpusError, match=r"at least 3 speakers.*3 clips of 2"):
        speaker_folds([clip("a"), clip("a", "anger"), clip("b")], 5, 0)


def test_a_speaker_on_two_sides_is_named() -> None:
    clips = [clip("anna"), clip("bert"), clip("carl"), clip("anna")]
    fold = Fold("one", np.array([0]), np.array([1, 2]), np.array([3]))
    with pytest.raises(CorpusError, match="speaker anna is on two sides"):
        check_disjoint(clips, fold)


def speaking(*languages: str) -> list[Clip]:
    return [replace(clip(f"{language}/{n}"), language=language) for language in languages for n in range(3)]


def test_every_language_is_left_out_once() -> None:
    clips = speaking("de", "en", "de", "pl")
    folds = language_folds(clips)
    assert [fold.name for fold in folds] == ["without de", "without en", "without pl"]
    for fold in folds:
        language = fold.name.removeprefix("without ")
        assert all(clips[number].language == language for number in fold.measured)
        assert all(clips[number].language != language for number in fold.training)
        assert len(fold.measured) + len(fold.training) == len(clips)
        assert len(fold.stopping) == 0


def test_two_languages_are_too_few_to_leave_one_out() -> None:
    with pytest.raises(CorpusError, match=r"at least 3; there are de, en.*by = \"speaker\""):
        language_folds(speaking("de", "en"))


def test_who_speaks_two_languages_cannot_be_left_out() -> None:
    polyglot = [replace(clip("anna"), language=language) for language in ("de", "en", "pl")]
    with pytest.raises(CorpusError, match="speaker anna is on two sides"):
        language_folds(polyglot)
