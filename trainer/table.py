"""Features of many clips in one table, a row per piece of speech, and how its rows are normalised.

Shapes: N rows, F features.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmlstream.models.baseline import SCORE_LIMIT, FeaturePrior, normalise_causally
from cmlstream.models.egemaps import FEATURE_NAMES
from cmlstream.models.errors import CorpusError

from .manifest import Clip
from .pieces import Pieces

Scores = NDArray[np.float32]
Masked = np.ma.MaskedArray[tuple[Any, ...], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTable:
    """The pieces of many clips, one under another; `clip_N` is each row's place in `clips`."""

    clips: tuple[Clip, ...]
    features_NF: NDArray[np.float32]
    speech_s_N: NDArray[np.float64]
    whole_N: NDArray[np.bool_]
    clip_N: NDArray[np.intp]
    feature_names: tuple[str, ...] = FEATURE_NAMES
    """What the columns are; those of ready-made features may be any."""

    def subset(self, numbers: Sequence[int] | NDArray[np.intp]) -> "FeatureTable":
        """The table of some clips only, in ascending order and renumbered."""
        numbers = np.sort(numbers)
        place = np.full(len(self.clips), -1)
        place[numbers] = np.arange(len(numbers))
        rows_N = np.flatnonzero(place[self.clip_N] >= 0)
        return FeatureTable(
            clips=tuple(self.clips[number] for number in numbers),
            features_NF=self.features_NF[rows_N],
            speech_s_N=self.speech_s_N[rows_N],
            whole_N=self.whole_N[rows_N],
            clip_N=place[self.clip_N[rows_N]],
            feature_names=self.feature_names,
        )

    def of_clips(self, clips: Sequence[Clip]) -> "FeatureTable":
        """The table of those clips only that are of the same recordings as these."""
        paths = {clip.path for clip in clips}
        return self.subset([number for number, clip in enumerate(self.clips) if clip.path in paths])

    def of_features(self, names: Sequence[str]) -> "FeatureTable":
        """The table of these columns only, in this order.

        Raises:
            CorpusError: it lacks some of them.

        """
        if tuple(names) == self.feature_names:
            return self
        place = {name: column for column, name in enumerate(self.feature_names)}
        lacking = [name for name in names if name not in place]
        if lacking:
            raise CorpusError(
                f"The features lack {len(lacking)} of the {len(names)} columns that a model takes, first "
                f"`{lacking[0]}`: add them under these names."
            )
        columns = [place[name] for name in names]
        return replace(self, features_NF=self.features_NF[:, columns], feature_names=tuple(names))

    def per_row(self, value_of_clip: Sequence[float] | Sequence[int] | Sequence[str]) -> NDArray[np.generic]:
        """A value of each clip, repeated for its rows."""
        return np.asarray(value_of_clip)[self.clip_N]


def stack(clips: Sequence[Clip], pieces: Sequence[Pieces]) -> FeatureTable:
    """The table of clips and their pieces, in the same order."""
    return FeatureTable(
        clips=tuple(clips),
        features_NF=np.concatenate([piece.features_NF for piece in pieces]),
        speech_s_N=np.concatenate([piece.speech_s_N for piece in pieces]),
        whole_N=np.concatenate([piece.whole_N for piece in pieces]),
        clip_N=np.repeat(np.arange(len(clips)), [len(piece.whole_N) for piece in pieces]),
    )


def joined(tables: Sequence[FeatureTable]) -> FeatureTable:
    """One table of the clips of all tables, which have the same features."""
    first_clip = np.cumsum([0, *(len(table.clips) for table in tables)])
    return FeatureTable(
        clips=tuple(clip for table in tables for clip in table.clips),
        features_NF=np.concatenate([table.features_NF for table in tables]),
        speech_s_N=np.concatenate([table.speech_s_N for table in tables]),
        whole_N=np.concatenate([table.whole_N for table in tables]),
        clip_N=np.concatenate(
            [first + table.clip_N for first, table in zip(first_clip, tables, strict=False)]
        ),
        feature_names=tables[0].feature_names,
    )


