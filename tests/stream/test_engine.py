import asyncio
from collections import deque

import numpy as np
import pytest
import soundfile

from cmlstream.models import archive
from cmlstream.models.baseline import Baseline
from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.errors import ModelError
from cmlstream.models.regions import RegionFeatures
from cmlstream.models.window import Window, cut
from cmlstream.stream.engine import OUT_OF_DOMAIN, Engine, Job, take_due
from cmlstream.stream.sources.open import SAMPLE_PATH
from tests.signals import quiet_noise, speech_like


@pytest.fixture(scope="module")
def model():
    return archive.load(archive.default_path())


def window(samples_T, *, final=False):
    end = len(samples_T)
    return Window(0, 0, end, end, samples_T, final, end)


def job(baseline, *, final=False):
    return Job(window(quiet_noise(0.1), final=final), baseline, asyncio.get_running_loop().create_future())


async def estimated(model, jobs):
    """Results of (window, baseline) pairs that were all submitted before the engine was free."""
    engine = Engine(model)
    futures = [engine.submit(*one) for one in jobs]
    running = asyncio.create_task(engine.run())
    results = await asyncio.gather(*futures)
    running.cancel()
    return results


def test_of_every_speaker_one_window_is_due_at_a_time():
    async def run():
        one, other = object(), object()
        jobs = [job(one), job(other), job(one, final=True), job(one), job(other)]
        queue = deque(jobs)
        due = take_due(queue)
        return [jobs.index(each) for each in due], [jobs.index(each) for each in queue]

    assert asyncio.run(run()) == ([0, 1], [2, 3, 4])


def test_all_that_is_due_runs_in_one_call(model):
    windows = [(window(speech_like(2, seed)), Baseline(model.prior)) for seed in range(3)]
    engine = Engine(model)
    answers = []

    async def run():
        futures = [engine.submit(*one) for one in windows]
        for future in futures:
            future.add_done_callback(lambda _: answers.append(sum(each.done() for each in futures)))
        running = asyncio.create_task(engine.run())
        await asyncio.gather(*futures)
        running.cancel()

    asyncio.run(run())
    assert answers == [3, 3, 3], "all are answered at once, not one after another"


def test_a_region_that_never_ended_leaves_nothing_to_the_next(model):
    baseline = Baseline(model.prior)
    audio_T = speech_like(2, seed=10)
    cut_off = window(speech_like(2, seed=11))
    later = Window(5 * SAMPLE_RATE, 5 * SAMPLE_RATE, 7 * SAMPLE_RATE, 7 * SAMPLE_RATE, audio_T, False, 0)
    _, after = asyncio.run(estimated(model, [(cut_off, baseline), (later, baseline)]))
    (alone,) = asyncio.run(estimated(model, [(window(audio_T), Baseline(model.prior))]))
    np.testing.assert_allclose(after.estimate.features_F, alone.estimate.features_F, rtol=1e-5, atol=1e-6)


