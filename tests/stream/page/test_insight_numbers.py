"""What the map and the named features compute in the browser, against numpy and the models."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from cmlstream.models.baseline import HALF_LIFE_S, PRIOR_S
from cmlstream.models.egemaps.names import FEATURE_NAMES
from tests.stream.page.browser import Browser
from tests.stream.page.estimates import SIZE, clustered
from tests.stream.page.one_page import one_page

pytestmark = pytest.mark.slow

REFIT_EVERY = 12

Evaluate = Callable[..., Any]


@pytest.fixture(scope="module")
def evaluate(browser: Browser) -> Iterator[Evaluate]:
    """Let the tests share a page."""
    with one_page(browser) as answer:
        yield answer


AXES = """async (vectors) => {
  const { Spread, principalAxes, shareOf } = await import("/principal.js");
  const spread = new Spread(vectors[0].length);
  for (const vector of vectors) spread.add(vector);
  const axes = principalAxes(spread);
  return { mean: [...spread.mean], scatter: [...spread.scatter], axes: axes.map((axis) => [...axis]),
    share: shareOf(axes, spread) };
}"""


def test_principal_axes_are_those_that_numpy_finds(evaluate: Evaluate) -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(300, SIZE)) * np.geomspace(4, 0.05, SIZE) @ rng.normal(size=(SIZE, SIZE)) + 7
    found = evaluate(AXES, vectors.tolist())
    scatter = np.cov(vectors.T, bias=True) * len(vectors)
    values, expected = np.linalg.eigh(scatter)
    np.testing.assert_allclose(found["mean"], vectors.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(np.reshape(found["scatter"], (SIZE, SIZE)), scatter, rtol=1e-7, atol=1e-7)
    for axis, vector in zip(found["axes"], expected.T[::-1], strict=False):
        assert abs(np.dot(axis, vector)) == pytest.approx(1, abs=1e-9)
        assert max(axis, key=abs) > 0
    assert found["share"] == pytest.approx(values[-2:].sum() / values.sum(), abs=1e-9)


@pytest.mark.parametrize("count", [1, 5])
def test_vectors_that_differ_in_one_direction_or_none_have_axes_too(evaluate: Evaluate, count: int) -> None:
    vectors = np.outer(np.arange(count), np.ones(SIZE))
    found = evaluate(AXES, vectors.tolist())
    axes = np.array(found["axes"])
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-9)
    assert found["share"] == pytest.approx(1)


ALIGNMENT = """async ([from, to]) => (await import("/projection.js")).alignment(from, to)"""


@pytest.mark.parametrize("mirrored", [False, True])
def test_alignment_is_the_procrustes_solution(evaluate: Evaluate, mirrored: bool) -> None:
    rng = np.random.default_rng(2)
    before = rng.normal(size=(40, 2))
    turn = np.array([[0.6, -0.8], [0.8, 0.6]]) @ np.diag([1, -1 if mirrored else 1])
    after = before @ turn.T + 0.1 * rng.normal(size=before.shape)
    left, _, right = np.linalg.svd(after.T @ before)
    found = evaluate(ALIGNMENT, [before.tolist(), after.tolist()])
    np.testing.assert_allclose(found, left @ right, atol=1e-9)


PLACED = """async ([vectors, every]) => {
  const { Projection } = await import("/projection.js");
  const projection = new Projection();
  const places = () => shown.map((vector) => [...projection.place(vector)]);
  const shown = [];
  const steps = [];
  for (const vector of vectors) {
    projection.take(vector);
    shown.push(vector);
    if (shown.length % every) continue;
    const before = projection.axes ? places() : null;
    const moved = projection.refit(shown);
    steps.push({ before, after: places(), moved, share: projection.share });
  }
  return steps;
}"""


def test_similar_vectors_lie_together(evaluate: Evaluate) -> None:
    vectors, clusters = clustered(np.random.default_rng(3), 240)
    *_, last = evaluate(PLACED, [vectors.tolist(), REFIT_EVERY])
    places = np.array(last["after"])
    away = np.linalg.norm(places[:, None] - places[None], axis=2)
    nearest = np.argsort(away, axis=1)[:, 1:6]
    assert np.mean(clusters[nearest] == clusters[:, None]) > 0.98
    assert last["share"] > 0.8
    truly_away = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    assert np.corrcoef(away.ravel(), truly_away.ravel())[0, 1] > 0.95


def test_points_hold_still_as_more_come(evaluate: Evaluate) -> None:
    vectors, _ = clustered(np.random.default_rng(4), 300)
    steps = evaluate(PLACED, [vectors.tolist(), REFIT_EVERY])
    assert steps == evaluate(PLACED, [vectors.tolist(), REFIT_EVERY])
    for step in steps[1:]:
        jumps = np.linalg.norm(np.subtract(step["after"], step["before"]), axis=1)
        assert jumps.max() < 0.1 * np.ptp(step["after"])
    assert sum(step["moved"] for step in steps[4:]) <= 2


def test_something_new_moves_points_no_more_than_it_must(evaluate: Evaluate) -> None:
    rng = np.random.default_rng(5)
    vectors, _ = clustered(rng, 120)
    direction = rng.normal(size=SIZE)
    new = vectors[:60] + 9 * direction / np.linalg.norm(direction)
    steps = evaluate(PLACED, [[*vectors.tolist(), *new.tolist()], 60])
    assert steps[2]["moved"]
    before, after = np.array(steps[2]["before"]), np.array(steps[2]["after"])
    before, after = before - before.mean(axis=0), after - after.mean(axis=0)
    left, _, right = np.linalg.svd(before.T @ after)
    np.testing.assert_allclose(left @ right, np.eye(2), atol=1e-6)


FACING = """async ([vectors, up, right]) => {
  const { Projection } = await import("/projection.js");
  const projection = new Projection();
  for (const vector of vectors) projection.take(vector);
  projection.refit([], { up: Float64Array.from(up), right: Float64Array.from(right) });
  return vectors.map((vector) => projection.place(vector));
}"""


def test_the_plane_is_looked_at_with_up_upwards(evaluate: Evaluate) -> None:
    rng = np.random.default_rng(9)
    vectors, _ = clustered(rng, 200)
    for _ in range(4):
        up, right = rng.normal(size=(2, SIZE))
        places = np.array(evaluate(FACING, [vectors.tolist(), up.tolist(), right.tolist()]))
        axes = np.linalg.lstsq(vectors - vectors.mean(axis=0), places, rcond=None)[0].T
        assert axes[0] @ up == pytest.approx(0, abs=1e-6)
        assert axes[1] @ up > 0
        assert axes[0] @ right > 0
        np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-6)


REFUSED = """async () => {
  const { Projection } = await import("/projection.js");
  const projection = new Projection();
  projection.take([1, 2, 3]);
  const others = [[1, 2], [1, NaN, 2], [1, 2, 1e300], null, "abc", [1, null, 2], {length: 3}];
  return [others.map((vector) => projection.take(vector)), projection.count];
}"""


def test_vectors_of_another_kind_are_left_out(evaluate: Evaluate) -> None:
    assert evaluate(REFUSED) == [[False] * 7, 1]


GROUPED = """async () => {
  const { GROUPS, comparison } = await import("/features.js");
  const { HALF_LIFE_S, PRIOR_S } = await import("/baseline.js");
  const features = GROUPS.flatMap(({ features }) => features);
  const scores = [-10, -3, -1.5, -0.6, 0, 0.4, 0.6, 1.5, 3];
  const words = scores.map((score) => comparison(features[0], score));
  return { names: features.map(({ name }) => name), words, prior_s: PRIOR_S, half_life_s: HALF_LIFE_S };
}"""


def test_the_page_knows_the_names_and_the_constants_of_the_models(evaluate: Evaluate) -> None:
    told = evaluate(GROUPED)
    assert len(told["names"]) == 12
    assert set(told["names"]) <= set(FEATURE_NAMES)
    assert (told["prior_s"], told["half_life_s"]) == (PRIOR_S, HALF_LIFE_S)
    assert told["words"] == [
        *("much lower", "much lower", "lower", "slightly lower", "as usual"),
        *("as usual", "slightly higher", "higher", "much higher"),
    ]


MEANS = """async (points) => {
  const { Usual } = await import("/usual.js");
  const usual = new Usual(["pitch"]);
  return points.map(([session, baselineS, pair]) => {
    usual.take({ session, baselineS, features: { pitch: pair } });
    return usual.of("pitch");
  });
}"""


def test_what_is_usual_follows_from_two_values_and_their_scores(evaluate: Evaluate) -> None:
    def against(mean: float) -> Callable[[float], tuple[float, float]]:
        return lambda value: (value, (value - mean) / 4)

    first, second = against(30), against(33)
    points = [
        *(("s", 0, first(28)), ("s", 0, first(28.1)), ("s", 0, first(36)), ("s", 5, second(20))),
        *(("s", 5, second(30)), ("s", 5, (90.0, 10.0)), ("s", 0, first(20)), ("t", 0, second(20))),
    ]
    told = evaluate(MEANS, points)
    assert told == [None, None, *(pytest.approx(mean) for mean in (30, 30, 33, 33)), None, None]
