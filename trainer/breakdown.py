"""What a model is worth on a manifest: over all clips, and by corpus, language, sex and emotion."""

from collections import Counter
from collections.abc import Callable, Sequence
from math import isnan

import msgspec

from cmlstream.models.archive import Archive
from cmlstream.models.errors import CorpusError

from .evaluation import Predictions, groups_of, predict
from .figures import Figures
from .intervals import Bootstrap, measure_with_intervals
from .manifest import Clip
from .table import FeatureTable, Normalisation, normalise


class Groups(msgspec.Struct, frozen=True):
    """Figures by what clips have in common."""

    corpus: dict[str, Figures]
    language: dict[str, Figures]
    sex: dict[str, Figures]
    emotion: dict[str, Figures]


class Evaluation(msgspec.Struct, frozen=True):
    """What a model is worth on a manifest, and how its features were normalised."""

    normalisation: str
    excluded: dict[str, int]
    """Clips of classes that the model does not know, which recall leaves out, by class."""
    overall: Figures
    groups: Groups


def evaluate(
    archive: Archive, table: FeatureTable, normalisation: Normalisation, bootstrap: Bootstrap
) -> Evaluation:
    """Measure an archive on all clips of a table and on its groups.

    The bootstrap's seed also decides the order in which clips are played to the causal baseline.
    """
    scores_NF = normalise(table, archive.prior, normalisation, bootstrap.seed)
    predictions = predict(archive.script, table, scores_NF)
    return Evaluation(
        normalisation=normalisation.value,
        excluded=excluded(table.clips),
        overall=measure_with_intervals(table.clips, predictions, bootstrap),
        groups=_groups(table.clips, predictions, bootstrap),
    )


def excluded(clips: Sequence[Clip]) -> dict[str, int]:
    """How many clips there are of each class that the model does not know, the most frequent first."""
    unknown = Counter(clip.emotion for clip in clips if clip.emotion and clip.emotion_number < 0)
    return dict(unknown.most_common())


def check_labelled(clips: Sequence[Clip]) -> None:
    """Refuse clips of which nothing is known that a model could be measured by.

    Raises:
        CorpusError: no clip has an emotion, activation or valence.

    """
    if all(not clip.emotion and isnan(clip.activation) and isnan(clip.valence) for clip in clips):
        raise CorpusError(
            f"None of the {len(clips)} clips has an emotion, activation or valence: "
            "fill in one of these columns to measure by."
        )


def _groups(clips: Sequence[Clip], predictions: Predictions, bootstrap: Bootstrap) -> Groups:
    def by(name_of: Callable[[Clip], str]) -> dict[str, Figures]:
        return {
            name: measure_with_intervals([clips[row] for row in rows], predictions.of(rows), bootstrap)
            for name, rows in groups_of([name_of(clip) for clip in clips])
        }

    return Groups(
        corpus=by(lambda clip: clip.corpus),
        language=by(lambda clip: clip.language),
        sex=by(lambda clip: clip.sex),
        emotion=by(lambda clip: clip.emotion),
    )
