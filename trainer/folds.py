"""Splits in which no speaker is on two sides."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from cmlstream.models.errors import CorpusError

from .manifest import FEWEST_SPEAKERS, Clip

Numbers = NDArray[np.intp]


FEWEST_LANGUAGES = 3
"""From one language alone nothing is learned of what differs between languages."""


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Three sets of clips, by number, with disjoint speakers."""

    name: str

    training: Numbers
    stopping: Numbers
    measured: Numbers


def speaker_folds(clips: Sequence[Clip], count: int, seed: int) -> list[Fold]:
    """Folds that measure every clip once, stratified by corpus and emotion as far as speakers allow.

    Each part of the clips is measured in one fold and stops training in the fold before. There are at most
    as many folds as speakers.

    Raises:
        CorpusError: there are fewer than three speakers.

    """
    speakers = check_speakers(clips)
    parts = parts_by_speaker(clips, min(max(count, FEWEST_SPEAKERS), len(speakers)), seed)
    folds = []
    for number, measured in enumerate(parts):
        following = (number + 1) % len(parts)
        training = [part for place, part in enumerate(parts) if place not in (number, following)]
        folds.append(
            Fold(f"fold {number + 1}", np.sort(np.concatenate(training)), parts[following], measured)
        )
        check_disjoint(clips, folds[-1])
    return folds


def language_folds(clips: Sequence[Clip]) -> list[Fold]:
    """A fold for each language, measured by what is trained on all others; no clips stop the training.

    Raises:
        CorpusError: there are fewer than three languages, or a speaker speaks two.

    """
    languages = sorted({clip.language for clip in clips})
    if len(languages) < FEWEST_LANGUAGES:
        raise CorpusError(
            f"Leaving one language out needs at least {FEWEST_LANGUAGES}; there are {', '.join(languages)}: "
            'add corpora, or hold back speakers with `by = "speaker"` under `[validation]`.'
        )
    folds = []
    for language in languages:
        left_out = np.array([clip.language == language for clip in clips])
        nobody = np.empty(0, dtype=np.intp)
        fold = Fold(f"without {language}", np.flatnonzero(~left_out), nobody, np.flatnonzero(left_out))
        check_disjoint(clips, fold)
        folds.append(fold)
    return folds


def check_speakers(clips: Sequence[Clip]) -> set[str]:
    """The speakers, if there are enough.

    Raises:
        CorpusError: there are fewer than three.

    """
    speakers = {clip.speaker for clip in clips}
    if len(speakers) < FEWEST_SPEAKERS:
        raise CorpusError(
            f"Training needs clips of at least {FEWEST_SPEAKERS} speakers, to train on, to stop by and to "
            f"measure on; there are {len(clips)} clips of {len(speakers)}."
        )
    return speakers


def check_disjoint(clips: Sequence[Clip], fold: Fold) -> None:
    """Refuse a fold that has a speaker on two sides.

    Raises:
        CorpusError: naming the speaker.

    """
    sides = [
        {clips[number].speaker for number in side} for side in (fold.training, fold.stopping, fold.measured)
    ]
    for one, other in combinations(sides, 2):
        if one & other:
            raise CorpusError(
                f"The speaker {min(one & other)} is on two sides of a split: split by speakers, not by clips."
            )


def parts_by_speaker(clips: Sequence[Clip], count: int, seed: int) -> list[Numbers]:
    """Disjoint parts of the clips that share no speaker, stratified as far as that allows.

    Raises:
        CorpusError: the speakers cannot be shared out over so many parts.

    """
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    speakers = [clip.speaker for clip in clips]
    pairs: Iterator[tuple[Numbers, Numbers]] = splitter.split(clips, _strata(clips, count), speakers)
    parts = [part for _, part in pairs]
    if any(len(part) == 0 for part in parts):
        raise CorpusError(
            f"The speakers cannot be shared out over {count} folds: one speaker has most clips of a class."
        )
    return parts


def parts_by_clip(clips: Sequence[Clip], count: int, seed: int) -> list[Numbers]:
    """Disjoint parts of the clips, stratified, with speakers on both sides: as most figures are published."""
    from sklearn.model_selection import StratifiedKFold

    splitter = StratifiedKFold(count, shuffle=True, random_state=seed)
    return [part for _, part in splitter.split(clips, _strata(clips, count))]


def _strata(clips: Sequence[Clip], count: int) -> list[str]:
    """Corpus and emotion of each clip; strata too small to be in every part count with the largest."""
    strata = [f"{clip.corpus}/{clip.emotion}" for clip in clips]
    sizes = Counter(strata)
    largest = sizes.most_common(1)[0][0]
    return [stratum if sizes[stratum] >= count else largest for stratum in strata]
