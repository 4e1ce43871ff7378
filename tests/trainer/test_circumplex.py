from math import isnan
from pathlib import Path
from statistics import fmean

import pytest

from cmlstream.models.contract import EMOTIONS
from cmlstream.trainer.circumplex import position
from cmlstream.trainer.manifest import read_manifest


@pytest.mark.parametrize("emotion", [*EMOTIONS, "fear", "disgust", "boredom"])
def test_labelled_classes_lie_on_the_scale(emotion: str) -> None:
    place = position(emotion)
    assert 1 <= place.activation <= 5
    assert 1 <= place.valence <= 5


@pytest.mark.parametrize("emotion", ["surprise", "calm", "", "no such class"])
def test_classes_nobody_labelled_stay_unlabelled(emotion: str) -> None:
    assert isnan(position(emotion).activation)
    assert isnan(position(emotion).valence)


def test_classes_lie_as_on_the_circumplex() -> None:
    assert position("anger").activation > position("neutral").activation > position("sadness").activation
    assert position("happiness").valence > position("neutral").valence > position("anger").valence


@pytest.mark.corpora
@pytest.mark.parametrize("emotion", [*EMOTIONS, "fear", "disgust", "boredom"])
def test_positions_are_the_means_of_emodb_alone(emotion: str, corpora: Path) -> None:
    clips = [clip for clip in read_manifest(corpora / "manifest.csv") if clip.emotion == emotion]
    labelled = [clip for clip in clips if clip.corpus == "emodb"]
    place = position(emotion)
    assert place.activation == pytest.approx(fmean(clip.activation for clip in labelled), abs=0.006)
    assert place.valence == pytest.approx(fmean(clip.valence for clip in labelled), abs=0.006)
