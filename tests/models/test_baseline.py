import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmlstream.models.baseline import (
    HALF_LIFE_S,
    PRIOR_S,
    SCORE_LIMIT,
    Baseline,
    BaselineState,
    FeaturePrior,
    normalise_causally,
)
from cmlstream.models.errors import ModelError

PRIOR = FeaturePrior([1.0, -2.0, 0.0], [2.0, 0.5, 1.0])

region = st.tuples(
    st.lists(st.floats(-4, 2.5), min_size=3, max_size=3).map(np.array),
    st.floats(0.5, 60, allow_subnormal=False),
)
regions = st.lists(region, min_size=1, max_size=12)


def told(heard: list[tuple[np.ndarray, float]]) -> Baseline:
    baseline = Baseline(PRIOR)
    for features_F, speech_s in heard:
        baseline.update(features_F, speech_s)
    return baseline


def test_begins_as_the_prior() -> None:
    baseline = Baseline(PRIOR)
    assert baseline.speech_s == 0
    np.testing.assert_allclose(baseline.mean_F, PRIOR.mean_F)
    np.testing.assert_allclose(baseline.deviation_F, PRIOR.deviation_F)


def test_the_prior_weighs_as_much_as_its_seconds() -> None:
    baseline = told([(np.array([3.0, -2.0, 0.0]), PRIOR_S)])
    np.testing.assert_allclose(baseline.mean_F, [2.0, -2.0, 0.0])


@given(regions)
def test_statistics_are_those_of_all_regions_weighted_by_speech_and_age(
    heard: list[tuple[np.ndarray, float]],
) -> None:
    later_s = np.cumsum([speech_s for _, speech_s in heard][::-1])[::-1] - [speech_s for _, speech_s in heard]
    weight_N = np.array([speech_s for _, speech_s in heard]) * 0.5 ** (later_s / HALF_LIFE_S)
    features_NF = np.array([features_F for features_F, _ in heard])
    observed_F = np.average(features_NF, axis=0, weights=weight_N)
    scatter_F = weight_N @ (features_NF - observed_F) ** 2
    total_s = PRIOR_S + weight_N.sum()

    baseline = told(heard)
    mean_F = (PRIOR_S * PRIOR.mean_F + weight_N.sum() * observed_F) / total_s
    np.testing.assert_allclose(baseline.mean_F, mean_F, atol=1e-9)
    variance_F = (PRIOR_S * PRIOR.deviation_F**2 + scatter_F) / total_s
    np.testing.assert_allclose(baseline.deviation_F, np.sqrt(variance_F), atol=1e-9)


def test_old_speech_fades_and_the_prior_does_not() -> None:
    early, late = np.array([4.0, -2.0, 0.0]), np.array([-2.0, -2.0, 0.0])
    baseline = told([(early, 300.0)] + [(late, 30.0)] * 1000)
    settled_s = 30.0 / (1 - 0.5 ** (30.0 / HALF_LIFE_S))
    expected = (PRIOR_S * 1.0 + settled_s * -2.0) / (PRIOR_S + settled_s)
    assert baseline.mean_F[0] == pytest.approx(expected)
    assert baseline.speech_s == pytest.approx(30_300)


def test_a_speaker_far_from_the_prior_looks_no_more_variable() -> None:
    near = told([(PRIOR.mean_F, 20.0), (PRIOR.mean_F + 0.1, 20.0)])
    far = told([(PRIOR.mean_F + 3, 20.0), (PRIOR.mean_F + 3.1, 20.0)])
    np.testing.assert_allclose(near.deviation_F, far.deviation_F)


@given(regions)
def test_reset_forgets_everything(heard: list[tuple[np.ndarray, float]]) -> None:
    baseline = told(heard)
    baseline.reset()
    assert baseline.state() == Baseline(PRIOR).state()


@given(regions, regions)
def test_saved_and_loaded_as_json_it_goes_on_alike(
    before: list[tuple[np.ndarray, float]], after: list[tuple[np.ndarray, float]]
) -> None:
    unbroken = told(before)
    restored = Baseline(PRIOR)
    restored.restore(msgspec.json.decode(msgspec.json.encode(unbroken.state()), type=BaselineState))
    for baseline in (unbroken, restored):
        for features_F, speech_s in after:
            baseline.update(features_F, speech_s)
    assert restored.state() == unbroken.state()


def test_a_state_of_another_model_is_refused() -> None:
    state = Baseline(FeaturePrior([0.0], [1.0])).state()
    with pytest.raises(ModelError, match="holds 1 features and the model has 3"):
        Baseline(PRIOR).restore(state)


@pytest.mark.parametrize(
    "damage", [{"weight_s": -1.0}, {"scatter_F": (1.0, -1.0, 0.0)}, {"mean_F": (0.0, float("nan"), 0.0)}]
)
def test_a_damaged_state_is_refused(damage: dict[str, object]) -> None:
    state = msgspec.structs.replace(Baseline(PRIOR).state(), **damage)
    with pytest.raises(ModelError, match="impossible values"):
        Baseline(PRIOR).restore(state)


def test_a_feature_that_blew_up_counts_as_the_limit() -> None:
    blown_up = told([(np.array([1e30, -2.0, 0.0]), 10.0)])
    limited = told([(np.array([1.0 + SCORE_LIMIT * 2.0, -2.0, 0.0]), 10.0)])
    np.testing.assert_allclose(blown_up.mean_F, limited.mean_F)
    np.testing.assert_allclose(blown_up.deviation_F, limited.deviation_F)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_statistics_stay_finite(value: float) -> None:
    baseline = told([(np.array([2.0, -1.0, 0.5]), 5.0), (np.array([value, -1.0, 0.5]), 5.0)])
    assert np.isfinite(baseline.mean_F).all()
    assert np.isfinite(baseline.deviation_F).all()


def test_a_region_without_speech_does_not_count() -> None:
    assert told([(np.array([9.0, 9.0, 9.0]), 0.0)]).state() == Baseline(PRIOR).state()


def test_a_constant_feature_has_a_deviation_to_divide_by() -> None:
    assert Baseline(FeaturePrior([0.0], [0.0])).deviation_F[0] > 0


@given(regions)
def test_causal_scores_know_only_what_came_before(heard: list[tuple[np.ndarray, float]]) -> None:
    features_NF = np.array([features_F for features_F, _ in heard])
    speech_s_N = np.array([speech_s for _, speech_s in heard])
    scores_NF = normalise_causally(features_NF, speech_s_N, PRIOR)
    for row in range(len(heard)):
        before = told(heard[:row])
        expected_F = (features_NF[row] - before.mean_F) / before.deviation_F
        np.testing.assert_allclose(scores_NF[row], expected_F)
