"""What keeps a page from a microphone or a stream, in sentences that say what to do."""

from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest

from cmlstream.stream.server.tokens import Tokens
from cmlstream.stream.sinks.hub import Hub
from tests.stream.conftest import find_free_port
from tests.stream.page.browser import Browser, Visit, browsing
from tests.stream.page.speaking import ALLOWED, FAKE_DEVICE, SAYS, SPEAKER, begin, counted, stop
from tests.stream.service import greet, say, sending, service
from tests.stream.serving import serving
from tests.stream.sources.conftest import SoundServer

pytestmark = pytest.mark.slow

ELSEWHERE = "affect.example"
"""A name that the browser takes for another computer's."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing(FAKE_DEVICE, ALLOWED, f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1") as started:
        yield started


def test_a_page_that_may_not_listen_says_where_that_is_changed() -> None:
    async def check(browser: Browser) -> None:
        async with service() as live, browser.open(live.address.page_url) as visit:
            await begin(visit)
            await visit.shows(
                SAYS, "does not let this page use a microphone: allow it in the page's settings"
            )
            await visit.page.context.grant_permissions(["microphone"])
            await begin(visit)
            await counted(visit, "sent", 1)
        assert visit.complaints == []

    with browsing(FAKE_DEVICE) as browser:
        browser.run(check(browser))


def test_a_computer_without_a_microphone_asks_for_one() -> None:
    async def check(browser: Browser) -> None:
        async with service() as live, browser.open(live.address.page_url) as visit:
            await begin(visit)
            await visit.shows(SAYS, "The browser finds no microphone: plug one in")
            assert not list(live.streams)
        assert visit.complaints == []

    with browsing(ALLOWED, "--disable-audio-input") as browser:
        browser.run(check(browser))


def test_a_page_from_another_computer_without_tls_names_the_address_to_open(browser: Browser) -> None:
    port = find_free_port()
    origin = f"http://{ELSEWHERE}:{port}"

    async def check() -> None:
        async with (
            serving(Hub(), port=port, allowed_origins=(origin,)),
            browser.open(origin) as visit,
        ):
            await visit.shows(SAYS, f"open http://127.0.0.1:{port}/ on the computer that runs the server")
            await visit.shows(SAYS, f"or https://{ELSEWHERE}:{port}/")
            await begin(visit)
            await visit.shows(SAYS, "Browsers let only pages use a microphone that come over https")
        # The browser notes that it keeps less from a page that came so.
        assert all("Cross-Origin-Opener-Policy" in complaint for complaint in visit.complaints)

    browser.run(check())


def test_a_name_that_no_stream_can_have_is_explained(browser: Browser) -> None:
    async def check() -> None:
        async with service() as live, browser.open(live.address.page_url) as visit:
            for name in ("", "-a", "two words", "<b>", "ä"):
                await begin(visit, name)
                await visit.shows(SAYS, "A stream's name is 1 to 64 letters")
            assert not list(live.streams)
            await begin(visit, "A.b_c-9")
            await counted(visit, "sent", 1)
            assert [stream.session for stream in live.streams]
            await stop(visit)
            await visit.page.reload()
            assert await visit.page.input_value("#microphone input") == "A.b_c-9"
        assert visit.complaints == []

    browser.run(check())


def test_a_stream_that_another_sends_is_left_to_it_until_it_ends(browser: Browser) -> None:
    async def check() -> None:
        async with (
            service() as live,
            browser.open(live.address.page_url) as visit,
            sending(live.address) as other,
        ):
            await greet(other, "desk", rate=48_000)
            await begin(visit, "desk")
            await visit.shows(SAYS, "The server takes no audio: This stream is still open in another format")
            await begin(visit, "browser")
            await counted(visit, "sent", 1)
            await stop(visit)

    browser.run(check())


def test_one_stream_too_many_waits_for_a_place(browser: Browser) -> None:
    async def check() -> None:
        async with (
            service(streams=1) as live,
            browser.open(live.address.page_url) as visit,
            sending(live.address) as other,
        ):
            await greet(other, "desk")
            await begin(visit)
            await visit.shows(SAYS, "Not connected: ")
            await visit.shows(SAYS, "streams")
            await say(other, "end")
            await counted(visit, "sent", 1)
            await stop(visit)

    browser.run(check())


_WATCH_MICROPHONES = """() => {
  const { mediaDevices } = navigator;
  const ask = mediaDevices.getUserMedia.bind(mediaDevices);
  window.opened = [];
  mediaDevices.getUserMedia = async (wanted) => {
    const stream = await ask(wanted);
    opened.push(...stream.getTracks());
    return stream;
  };
}"""


def test_sending_takes_a_token_that_allows_it(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    scopes = {"ears": ["events"], "desk": ["ingest", "events"]}
    path.write_text(
        "".join(
            f'[[token]]\nname = "{name}"\nsecret = "{name}-of-sixteen-letters"\nscopes = {allowed}\n'
            for name, allowed in scopes.items()
        )
    )
    path.chmod(0o600)

    async def enter(visit: Visit, secret: str) -> None:
        await visit.page.fill("#token", secret)
        await visit.page.click("#entry button")

    async def check() -> None:
        async with service(tokens=Tokens.load(path)) as live, browser.open(live.address.page_url) as visit:
            await begin(visit)
            await visit.shows(SAYS, "The server wants a token that allows sending")
            await visit.page.evaluate(_WATCH_MICROPHONES)
            await enter(visit, "mistyped, of sixteen letters")
            await begin(visit)
            await visit.shows(SAYS, "The server wants a token that allows sending")
            await visit.until("opened.length === 1 && opened[0].readyState === 'ended'")
            await enter(visit, "ears-of-sixteen-letters")
            await begin(visit)
            await visit.shows(SAYS, "The token does not allow sending audio")
            await enter(visit, "desk-of-sixteen-letters")
            await begin(visit)
            await counted(visit, "sent", 1)
            await visit.page.click(SPEAKER)
            await visit.shows(SAYS, "“browser”: someone else speaks")
            await stop(visit)
        assert visit.complaints == []
        assert not any("letters" in url for url in visit.requests)

    browser.run(check())


def test_a_new_speaker_is_announced_in_the_stream_that_is_shown(browser: Browser) -> None:
    async def check() -> None:
        async with (
            service() as live,
            browser.open(live.address.page_url) as visit,
            sending(live.address) as other,
        ):
            await greet(other, "hall")
            await other.send(bytes(32_000))
            await visit.shows(SPEAKER, "New speaker in “hall”")
            await visit.page.click(SPEAKER)
            await visit.shows(SAYS, "“hall”: someone else speaks, and the baseline begins anew.")
        assert visit.complaints == []

    browser.run(check())


UNPLUGGED = """() => {
  const select = document.querySelector("#microphone select");
  select.add(new Option("one that is not plugged in any more", "0".repeat(64)));
  select.value = "0".repeat(64);
  select.dispatchEvent(new Event("change"));
}"""

HURRIED = """() => {
  const wait = setTimeout;
  window.setTimeout = (act, ms) => wait(act, ms / 10);
}"""
"""Attempts come sooner."""


def test_another_microphone_that_is_not_there_leaves_the_one_that_is_heard(browser: Browser) -> None:
    async def check() -> None:
        async with service() as live, browser.open(live.address.page_url) as visit:
            await begin(visit, "desk")
            await counted(visit, "sent", 1)
            await visit.page.evaluate(UNPLUGGED)
            await visit.shows(SAYS, "That one is not there; still listening to “")
            assert await visit.page.input_value("#microphone select") == ""
            assert await visit.page.evaluate("localStorage.getItem('microphone-device')") == ""
            async with browser.open(live.address.page_url) as other:
                await other.page.evaluate(HURRIED)
                await begin(other, "desk")
                await other.shows(SAYS, "Another page or program sends this stream: choose another name")
                await begin(other, "hall")
                await counted(other, "sent", 1)
                await stop(other)
            await stop(visit)
        assert visit.complaints == other.complaints == []

    browser.run(check())


@pytest.fixture
def sound_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundServer]:
    if which("pulseaudio") is None:
        pytest.skip("pulseaudio is not installed: no microphone to pull out")
    server = SoundServer(tmp_path)
    monkeypatch.setenv("PULSE_SERVER", f"unix:{server.socket}")
    yield server
    server.kill()


def test_a_microphone_that_is_pulled_out_goes_on_when_it_is_back(sound_server: SoundServer) -> None:
    async def check(browser: Browser) -> None:
        async with service() as live, browser.open(live.address.page_url) as visit:
            await begin(visit)
            await counted(visit, "sent", 1)
            sound_server.unplug()
            await visit.shows(SAYS, "The microphone was pulled out: plug it in, and it goes on")
            sound_server.plug()
            await counted(visit, "lost", 0.1)
            (before,) = [stream.source.frames for stream in live.streams]
            await visit.shows(SAYS, "Nothing but silence arrives")
            (after,) = [stream.source.frames for stream in live.streams]
            assert after > before
            await stop(visit)

    with browsing(ALLOWED) as browser:
        browser.run(check(browser))
