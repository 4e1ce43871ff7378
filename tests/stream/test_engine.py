import asyncio
from dataclasses import replace

import msgspec
import numpy as np
import pytest
import soundfile
import torch

from cmlstream.models import archive
from cmlstream.models.affect import Outputs
from cmlstream.models.baseline import Baseline
from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.errors import CmlstreamError, ModelError
from cmlstream.models.regions import RegionFeatures
from cmlstream.models.window import Window, cut
from cmlstream.stream import engine as engines
from cmlstream.stream.engine import OUT_OF_DOMAIN, Engine
from cmlstream.stream.sources.open import SAMPLE_PATH
from tests.signals import quiet_noise, speech_like


@pytest.fixture(scope="module")
def model():
    return archive.load(archive.default_path())


def window(samples_T, *, final=False):
    end = len(samples_T)
    return Window(0, 0, end, end, samples_T, final, end)


async def estimated(model, jobs):
    """Results of (window, baseline) pairs that were all submitted before the engine was free."""
    engine = Engine(model)
    futures = [engine.submit(*one) for one in jobs]
    running = asyncio.create_task(engine.run())
    results = await asyncio.gather(*futures)
    running.cancel()
    return results


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


@pytest.fixture
def begun(monkeypatch):
    """The regions that engines have begun."""
    regions = []
    begin = RegionFeatures.begin

    def note(follower, start):
        regions.append(begin(follower, start))
        return regions[-1]

    monkeypatch.setattr(RegionFeatures, "begin", note)
    return regions


@pytest.mark.parametrize("told", [True, False], ids=["forgotten", "followed by the next"])
def test_regions_that_never_end_take_no_room(model, begun, told):
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


def test_a_speaker_is_forgotten_after_the_windows_that_wait(model, begun):
    async def run():
        engine, baseline = Engine(model), Baseline(model.prior)
        audio_T = speech_like(1.5, seed=20)
        futures = [engine.submit(window(audio_T[:end]), baseline) for end in (16_000, 20_000, 24_000)]
        engine.forget(baseline)
        running = asyncio.create_task(engine.run())
        await asyncio.gather(*futures)
        await engine.submit(window(audio_T), Baseline(model.prior))
        running.cancel()

    asyncio.run(run())
    assert [region.stream for region in begun] == [0, 0], "the first gave way, once, and did not come back"


def test_a_speaker_can_be_forgotten_while_its_window_is_being_estimated(model, begun, monkeypatch):
    hear = RegionFeatures.hear

    async def run():
        loop, engine, baseline = asyncio.get_running_loop(), Engine(model), Baseline(model.prior)

        def forget_meanwhile(follower, regions, windows):
            asyncio.run_coroutine_threadsafe(forget(), loop).result()
            hear(follower, regions, windows)

        async def forget():
            engine.forget(baseline)

        monkeypatch.setattr(RegionFeatures, "hear", forget_meanwhile)
        running = asyncio.create_task(engine.run())
        await engine.submit(window(speech_like(1, seed=21)), baseline)
        monkeypatch.setattr(RegionFeatures, "hear", hear)
        await engine.submit(window(speech_like(1, seed=22)), Baseline(model.prior))
        running.cancel()

    asyncio.run(run())
    assert [region.stream for region in begun] == [0, 0]


def test_a_speaker_who_comes_in_the_middle_of_a_region_is_judged_as_in_a_fresh_stream(model):
    audio_T = speech_like(3, seed=23)
    early, late, whole = window(audio_T[:20_000]), window(audio_T[:40_000]), window(audio_T, final=True)

    async def replaced():
        engine, first, second = Engine(model), Baseline(model.prior), Baseline(model.prior)
        first.update(model.prior.mean_F + model.prior.deviation_F, 60.0)
        futures = [engine.submit(early, first)]
        engine.forget(first)
        futures += [engine.submit(late, second), engine.submit(whole, second)]
        running = asyncio.create_task(engine.run())
        _, *after = await asyncio.gather(*futures)
        running.cancel()
        return after

    baseline = Baseline(model.prior)
    for ours, fresh in zip(
        asyncio.run(replaced()),
        asyncio.run(estimated(model, [(late, baseline), (whole, baseline)])),
        strict=True,
    ):
        assert ours.baseline_s == fresh.baseline_s == 0.0
        np.testing.assert_allclose(ours.estimate.features_F, fresh.estimate.features_F, rtol=1e-5, atol=1e-6)
        assert ours.estimate.valence == pytest.approx(fresh.estimate.valence, abs=1e-5)


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


def unbearable(model):
    """A baseline that `Faulty` fails on."""
    baseline = Baseline(model.prior)
    baseline.restore(msgspec.structs.replace(baseline.state(), weight_s=1e6, mean_F=(1e9,) * 88))
    return baseline


