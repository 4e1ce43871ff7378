import pytest

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.stream.events import SpeechEnded
from cmlstream.stream.server.tokens import Tokens
from cmlstream.stream.sources.file import read_whole
from cmlstream.stream.sources.open import SAMPLE_PATH
from tests.stream.service import answer, events_until_end, following, greet, say, send_pcm, sending, service
from tests.stream.serving import fetch, run

PATH = "/v1/streams/kitchen/new-speaker"


def test_a_new_speaker_begins_a_baseline():
    spoken = read_whole(SAMPLE_PATH)[: 12 * SAMPLE_RATE].astype("<i2").tobytes()

    async def check():
        async with service() as running, following(running.address) as follower:
            async with sending(running.address) as sender:
                await greet(sender)
                await send_pcm(sender, spoken)
                while (await answer(sender, "ack"))["sample"] < len(spoken) // 2:
                    pass
                assert (await fetch(running.address, PATH, "POST", Content_Length="0")).status == 204
                await send_pcm(sender, spoken)
                await say(sender, "end")
                await answer(sender, "summary")
            regions = [e for e in await events_until_end(follower) if isinstance(e, SpeechEnded)]
            assert sum(region.baseline_s == 0 for region in regions) >= 2
            assert max(region.baseline_s for region in regions) > 0

    run(check())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", PATH, 404),
        ("GET", PATH, 405),
        ("POST", "/v1/streams//new-speaker", 405),
        ("GET", "/v1/streams", 404),
    ],
)
def test_what_cannot_be_done_is_answered(method, path, status):
    async def check():
        async with service() as running:
            assert (await fetch(running.address, path, method)).status == status

    run(check())


def test_pages_of_other_origins_control_nothing():
    async def check():
        async with service() as running, sending(running.address) as sender:
            await greet(sender)
            assert (await fetch(running.address, PATH, "POST", Origin="http://evil.example")).status == 403
            assert (await fetch(running.address, PATH, "POST")).status == 204

    run(check())


def test_only_the_token_that_sends_a_stream_controls_it(tmp_path):
    path = tmp_path / "tokens.toml"
    path.write_text(
        '[[token]]\nname = "kitchen"\nsecret = "kitchen-kitchen-kitchen"\nscopes = ["ingest"]\n'
        '[[token]]\nname = "hall"\nsecret = "hall-hall-hall-hall"\nscopes = ["ingest"]\n'
        '[[token]]\nname = "wall"\nsecret = "wall-wall-wall-wall"\nscopes = ["events"]\n'
    )
    path.chmod(0o600)

    async def check():
        async with service(tokens=Tokens.load(path)) as running, sending(running.address) as sender:
            await greet(sender, token="kitchen-kitchen-kitchen")
            for secret, status in (
                ("", 401),
                ("wall-wall-wall-wall", 403),
                ("hall-hall-hall-hall", 403),
                ("kitchen-kitchen-kitchen", 204),
            ):
                found = await fetch(running.address, PATH, "POST", Authorization=f"Bearer {secret}")
                assert found.status == status
            measured = (await fetch(running.address, "/metrics")).body.decode()
            assert '\ncmlstream_refusals_total{code="unauthorized"} 1.0\n' in measured
            assert '\ncmlstream_refusals_total{code="forbidden"} 2.0\n' in measured

    run(check())


def test_the_models_card_can_be_fetched():
    async def check():
        async with service() as running:
            card = await fetch(running.address, "/model.json")
            assert card.status == 200
            assert b'"licence"' in card.body

    run(check())
