"""Who trains on what and is measured on what: the splits of each protocol.

Clips of the role `transfer` are never on the training side.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isnan

import numpy as np
from numpy.typing import NDArray

from cmlstream.models.contract import EMOTIONS
from cmlstream.models.errors import CorpusError
from cmlstream.trainer.folds import Numbers, parts_by_clip, parts_by_speaker
from cmlstream.trainer.manifest import Clip, check_trainable

Mask = NDArray[np.bool_]

SEEDS = (4, 13, 6, 47, 59)
"""The published random states: of the folds, of the weights and of the noise."""

FOLDS = 5


class Protocol(StrEnum):
    """How training and measuring are kept apart."""

    SHARED = "speakers shared"
    """Stratified folds within the source corpora whose speakers are on both sides, as published."""
    APART = "speakers apart"
    """Stratified folds within the source corpora, no speaker on two sides."""
    ONE_LANGUAGE = "one language"
    """Train on one source language, measure on every other."""
    LEAVE_ONE_OUT = "leave one language out"
    """Train on all source languages but one, measure on that one."""
    TRANSFER = "transfer"
    """Train on all source languages, measure on the transfer corpora."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Clips by number: those to train on and those to measure on."""

    protocol: Protocol
    name: str
    """What it trains on, for tables: `fold 2`, `de`, `all but de`, `all`."""
    training: Numbers
    tested: Numbers
    seeds: tuple[int, ...] = SEEDS
    """The seeds that networks are trained with on it; a fold's is the one that drew it."""


def all_splits(clips: Sequence[Clip]) -> list[Split]:
    """Every split of every protocol that the clips allow.

    A single source language cannot be left out, and without transfer clips nothing is transferred to.

    Raises:
        CorpusError: the clips are too few, of too few speakers or classes, or a language has no label.

    """
    check(clips)
    return [*folds(clips), *one_language(clips), *leave_one_out(clips), *transfer(clips)]


def check(clips: Sequence[Clip]) -> None:
    """Refuse clips that the protocols make no sense for.

    Raises:
        CorpusError: naming what is missing.

    """
    source = [clip for clip in clips if clip.role == "source"]
    check_trainable(source)
    speakers = {clip.speaker for clip in source}
    if len(speakers) < FOLDS:
        raise CorpusError(
            f"The protocol has {FOLDS} folds with speakers apart and the source corpora have "
            f"{len(speakers)} speakers: add recordings of more speakers."
        )
    labelled = Counter(clip.language for clip in clips if _labelled(clip))
    for language in sorted({clip.language for clip in clips}):
        if not labelled[language]:
            raise CorpusError(
                f"No clip of the language `{language}` has a class ({', '.join(EMOTIONS)}) or activation and "
                "valence: label some, or choose other corpora with --corpora."
            )


def folds(clips: Sequence[Clip]) -> Iterator[Split]:
    """Five folds for each seed, once with speakers shared and once apart."""
    source = np.flatnonzero(_sources(clips))
    chosen = [clip for clip in clips if clip.role == "source"]
    for protocol, parts_of in ((Protocol.SHARED, parts_by_clip), (Protocol.APART, parts_by_speaker)):
        for seed in SEEDS:
            for number, part in enumerate(parts_of(chosen, FOLDS, seed)):
                training, tested = np.delete(source, part), source[part]
                yield Split(protocol, f"fold {number + 1}", training, tested, (seed,))


def one_language(clips: Sequence[Clip]) -> Iterator[Split]:
    """Each source language against all other languages, transfer corpora included."""
    source, language_N = _sources(clips), _languages(clips)
    for language in source_languages(clips):
        same = language_N == language
        if not same.all():
            yield _split(Protocol.ONE_LANGUAGE, language, source & same, ~same)


def leave_one_out(clips: Sequence[Clip]) -> Iterator[Split]:
    """All source languages but one against that one."""
    source, language_N = _sources(clips), _languages(clips)
    for language in source_languages(clips):
        same = language_N == language
        if (source & ~same).any():
            yield _split(Protocol.LEAVE_ONE_OUT, f"all but {language}", source & ~same, source & same)


def transfer(clips: Sequence[Clip]) -> Iterator[Split]:
    """All source corpora against the transfer corpora."""
    source = _sources(clips)
    if not source.all():
        yield _split(Protocol.TRANSFER, "all", source, ~source)


def source_languages(clips: Sequence[Clip]) -> list[str]:
    """The languages that may be trained on."""
    return sorted({clip.language for clip in clips if clip.role == "source"})


def _split(protocol: Protocol, name: str, training: Mask, tested: Mask) -> Split:
    return Split(protocol, name, np.flatnonzero(training), np.flatnonzero(tested))


def _sources(clips: Sequence[Clip]) -> Mask:
    return np.array([clip.role == "source" for clip in clips])


def _languages(clips: Sequence[Clip]) -> NDArray[np.str_]:
    return np.array([clip.language for clip in clips])


def _labelled(clip: Clip) -> bool:
    return clip.emotion_number >= 0 or not (isnan(clip.activation) and isnan(clip.valence))