class Faulty(torch.nn.Module):
    """A model that breaks, as TorchScript does, where a row's baseline is absurd."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, features_BF: torch.Tensor) -> torch.Tensor:
        return features_BF

    @torch.jit.export
    def estimate(
        self, features_BF: torch.Tensor, mean_BF: torch.Tensor, deviation_BF: torch.Tensor
    ) -> Outputs:
        if bool((mean_BF > 1e8).any()):
            raise ValueError("no such speaker")
        answer: Outputs = self.model.estimate(features_BF, mean_BF, deviation_BF)
        return answer


@pytest.mark.parametrize("bad", [0, 3, 4])
def test_a_window_that_the_model_fails_on_fails_alone_and_the_engine_goes_on(model, bad):
    faulty = replace(model, script=archive.script(Faulty(model.script)))
    audio = [speech_like(1 + 0.3 * number, seed=30 + number) for number in range(5)]

    async def run():
        engine = Engine(model)
        engine.archive = faulty
        baselines = [Baseline(model.prior) for _ in audio]
        baselines[bad] = unbearable(model)
        futures = [
            engine.submit(window(audio_T, final=True), baseline)
            for audio_T, baseline in zip(audio, baselines, strict=True)
        ]
        running = asyncio.create_task(engine.run())
        results = await asyncio.gather(*futures, return_exceptions=True)
        later = await engine.submit(window(audio[bad], final=True), Baseline(model.prior))
        running.cancel()
        return results, later

    results, later = asyncio.run(run())
    assert isinstance(results[bad], CmlstreamError)
    assert "no such speaker" in str(results[bad])
    for number, audio_T in enumerate(audio):
        (alone,) = asyncio.run(estimated(model, [(window(audio_T, final=True), Baseline(model.prior))]))
        result = later if number == bad else results[number]
        np.testing.assert_allclose(
            result.estimate.features_F, alone.estimate.features_F, rtol=1e-5, atol=1e-6
        )


def test_a_region_that_cannot_be_heard_fails_alone_and_leaves_no_room_taken(model, begun, monkeypatch):
    push = RegionFeatures._push

    def fail(follower, regions, pieces, ends):
        if any(region.start == 7 for region in regions):
            raise ValueError("unheard of")
        push(follower, regions, pieces, ends)

    monkeypatch.setattr(RegionFeatures, "_push", fail)
    audio_T = speech_like(1, seed=40)
    bad = Window(7, 7, 7 + len(audio_T), 7 + len(audio_T), audio_T, False, 0)

    async def run():
        engine = Engine(model)
        futures = [engine.submit(each, Baseline(model.prior)) for each in (window(audio_T), bad)]
        running = asyncio.create_task(engine.run())
        good, failed = await asyncio.gather(*futures, return_exceptions=True)
        await engine.submit(window(audio_T), Baseline(model.prior))
        running.cancel()
        return good, failed

    good, failed = asyncio.run(run())
    assert np.isfinite(good.estimate.valence)
    assert isinstance(failed, CmlstreamError)
    assert isinstance(failed.__cause__, ValueError)
    assert [region.stream for region in begun][1:] == [1, 1], "what the failed one held was given back"


def test_a_baseline_that_breaks_fails_its_own_window_only(model):
    class Broken(Baseline):
        def update(self, features_F, speech_s):
            raise ValueError("cannot learn")

    region_T = spoken()
    good = Baseline(model.prior)

    async def run():
        engine = Engine(model)
        running = asyncio.create_task(engine.run())
        futures = [
            engine.submit(window(region_T, final=True), baseline) for baseline in (Broken(model.prior), good)
        ]
        answers = await asyncio.gather(*futures, return_exceptions=True)
        running.cancel()
        return answers

    failed, result = asyncio.run(run())
    assert isinstance(failed, CmlstreamError)
    assert "cannot learn" in str(failed)
    assert result.baseline_s == 0.0
    assert good.speech_s == pytest.approx(3.0), "and the other has learned once"


@pytest.fixture
def calls():
    return []


def submitting(model, calls, windows, count):
    """Run an engine on one window of each of so many speakers."""

    async def run():
        engine = Engine(model, on_call=lambda windows, _: calls.append(windows))
        futures = [engine.submit(windows, Baseline(model.prior)) for _ in range(count)]
        waiting = engine.waiting
        running = asyncio.create_task(engine.run())
        await asyncio.gather(*futures)
        running.cancel()
        return waiting, engine.waiting

    return asyncio.run(run())


def test_a_call_takes_so_many_windows_and_not_more(model, calls, monkeypatch):
    monkeypatch.setattr(engines, "MOST_WINDOWS", 2)
    assert submitting(model, calls, window(speech_like(1, seed=50)), 5) == (5, 0)
    assert calls == [2, 2, 1]


def test_windows_that_come_soon_after_a_call_share_the_next(model, calls, monkeypatch):
    monkeypatch.setattr(engines, "CALL_SPACING_S", 0.5)
    one = window(speech_like(1, seed=51))

    async def run():
        engine = Engine(model, on_call=lambda windows, _: calls.append(windows))
        running = asyncio.create_task(engine.run())
        await engine.submit(one, Baseline(model.prior))
        futures = []
        for _ in range(3):
            futures.append(engine.submit(one, Baseline(model.prior)))
            for _ in range(5):
                await asyncio.sleep(0)  # so often would the engine have had its turn
        await asyncio.gather(*futures)
        running.cancel()

    asyncio.run(run())
    assert calls == [1, 3]


def test_who_is_behind_does_not_wait_between_calls(model, calls, monkeypatch):
    monkeypatch.setattr(engines, "CALL_SPACING_S", 3600)
    monkeypatch.setattr(engines, "MOST_WINDOWS", 1)
    submitting(model, calls, window(speech_like(1, seed=52)), 3)
    assert calls == [1, 1, 1]


def test_a_model_that_answers_nan_fails_the_windows_and_the_next_call_goes_on():
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
