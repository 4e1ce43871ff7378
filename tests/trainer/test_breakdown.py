import json
from collections import Counter
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from cmlstream.models import archive
from cmlstream.models.archive import Archive
from cmlstream.models.contract import EMOTIONS
from cmlstream.models.errors import CorpusError
from cmlstream.trainer.breakdown import Evaluation, check_labelled, evaluate
from cmlstream.trainer.evaluation import measure, predict
from cmlstream.trainer.figures import Figures
from cmlstream.trainer.intervals import Bootstrap
from cmlstream.trainer.manifest import Clip
from cmlstream.trainer.table import FeatureTable, Normalisation, normalise
from tests.trainer.corpus import clip, invented_table

BOOTSTRAP = Bootstrap(draws=50, seed=1)


@pytest.fixture(scope="module")
def model() -> Archive:
    return archive.load(archive.default_path())


def labelled(table: FeatureTable) -> FeatureTable:
    """The clips of a table with a sex, labels for half of them, and a class that the model does not know."""
    generator = np.random.default_rng(3)
    clips = []
    for number, each in enumerate(table.clips):
        changed = replace(each, sex="fm"[number % 2], emotion="calm" if number % 10 == 0 else each.emotion)
        if number % 2:
            changed = replace(changed, activation=float(generator.integers(1, 6)), valence=2.0 + number % 3)
        clips.append(changed)
    return replace(table, clips=tuple(clips))


def evaluated(model: Archive, table: FeatureTable, normalisation: str = "causal") -> Evaluation:
    return evaluate(model, table, Normalisation(normalisation), BOOTSTRAP)


def first_clips(count: int, **changes: object) -> FeatureTable:
    table = invented_table().subset(np.arange(count))
    return replace(table, clips=tuple(replace(each, **changes) for each in table.clips))


def test_the_object_holds_what_was_promised_and_no_more(model: Archive) -> None:
    found = json.loads(msgspec.json.encode(evaluated(model, labelled(invented_table()))))
    assert list(found) == ["normalisation", "excluded", "overall", "groups"]
    assert list(found["groups"]) == ["corpus", "language", "sex", "emotion"]
    overall = found["overall"]
    assert set(overall) == {
        *("n", "speakers", "classified", "confusion", "calibration", "activation", "valence"),
        *(
            f"{name}{ending}"
            for name in ("uar", "wa", "ece", "auroc", "recall")
            for ending in ("", "_interval")
        ),
    }
    assert set(overall["activation"]) == {
        *("n", "speakers"),
        *(f"{name}{ending}" for name in ("pearson", "spearman", "ccc") for ending in ("", "_interval")),
    }
    assert all(len(overall["recall_interval"][name]) == 2 for name in EMOTIONS)


def test_groups_hold_the_figures_of_their_clips(model: Archive) -> None:
    table = labelled(invented_table())
    found = evaluated(model, table)
    assert found.normalisation == "causal"
    assert found.excluded == {"calm": 12}
    assert found.overall.n == 120
    assert found.overall.classified == 108
    assert list(found.groups.corpus) == ["corpus0", "corpus1"]
    assert list(found.groups.language) == ["xx"]
    assert list(found.groups.sex) == ["f", "m"]
    assert list(found.groups.emotion) == ["anger", "calm", "happiness", "neutral", "sadness"]
    assert found.groups.language["xx"] == found.overall
    rows = np.array([row for row, each in enumerate(table.clips) if each.sex == "m"])
    predictions = predict(model.script, table, normalise(table, model.prior, Normalisation.CAUSAL, 1))
    expected = measure([table.clips[row] for row in rows], predictions.of(rows))
    assert without_intervals(found.groups.sex["m"]) == without_intervals(expected)


def without_intervals(figures: Figures) -> object:
    plain = msgspec.to_builtins(figures)
    for part in (plain, plain["activation"], plain["valence"]):
        for name in [name for name in part if name.endswith("_interval")]:
            del part[name]
    return plain


def test_confusion_and_calibration_count_every_classified_clip(model: Archive) -> None:
    table = labelled(invented_table())
    overall = evaluated(model, table).overall
    truth = Counter(each.emotion for each in table.clips if each.emotion != "calm")
    assert {name: sum(row.values()) for name, row in overall.confusion.items()} == dict(truth)
    assert {name: overall.confusion[name][name] / truth[name] for name in truth} == pytest.approx(
        overall.recall
    )
    assert sum(each.n for each in overall.calibration) == 108
    gaps = sum(each.n * abs(each.confidence - each.accuracy) for each in overall.calibration)
    assert gaps / 108 == pytest.approx(overall.ece)
    confidences = [each.confidence for each in overall.calibration]
    assert confidences == sorted(confidences)


@pytest.mark.parametrize("normalisation", ["causal", "corpus", "none"])
def test_every_normalisation_says_something_else(model: Archive, normalisation: str) -> None:
    table = labelled(invented_table())
    found = evaluated(model, table, normalisation)
    assert found.normalisation == normalisation
    expected = predict(model.script, table, normalise(table, model.prior, Normalisation(normalisation), 1))
    assert found.overall.uar == measure(table.clips, expected).uar


@pytest.mark.parametrize("normalisation", ["causal", "corpus", "none"])
def test_one_clip_is_measured_as_far_as_one_clip_goes(model: Archive, normalisation: str) -> None:
    found = evaluated(model, first_clips(1, emotion="anger", activation=4.0), normalisation).overall
    assert (found.n, found.classified, found.speakers, found.activation.n) == (1, 1, 1, 1)
    assert found.uar in (0.0, 1.0)
    assert found.uar == found.wa == found.recall["anger"]
    assert found.auroc is found.uar_interval is found.activation.pearson is found.activation.ccc is None
    assert found.recall_interval == {"anger": None}


def test_one_class_has_a_recall(model: Archive) -> None:
    found = evaluated(model, first_clips(60, emotion="sadness")).overall
    assert list(found.recall) == list(found.confusion) == ["sadness"]
    assert found.uar == found.recall["sadness"]
    assert found.uar_interval == found.recall_interval["sadness"]


def test_classes_that_are_all_unknown_leave_recognition_undecided(model: Archive) -> None:
    found = evaluated(model, first_clips(40, emotion="calm"))
    assert found.excluded == {"calm": 40}
    overall = found.overall
    assert overall.uar is overall.wa is overall.ece is overall.auroc is overall.uar_interval is None
    assert (overall.recall, overall.recall_interval, overall.confusion, overall.calibration) == (
        {},
        {},
        {},
        (),
    )


def test_labels_without_emotions_are_measured(model: Archive) -> None:
    table = first_clips(40, emotion="")
    clips = [replace(each, activation=1.0 + number % 5) for number, each in enumerate(table.clips)]
    found = evaluated(model, replace(table, clips=tuple(clips)))
    assert found.excluded == {}
    assert found.groups.emotion == {}
    assert found.overall.uar is None
    assert found.overall.activation.spearman is not None
    assert found.overall.valence.pearson is None
    assert found.overall.valence.n == 0


@pytest.mark.parametrize(
    "known", [clip(emotion="calm"), clip(emotion="", activation=1.0), clip(emotion="", valence=2.0)]
)
def test_a_single_label_is_enough_to_measure_by(known: Clip) -> None:
    check_labelled([clip(emotion=""), known])
    with pytest.raises(CorpusError, match="None of the 2 clips has an emotion, activation or valence"):
        check_labelled([clip(emotion=""), clip(emotion="")])