def prior_of(table: FeatureTable) -> FeaturePrior:
    """The mean of the speakers' means, and the root of their mean variance: regions only.

    Speakers count equally, so that a corpus of many clips by few speakers does not set the prior alone.
    Values that are no numbers do not count; a feature that nobody here has is NaN, and its scores are zero.
    """
    speaker_N = table.per_row([clip.speaker for clip in table.clips])
    groups = [
        _moments(table.features_NF[(speaker_N == speaker) & table.whole_N])
        for speaker in np.unique(speaker_N)
    ]
    means_SF = np.ma.stack([means_F for means_F, _ in groups])
    variances_SF = np.ma.stack([variances_F for _, variances_F in groups])
    return FeaturePrior(_filled(means_SF.mean(0)), np.sqrt(_filled(variances_SF.mean(0))))


def _moments(features_NF: NDArray[np.float32]) -> tuple[Masked, Masked]:
    """Mean and variance of each column over what is a number in it; masked where nothing is."""
    known_NF = np.ma.masked_invalid(features_NF.astype(np.float64))
    return known_NF.mean(0), known_NF.var(0)


def _filled(values_F: Masked) -> NDArray[np.float64]:
    return np.asarray(np.ma.filled(values_F, np.nan))


class Normalisation(StrEnum):
    """Against what features become standard scores."""

    CAUSAL = "causal"
    """The running baseline of a stream that plays each speaker's clips in a random order."""
    CORPUS = "corpus"
    """All of a corpus at once, which a long stream approaches (transductive)."""
    NONE = "none"
    """The model's prior alone: a cold start for every clip."""


def normalise(table: FeatureTable, prior: FeaturePrior, normalisation: Normalisation, seed: int) -> Scores:
    """Standard scores of all rows, clamped as the archive clamps them."""
    match normalisation:
        case Normalisation.CAUSAL:
            return in_streams(table, [clip.speaker for clip in table.clips], prior, seed)
        case Normalisation.CORPUS:
            scores_NF = _by_corpus(table)
        case Normalisation.NONE:
            return against_prior(table.features_NF, prior)
    return _clamped(scores_NF)


def against_prior(features_NF: NDArray[np.float32], prior: FeaturePrior) -> Scores:
    """Standard scores of features as a stream begins, clamped as the archive clamps them."""
    return _clamped((features_NF - prior.mean_F) / prior.deviation_F)


def _clamped(scores_NF: NDArray[np.float64]) -> Scores:
    finite_NF = np.nan_to_num(scores_NF, nan=0.0, posinf=SCORE_LIMIT, neginf=-SCORE_LIMIT)
    return finite_NF.clip(-SCORE_LIMIT, SCORE_LIMIT).astype(np.float32)


def in_streams(table: FeatureTable, stream_of_clip: Sequence[str], prior: FeaturePrior, seed: int) -> Scores:
    """Standard scores against running baselines: each stream plays its clips in a random order."""
    generator = np.random.default_rng(seed)
    counted_s_N = np.where(table.whole_N, table.speech_s_N, 0.0)
    streams = np.array(stream_of_clip)
    first_N = np.searchsorted(table.clip_N, np.arange(len(table.clips) + 1))
    scores_NF = np.zeros(table.features_NF.shape)
    for stream in np.unique(streams):
        shuffled = generator.permutation(np.flatnonzero(streams == stream))
        order = np.concatenate([np.arange(first_N[clip], first_N[clip + 1]) for clip in shuffled])
        scores_NF[order] = normalise_causally(table.features_NF[order], counted_s_N[order], prior)
    return _clamped(scores_NF)


def _by_corpus(table: FeatureTable) -> NDArray[np.float64]:
    corpus_N = table.per_row([clip.corpus for clip in table.clips])
    scores_NF = np.zeros(table.features_NF.shape)
    for corpus in np.unique(corpus_N):
        rows_N = corpus_N == corpus
        regions_NF = table.features_NF[rows_N & table.whole_N]
        mean_F, variance_F = _moments(regions_NF)
        everything = FeaturePrior(_filled(mean_F), np.sqrt(_filled(variance_F)))
        scores_NF[rows_N] = (table.features_NF[rows_N] - everything.mean_F) / everything.deviation_F
    return scores_NF
