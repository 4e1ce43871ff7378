"""Running statistics of one speaker or stream, against which features become standard scores.

Shapes: F features, N rows.
"""

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ModelError

PRIOR_S = 20.0
"""Seconds of speech that the model's prior is worth; it does not fade.

Measured on left-out languages: half of it costs 3 points of recall where a stream has but one mood, and gains
none where its moods change; half as much again loses there. See `trainer/EXPERIMENTS.md`.
"""

HALF_LIFE_S = 300.0
"""After this much further speech a region counts half."""

SCORE_LIMIT = 10.0
"""No standard score exceeds this, and no region counts with more prior deviations from the prior's mean: some
functionals are ratios that can blow up, and one of them must not spoil minutes of statistics."""

DEVIATION_FLOOR = 1e-6

Vector = NDArray[np.float64]


class FeaturePrior:
    """Mean and deviation of each feature over the corpora of training, in the features' own units."""

    def __init__(self, mean_F: ArrayLike, deviation_F: ArrayLike) -> None:
        self.mean_F: Vector = np.array(mean_F, dtype=np.float64)
        self.deviation_F: Vector = np.maximum(np.array(deviation_F, dtype=np.float64), DEVIATION_FLOOR)


class BaselineState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a baseline has learned, in a form that JSON holds."""

    speech_s: float
    weight_s: float
    mean_F: tuple[float, ...]
    scatter_F: tuple[float, ...]


class Baseline:
    """Mean and deviation of the features as this stream's speech shows them, prior included.

    What was observed is a mean and a scatter (weighted squared deviations from that mean), both weighted
    by seconds of speech that fade with a half-life (West 1979). The prior joins with a constant
    weight: its mean is averaged in, its variance is pooled with the variance *within* the stream, so that
    a speaker far from the prior does not look more variable for it.
    """

    def __init__(self, prior: FeaturePrior) -> None:
        self._prior = prior
        limit_F = SCORE_LIMIT * prior.deviation_F
        self._lowest_F = prior.mean_F - limit_F
        self._highest_F = prior.mean_F + limit_F
        self.reset()

    def reset(self) -> None:
        """Forget the speaker; the prior alone is left."""
        self._speech_s = 0.0
        self._weight_s = 0.0
        self._mean_F = self._prior.mean_F.copy()
        self._scatter_F = np.zeros_like(self._mean_F)

    def update(self, features_F: ArrayLike, speech_s: float) -> None:
        """Count a region that has ended, by the seconds of speech in it.

        A feature that is not a number counts as the current mean.
        """
        if speech_s <= 0:
            return
        observed_F = np.clip(np.asarray(features_F, dtype=np.float64), self._lowest_F, self._highest_F)
        difference_F = np.nan_to_num(observed_F - self._mean_F)
        fading = 0.5 ** (speech_s / HALF_LIFE_S)
        faded_s = fading * self._weight_s
        self._speech_s += speech_s
        self._weight_s = faded_s + speech_s
        share = speech_s / self._weight_s
        self._mean_F = self._mean_F + share * difference_F
        self._scatter_F = fading * self._scatter_F + faded_s * share * difference_F**2

    @property
    def speech_s(self) -> float:
        """Seconds of speech heard since the last reset, without fading."""
        return self._speech_s

    @property
    def mean_F(self) -> Vector:
        """What a standard score is counted from."""
        total_s = PRIOR_S + self._weight_s
        mean_F: Vector = (PRIOR_S * self._prior.mean_F + self._weight_s * self._mean_F) / total_s
        return mean_F

    @property
    def deviation_F(self) -> Vector:
        """What a standard score is counted in."""
        prior_scatter_F = PRIOR_S * self._prior.deviation_F**2
        variance_F: Vector = (prior_scatter_F + self._scatter_F) / (PRIOR_S + self._weight_s)
        return np.maximum(np.sqrt(variance_F), DEVIATION_FLOOR)

    def state(self) -> BaselineState:
        """Everything learned so far, to be saved."""
        return BaselineState(
            speech_s=self._speech_s,
            weight_s=self._weight_s,
            mean_F=tuple(self._mean_F.tolist()),
            scatter_F=tuple(self._scatter_F.tolist()),
        )

    def restore(self, state: BaselineState) -> None:
        """Go on from a saved state.

        Raises:
            ModelError: the state holds another number of features than this model, or impossible values.

        """
        self._check(state)
        self._speech_s = state.speech_s
        self._weight_s = state.weight_s
        self._mean_F = np.array(state.mean_F)
        self._scatter_F = np.array(state.scatter_F)

    def _check(self, state: BaselineState) -> None:
        expected = len(self._prior.mean_F)
        for found in (len(state.mean_F), len(state.scatter_F)):
            if found != expected:
                raise ModelError(
                    f"This baseline holds {found} features and the model has {expected}: "
                    "start without it, or use the model it was saved with."
                )
        values = (state.speech_s, state.weight_s, *state.mean_F, *state.scatter_F)
        if not np.isfinite(values).all() or min(state.speech_s, state.weight_s, *state.scatter_F) < 0:
            raise ModelError("This baseline holds impossible values: delete it and start without it.")


def normalise_causally(
    features_NF: NDArray[np.floating], speech_s_N: NDArray[np.floating], prior: FeaturePrior
) -> NDArray[np.float64]:
    """Standard scores of pieces of speech as one stream would give them, row after row.

    Each row is scored against the baseline before it, and only then counted; a row of no seconds (a
    rolling window inside a region) is scored and not counted.
    """
    baseline = Baseline(prior)
    scores_NF = np.empty(features_NF.shape)
    for row, (features_F, speech_s) in enumerate(zip(features_NF, speech_s_N, strict=True)):
        scores_NF[row] = (features_F - baseline.mean_F) / baseline.deviation_F
        baseline.update(features_F, float(speech_s))
    return scores_NF
