from dataclasses import replace

import numpy as np
import pytest

from cmlstream.trainer.circumplex import position
from cmlstream.trainer.reproduce.material import labels_of, one_region_each, scores_of
from cmlstream.trainer.reproduce.protocol import Protocol, Split, all_splits
from cmlstream.trainer.table import Normalisation
from tests.trainer.reproduce.languages import languages_table, of_language

TABLE = languages_table()
SPLIT = next(split for split in all_splits(TABLE.clips) if split.protocol is Protocol.LEAVE_ONE_OUT)


def shifted_where_measured(split: Split) -> tuple[np.ndarray, np.ndarray]:
    rows = np.isin(TABLE.clip_N, split.tested)
    moved = replace(TABLE, features_NF=TABLE.features_NF + 5 * rows[:, None].astype(np.float32))
    before_NF, after_NF = (scores_of(table, split, Normalisation.NONE) for table in (TABLE, moved))
    return before_NF, after_NF


def test_clips_that_are_measured_do_not_move_the_prior() -> None:
    before_NF, after_NF = shifted_where_measured(SPLIT)
    assert before_NF.shape == (len(TABLE.clips), 88)
    np.testing.assert_array_equal(before_NF[SPLIT.training], after_NF[SPLIT.training])
    assert (after_NF[SPLIT.tested] > before_NF[SPLIT.tested]).mean() > 0.9


def test_a_corpus_all_at_once_has_mean_zero_in_every_language() -> None:
    scores_NF = scores_of(TABLE, SPLIT, Normalisation.CORPUS)
    for language in ("de", "en", "ur"):
        means_F = scores_NF[of_language(TABLE.clips, language)].mean(0)
        np.testing.assert_allclose(means_F, 0, atol=1e-4)


def test_labels_to_train_on_fall_back_and_labels_to_measure_by_do_not() -> None:
    labels = labels_of(TABLE.clips)
    english = of_language(TABLE.clips, "en")
    assert np.isnan(labels.activation_N[english]).all()
    for number in english:
        place = position(TABLE.clips[number].emotion)
        assert labels.weak_activation_N[number] == pytest.approx(place.activation, nan_ok=True)
    german = of_language(TABLE.clips, "de")
    known = german[~np.isnan(labels.valence_N[german])]
    np.testing.assert_array_equal(labels.valence_N[known], labels.weak_valence_N[known])


def test_one_region_stands_for_each_clip() -> None:
    regions = one_region_each(TABLE)
    assert regions.features_NF.shape == (len(TABLE.clips), 88)
    assert regions.whole_N.all()
    np.testing.assert_array_equal(regions.features_NF, TABLE.features_NF[TABLE.whole_N])
