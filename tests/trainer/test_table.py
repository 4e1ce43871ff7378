from dataclasses import replace

import numpy as np
import pytest

from cmlstream.models.baseline import Baseline
from cmlstream.models.egemaps import FEATURE_NAMES
from cmlstream.models.errors import CorpusError
from cmlstream.trainer.pieces import Pieces
from cmlstream.trainer.table import (
    FeatureTable,
    Normalisation,
    joined,
    normalise,
    prior_of,
    stack,
)
from tests.trainer.corpus import invented_table


@pytest.fixture(scope="module")
def table() -> FeatureTable:
    return invented_table()


def rows_of(table: FeatureTable, speaker: str) -> np.ndarray:
    return np.flatnonzero([table.clips[clip].speaker == speaker for clip in table.clip_N])


def test_a_subset_keeps_the_pieces_of_its_clips(table: FeatureTable) -> None:
    subset = table.subset(np.array([7, 3]))
    assert subset.clips == (table.clips[3], table.clips[7])
    for place, number in enumerate((3, 7)):
        np.testing.assert_array_equal(
            subset.features_NF[subset.clip_N == place], table.features_NF[table.clip_N == number]
        )


def test_the_prior_is_the_mean_of_speakers_and_their_own_variance(table: FeatureTable) -> None:
    prior = prior_of(table)
    regions = [
        table.features_NF[rows][table.whole_N[rows]].astype(float)
        for rows in (rows_of(table, f"s{speaker}") for speaker in range(6))
    ]
    np.testing.assert_allclose(prior.mean_F, np.mean([rows.mean(0) for rows in regions], 0))
    np.testing.assert_allclose(prior.deviation_F, np.sqrt(np.mean([rows.var(0) for rows in regions], 0)))


def test_speakers_weigh_equally_however_many_clips_they_have(table: FeatureTable) -> None:
    once = table.subset(np.arange(40))
    doubled = stack(
        [*once.clips, *once.clips[20:]],
        [pieces_of_clip(once, number) for number in (*range(40), *range(20, 40))],
    )
    np.testing.assert_allclose(prior_of(doubled).mean_F, prior_of(once).mean_F, atol=1e-6)


def pieces_of_clip(table: FeatureTable, number: int) -> Pieces:
    rows = table.clip_N == number
    return Pieces(table.features_NF[rows], table.speech_s_N[rows], table.whole_N[rows])


def test_a_cold_start_scores_against_the_prior(table: FeatureTable) -> None:
    prior = prior_of(table)
    expected_NF = ((table.features_NF - prior.mean_F) / prior.deviation_F).clip(-10, 10)
    scores_NF = normalise(table, prior, Normalisation.NONE, 0)
    np.testing.assert_allclose(scores_NF, expected_NF, rtol=1e-4, atol=1e-4)


def test_all_at_once_every_corpus_is_centred(table: FeatureTable) -> None:
    scores_NF = normalise(table, prior_of(table), Normalisation.CORPUS, 0)
    corpus_N = table.per_row([clip.corpus for clip in table.clips])
    for corpus in ("corpus0", "corpus1"):
        regions_NF = scores_NF[(corpus_N == corpus) & table.whole_N]
        np.testing.assert_allclose(regions_NF.mean(0), 0, atol=1e-4)
        np.testing.assert_allclose(regions_NF.std(0), 1, atol=1e-3)


def test_causal_scores_are_a_stream_of_one_speaker(table: FeatureTable) -> None:
    prior = prior_of(table)
    speaker = table.subset(np.array([0, 1, 2]))
    scores_NF = normalise(speaker, prior, Normalisation.CAUSAL, 5)
    played = np.random.default_rng(5).permutation(3)
    baseline = Baseline(prior)
    for clip in played:
        rows = np.flatnonzero(speaker.clip_N == clip)
        expected_NF = (speaker.features_NF[rows] - baseline.mean_F) / baseline.deviation_F
        np.testing.assert_allclose(scores_NF[rows], expected_NF.clip(-10, 10), rtol=1e-4, atol=1e-4)
        baseline.update(speaker.features_NF[rows[-1]], 2.0)


