"""A stream that breaks ends by itself: its sender and its followers are told, and no other notices."""

import asyncio
import gc
from dataclasses import replace

import numpy as np
import pytest
import torch

from cmlstream.models import archive
from cmlstream.models.affect import Outputs
from cmlstream.models.archive import Archive
from cmlstream.models.egemaps.names import FEATURE_NAMES
from cmlstream.stream.analysis import Analysis
from cmlstream.stream.client import send
from cmlstream.stream.events import Affect, Error, SpeechEnded, Status, StreamEnded
from tests.signals import quiet_noise, speech_like
from tests.stream.service import Service, answer, greet, model, say, send_pcm, sending, service, told
from tests.stream.serving import run, until
from tests.stream.speaking import CALM_T, assert_whole, hearing, pieces, speaking

SHOUTED_T = np.concatenate(
    [quiet_noise(0.3), speech_like(0.8, seed=22), quiet_noise(0.6), speech_like(1.5, seed=23, level_dbfs=-6)]
)


class ShyModel(torch.nn.Module):
    """A model that breaks, as TorchScript does, on a voice that is too loud."""

    def __init__(self, model: torch.jit.ScriptModule) -> None:
        super().__init__()
        self.model = model
        self.front_end = model.front_end
        self.loudness = FEATURE_NAMES.index("loudness_sma3_amean")
        self.register_buffer("mean_F", model.mean_F)
        self.register_buffer("deviation_F", model.deviation_F)

    def forward(self, features_BF: torch.Tensor) -> torch.Tensor:
        return features_BF

    @torch.jit.export
    def estimate(
        self, features_BF: torch.Tensor, mean_BF: torch.Tensor, deviation_BF: torch.Tensor
    ) -> Outputs:
        if bool((features_BF[:, self.loudness] > 4.0).any()):
            raise ValueError("too loud")
        answer: Outputs = self.model.estimate(features_BF, mean_BF, deviation_BF)
        return answer


@pytest.fixture(scope="module")
def shy() -> Archive:
    return replace(model(), script=archive.script(ShyModel(model().script)))


async def spoken(running: Service, stream: str, samples_T: np.ndarray) -> None:
    async with speaking(running.address.ingest_url, [stream], samples_T) as senders:
        await until(lambda: senders[stream].progress.acknowledged_frames == len(samples_T))
        await senders[stream].end()


def values(events):
    return [
        (type(event), event.seq, event.start_sample, event.end_sample, getattr(event, "valence", None))
        for event in events
    ]


def test_a_window_that_the_model_breaks_on_ends_its_stream_only(shy, caplog) -> None:
    async def check() -> None:
        async with service(archive=shy) as running, hearing(running.address.page_url) as heard:
            calm = await send(running.address.ingest_url, pieces(CALM_T), stream="alone")
            assert calm.thinned_updates == 0
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(spoken(running, "beside", CALM_T))
                async with sending(running.address) as sender:
                    ready = await greet(sender, "shouting")
                    pcm = SHOUTED_T.astype("<i2").tobytes()
                    for at in range(0, len(pcm), 3_200):
                        await sender.send(pcm[at : at + 3_200])
                    assert await told(sender) == ("failed", 1011)
            async with sending(running.address) as sender:
                again = await greet(sender, "shouting")
            assert again["sample"] == 0
            assert again["session"] != ready["session"]
            await until(lambda: heard.has(StreamEnded, ["beside", "shouting"]))
        broken = heard.events["shouting"]
        assert_whole(broken, reason="error")
        (error,) = [event for event in broken if isinstance(event, Error)]
        assert error.code == "model"
        assert error.message == "The model failed on a window (builtins.ValueError: too loud)."
        assert sum(isinstance(event, SpeechEnded) for event in broken) == 1
        alone, beside = heard.events["alone"], heard.events["beside"]
        assert [value[:4] for value in values(beside)] == [value[:4] for value in values(alone)]
        for one, other in zip(alone, beside, strict=True):
            if isinstance(one, Affect | SpeechEnded):
                assert one.valence == pytest.approx(other.valence, abs=1e-4)
        statuses = [event for event in beside if isinstance(event, Status)]
        assert all(status.thinned_updates == status.dropped_samples == 0 for status in statuses)
        assert all(status.delay_ms < 1_000 for status in statuses)

    run(check())
    gc.collect()
    assert [record.name for record in caplog.records] == ["cmlstream.stream.server.streams"]


def test_a_sender_is_told_where_its_last_words_could_not_be_heard(monkeypatch) -> None:
    def fail(analysis):
        raise ValueError("a defect")

    monkeypatch.setattr(Analysis, "flush", fail)

    async def check() -> None:
        async with service() as running, sending(running.address) as sender:
            ready = await greet(sender, "calm")
            await send_pcm(sender, CALM_T.astype("<i2").tobytes())
            await say(sender, "end")
            assert await told(sender) == ("failed", 1011)
            async with sending(running.address) as again:
                assert (await greet(again, "calm", session=ready["session"]))["type"] == "ready"

    run(check())


def test_a_defect_of_the_program_ends_its_stream_only_and_followers_are_told(monkeypatch, caplog) -> None:
    push = Analysis.push

    def fail(analysis, chunk):
        if chunk.samples_T.max() > 16_000:
            raise ValueError("a defect")
        return push(analysis, chunk)

    monkeypatch.setattr(Analysis, "push", fail)

    async def check() -> None:
        # Whoever was still sending would not read why it is turned away.
        async with service(message_bytes=2**20) as running, hearing(running.address.page_url) as heard:
            async with sending(running.address) as sender, sending(running.address) as other:
                await greet(sender, "shouting")
                await greet(other, "calm")
                await sender.send(SHOUTED_T.astype("<i2").tobytes())
                assert await told(sender) == ("failed", 1011)
                await other.send(CALM_T.astype("<i2").tobytes())
                await say(other, "end")
                assert (await answer(other, "summary"))["regions"] == 2
            await until(lambda: heard.has(StreamEnded, ["shouting", "calm"]))
        assert_whole(heard.events["shouting"], reason="error")
        assert_whole(heard.events["calm"], reason="end of input")
        (error,) = [event for event in heard.events["shouting"] if isinstance(event, Error)]
        assert error.code == "defect"
        assert "shouting" not in caplog.text

    run(check())