def test_each_sample_of_a_region_is_heard_once(model, monkeypatch):
    heard = []
    hear = RegionFeatures.hear

    def listen(follower, regions, windows):
        before = [region.heard for region in regions]
        hear(follower, regions, windows)
        heard.extend(region.heard - was for region, was in zip(regions, before, strict=True))

    monkeypatch.setattr(RegionFeatures, "hear", listen)
    audio_T, baseline = speech_like(3, seed=12), Baseline(model.prior)
    rolling = [window(audio_T[:end]) for end in range(SAMPLE_RATE, len(audio_T), SAMPLE_RATE // 4)]
    asyncio.run(estimated(model, [(each, baseline) for each in [*rolling, window(audio_T, final=True)]]))
    assert heard[0] == SAMPLE_RATE
    assert sum(heard) == len(audio_T)


@pytest.mark.parametrize("told", [True, False], ids=["forgotten", "followed by the next"])
def test_regions_that_never_end_take_no_room(model, monkeypatch, told):
    begun = []
    begin = RegionFeatures.begin

    def note(follower, start):
        begun.append(begin(follower, start))
        return begun[-1]

    monkeypatch.setattr(RegionFeatures, "begin", note)

    async def run():
        engine = Engine(model)
        running = asyncio.create_task(engine.run())
        baseline = Baseline(model.prior)
        for number in range(4):
            audio_T, start = speech_like(1, seed=number), number * SAMPLE_RATE
            end = start + SAMPLE_RATE
            await engine.submit(Window(start, start, end, end, audio_T, False, 0), baseline)
            if told:
                engine.forget(baseline)
                baseline = Baseline(model.prior)
        running.cancel()

    asyncio.run(run())
    assert {region.stream for region in begun} == {0}


def test_an_estimate_does_not_depend_on_its_company(model):
    short_T, long_T = speech_like(1.5, seed=4), speech_like(2.5, seed=5)
    together = asyncio.run(
        estimated(model, [(window(short_T), Baseline(model.prior)), (window(long_T), Baseline(model.prior))])
    )
    alone = asyncio.run(estimated(model, [(window(short_T), Baseline(model.prior))]))
    np.testing.assert_allclose(
        together[0].estimate.embedding_D, alone[0].estimate.embedding_D, rtol=1e-4, atol=1e-5
    )


def spoken():
    """Three seconds of the sample: what novelty takes for speech, as it does not take an invented voice."""
    samples_T, _ = soundfile.read(SAMPLE_PATH, dtype="int16")
    regions = [region.samples for region in cut(samples_T)]
    return next(region_T for region_T in regions if len(region_T) >= 3 * SAMPLE_RATE)[: 3 * SAMPLE_RATE]


def test_a_region_is_judged_against_the_speech_before_it_only(model):
    baseline, region_T = Baseline(model.prior), spoken()
    results = asyncio.run(estimated(model, [(window(region_T, final=True), baseline)] * 2))
    assert results[0].baseline_s == 0.0
    taught = Baseline(model.prior)
    taught.update(results[0].estimate.features_F, 3.0)
    assert results[1].baseline_s == baseline.speech_s / 2 == taught.speech_s
    scores_F = (results[1].estimate.features_F - taught.mean_F) / taught.deviation_F
    np.testing.assert_allclose(results[1].estimate.scores_F, np.clip(scores_F, -10, 10), rtol=1e-3, atol=1e-3)


def test_a_clipped_region_teaches_the_baseline_nothing(model):
    baseline = Baseline(model.prior)
    clipped_T = np.clip(spoken().astype(np.int32) * 50, -32768, 32767).astype(np.int16)
    asyncio.run(estimated(model, [(window(clipped_T, final=True), baseline)]))
    assert baseline.speech_s == 0.0


def test_what_is_no_speech_teaches_the_baseline_nothing(model):
    baseline = Baseline(model.prior)
    (result,) = asyncio.run(estimated(model, [(window(quiet_noise(2), final=True), baseline)]))
    assert result.estimate.novelty > OUT_OF_DOMAIN
    assert baseline.speech_s == 0.0


@pytest.mark.parametrize("level", [0, 32767, -32768])
def test_no_estimate_holds_anything_but_finite_numbers(model, level):
    constant_T = np.full(2 * SAMPLE_RATE, level, np.int16)
    (result,) = asyncio.run(estimated(model, [(window(constant_T), Baseline(model.prior))]))
    estimate = result.estimate
    told = [estimate.activation, estimate.valence, *estimate.emotion, estimate.confidence, estimate.novelty]
    assert np.isfinite([*told, *estimate.embedding_D]).all()
    assert sum(estimate.emotion) == pytest.approx(1)


def test_a_model_that_answers_nan_fails_the_futures_of_that_call_and_the_next_call_goes_on():
    model = archive.load(archive.default_path())
    bias_E = model.script.head.emotion.bias
    healthy_E = bias_E.clone()

    async def run():
        engine = Engine(model)
        running = asyncio.create_task(engine.run())
        bias_E.fill_(float("nan"))
        with pytest.raises(ModelError, match="not finite"):
            await engine.submit(window(speech_like(1, seed=9)), Baseline(model.prior))
        bias_E.copy_(healthy_E)
        answer = await engine.submit(window(speech_like(1, seed=9)), Baseline(model.prior))
        running.cancel()
        return answer

    assert asyncio.run(run()).baseline_s == 0.0


def test_cancelling_the_engine_leaves_no_task(model):
    async def run():
        engine = Engine(model)
        running = asyncio.create_task(engine.run())
        engine.submit(window(speech_like(1, seed=8)), Baseline(model.prior))
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return len(asyncio.all_tasks())

    assert asyncio.run(run()) == 1