def test_the_order_of_clips_is_drawn_from_the_seed(table: FeatureTable) -> None:
    prior = prior_of(table)
    one, again, other = (normalise(table, prior, Normalisation.CAUSAL, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_the_causal_baseline_approaches_the_speaker(table: FeatureTable) -> None:
    prior = prior_of(table)
    causal = normalise(table, prior, Normalisation.CAUSAL, 1)[table.whole_N]
    cold = normalise(table, prior, Normalisation.NONE, 1)[table.whole_N]
    speaker_N = np.array([clip.speaker for clip in table.clips])
    spread = [
        np.std([rows[speaker_N == f"s{s}"].mean(0) for s in range(6)], 0).mean() for rows in (causal, cold)
    ]
    assert spread[0] < 0.8 * spread[1]


def test_columns_are_chosen_by_name(table: FeatureTable) -> None:
    names = (FEATURE_NAMES[5], FEATURE_NAMES[2])
    chosen = table.of_features(names)
    assert chosen.feature_names == names
    np.testing.assert_array_equal(chosen.features_NF, table.features_NF[:, [5, 2]])
    assert chosen.subset([0]).feature_names == names
    assert table.of_features(FEATURE_NAMES) is table
    with pytest.raises(CorpusError, match=r"lack 1 of the 2 columns .* `missing`"):
        table.of_features((FEATURE_NAMES[5], "missing"))


def test_values_that_are_no_numbers_do_not_spoil_the_statistics(table: FeatureTable) -> None:
    broken_NF = table.features_NF.copy()
    broken_NF[::5, 3] = np.nan
    broken_NF[rows_of(table, "s1"), 4] = np.inf
    broken_NF[:, 7] = np.nan
    broken = replace(table, features_NF=broken_NF)
    prior, whole = prior_of(broken), prior_of(table)
    columns = np.delete(np.arange(88), [3, 4, 7])
    np.testing.assert_array_equal(prior.mean_F[columns], whole.mean_F[columns])
    np.testing.assert_allclose(prior.mean_F[3], whole.mean_F[3], atol=0.5)
    others = [table.features_NF[rows_of(table, f"s{n}")][:, 4] for n in (0, 2, 3, 4, 5)]
    whole_rows = [table.whole_N[rows_of(table, f"s{n}")] for n in (0, 2, 3, 4, 5)]
    np.testing.assert_allclose(
        prior.mean_F[4], np.mean([v[w].mean() for v, w in zip(others, whole_rows, strict=True)]), rtol=1e-5
    )
    for normalisation in Normalisation:
        scores_NF = normalise(broken, prior, normalisation, 0)
        assert np.isfinite(scores_NF).all()
        assert np.abs(scores_NF[:, 3]).max() > 0
        np.testing.assert_array_equal(scores_NF[:, 7], 0)


@pytest.mark.parametrize("normalisation", [Normalisation.CAUSAL, Normalisation.NONE])
def test_scores_are_finite_and_limited(table: FeatureTable, normalisation: Normalisation) -> None:
    broken_NF = table.features_NF.copy()
    broken_NF[::7, ::5] = np.inf
    broken_NF[::11, ::3] = np.nan
    broken = FeatureTable(table.clips, broken_NF, table.speech_s_N, table.whole_N, table.clip_N)
    scores_NF = normalise(broken, prior_of(table), normalisation, 0)
    assert np.isfinite(scores_NF).all()
    assert np.abs(scores_NF).max() <= 10


def test_joined_tables_keep_their_clips_and_pieces(table: FeatureTable) -> None:
    one, other = table.subset([0, 5]), table.subset([7])
    both = joined([one, other])
    assert both.clips == (*one.clips, *other.clips)
    np.testing.assert_array_equal(both.features_NF, np.concatenate([one.features_NF, other.features_NF]))
    np.testing.assert_array_equal(both.subset([2]).features_NF, other.features_NF)
    np.testing.assert_array_equal(both.subset([0, 1]).speech_s_N, one.speech_s_N)
