from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cmlstream.models.egemaps import FEATURE_NAMES
from cmlstream.trainer.corrections import corrected, read_corrections
from cmlstream.trainer.features import default_cache, extract
from cmlstream.trainer.manifest import of_corpora, read_manifest
from cmlstream.trainer.pieces import Pieces
from cmlstream.trainer.plausibility import BRIGHTNESS, doubts
from cmlstream.trainer.table import FeatureTable, stack
from tests.trainer.corpus import clip
from tests.trainer.test_corrections import SHIPPED


def table(anger: float, sadness: float, speakers: int = 5) -> FeatureTable:
    clips = [clip(f"s{speaker}", emotion) for speaker in range(speakers) for emotion in ("anger", "sadness")]
    features_NF = np.zeros((len(clips), len(FEATURE_NAMES)), np.float32)
    features_NF[:, FEATURE_NAMES.index(BRIGHTNESS)] = [anger, sadness] * speakers
    whole_N = np.array([True])
    return stack(clips, [Pieces(row_F[None], np.array([2.0]), whole_N) for row_F in features_NF])


def test_brighter_anger_is_believed() -> None:
    assert list(doubts(table(-5.0, -15.0))) == []


def test_duller_anger_is_doubted() -> None:
    (doubt,) = doubts(table(-15.0, -5.0))
    assert "in here 5 of 5 speakers" in doubt


def test_a_few_speakers_prove_nothing() -> None:
    assert list(doubts(table(-15.0, -5.0, speakers=3))) == []


def test_other_features_say_nothing_about_it() -> None:
    named = replace(table(-15.0, -5.0), feature_names=tuple(f"x{number}" for number in range(88)))
    assert list(doubts(named)) == []


@pytest.mark.corpora
@pytest.mark.slow
def test_one_corpus_is_doubted_until_it_is_corrected(corpora: Path) -> None:
    clips = of_corpora(read_manifest(corpora / "manifest.csv"), ["emodb", "emotiontts_ko"])
    found, _ = extract(clips, default_cache(), lambda: None)
    (doubt,) = doubts(found)
    assert "in emotiontts_ko 15 of 15 speakers" in doubt
    right = replace(found, clips=tuple(corrected(found.clips, read_corrections(SHIPPED))))
    assert list(doubts(right)) == []
