import numpy as np
import pytest

from cmlstream.models.baseline import PRIOR_S, FeaturePrior
from cmlstream.trainer.adaptation import ADAPTED_S, ADAPTING_S, Stage, stages_of
from cmlstream.trainer.hearing import Heard

PRIOR = FeaturePrior(np.zeros(3), np.ones(3))


def voices(offset: float, count: int, speech_s: float = 3.0) -> list[Heard]:
    random = np.random.default_rng(0)
    return [
        Heard((offset + random.normal(0, 1, (1, 3))).astype(np.float32), np.array([speech_s]))
        for _ in range(count)
    ]


NOTHING = Heard(np.empty((0, 3), np.float32), np.empty(0))


def test_an_offset_of_a_speaker_fades_from_stage_to_stage() -> None:
    stages = stages_of(voices(5.0, 40), ["s"] * 40, PRIOR, 1)
    cold, adapting, adapted = (np.nanmean(stages[stage].scores_NF) for stage in Stage)
    assert cold == pytest.approx(5, abs=0.5)
    assert 0.8 < adapting < 2.5
    assert 0 < adapted < 0.75


def test_a_clip_counts_as_adapting_once_half_a_minute_was_heard() -> None:
    reached_N = stages_of(voices(0.0, 40), ["s"] * 40, PRIOR, 1)[Stage.ADAPTING].reached_N
    assert reached_N.sum() == 40 - ADAPTING_S / 3
    assert not stages_of(voices(0.0, 9), ["s"] * 9, PRIOR, 1)[Stage.ADAPTING].reached_N.any()


def test_a_short_speaker_is_played_until_adapted() -> None:
    clip = Heard(np.full((1, 3), 5, np.float32), np.array([3.0]))
    once = stages_of([clip], ["s"], PRIOR, 1)[Stage.ADAPTED]
    assert once.reached_N.all()
    # Of 300 s a half-life of 300 s leaves the weight of 216 s; the prior's 20 s hold mean and variance.
    assert ADAPTED_S == 300
    share = PRIOR_S / (PRIOR_S + 216)
    np.testing.assert_allclose(once.scores_NF, 5 * share / np.sqrt(share), rtol=0.02)


def test_a_clip_that_was_not_heard_has_no_scores_and_teaches_nothing() -> None:
    heard = voices(1.0, 20)
    alone = stages_of(heard, ["s"] * 20, PRIOR, 1)
    beside = stages_of([NOTHING, *heard], ["t"] + ["s"] * 20, PRIOR, 1)
    for stage in Stage:
        assert np.isnan(beside[stage].scores_NF[0]).all()
        np.testing.assert_array_equal(np.isnan(beside[stage].scores_NF[1:]), np.isnan(alone[stage].scores_NF))
    assert beside[Stage.ADAPTED].reached_N.all()


def test_speakers_do_not_share_a_baseline() -> None:
    heard = [*voices(5.0, 30), *voices(-5.0, 30)]
    scores_NF = stages_of(heard, ["a"] * 30 + ["b"] * 30, PRIOR, 1)[Stage.ADAPTED].scores_NF
    assert abs(scores_NF[:30].mean()) < 1
    assert abs(scores_NF[30:].mean()) < 1


def test_a_seed_gives_the_same_order_every_time() -> None:
    heard, speakers = voices(2.0, 30), ["s"] * 30
    first, again, other = (stages_of(heard, speakers, PRIOR, seed)[Stage.ADAPTING] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.scores_NF, again.scores_NF)
    assert (first.reached_N != other.reached_N).any()
