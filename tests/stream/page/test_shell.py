"""What the page shows of the events it follows, fed by a real server."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from cmlstream.stream.events import Message, encode
from cmlstream.stream.server.tokens import Tokens
from cmlstream.stream.sinks.hub import Hub
from tests.stream.page.browser import Browser, playwright, scrolls_only_downwards
from tests.stream.service import model, service
from tests.stream.serving import publish, serving
from tests.stream.synthetic import SyntheticSession

pytestmark = pytest.mark.slow

TITLE = "cmlstream: speech affect, live"
HOSTILE = (
    "<img src=/x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    "\u202egnp.exe\u0000\u0007\r\n{{7*7}}"
)


def altered(message: Message, **fields: Any) -> Message:
    event = msgspec.structs.replace(message.event, **fields)
    return Message(event, encode(event), message.session_ms)


def shown(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def test_events_move_the_page(browser: Browser) -> None:
    async def check() -> None:
        hub, session = Hub(), SyntheticSession(source="a microphone")
        async with serving(hub) as address, browser.open(address.page_url) as visit:
            await visit.shows("#connection", "connected")
            await visit.shows("#speaking", "no stream yet")
            await visit.shows("#when", "Use this browser's microphone")
            assert await visit.page.is_hidden("#course")
            await publish(hub, [session.started(), session.status(), session.speech_started()])
            await visit.shows("#speaking", "speech")
            for fact in ("a microphone", "kitchen", "test 1", "13 ms", "connected"):
                await visit.shows("#about dl", fact)
            for _ in range(3):
                message = session.affect()
                await hub.publish(message)
                await visit.shows("#now .figures", shown(message.event.activation))
                await visit.shows("#now .figures", shown(message.event.valence))
            await visit.counts("#emotions li", 4)
            for part in ("#plane", "#course", "#voice", "#map", "#microphone", "#about", "#log"):
                await playwright.expect(visit.page.locator(part)).to_be_visible()
            await publish(hub, [session.speech_ended(), session.status(speaking=False), session.ended()])
            await visit.shows("#speaking", "stream ended: end of input")
            await visit.shows("#entries li:first-child", "stream ended: end of input")
            await visit.shows("#entries", "0.3 s of speech: activation")
            await visit.shows("#spoken", "activation")
        assert visit.complaints == []
        assert all(url.startswith(address.page_url) for url in visit.requests)

    browser.run(check())


def test_a_page_opened_late_shows_what_was_said(browser: Browser) -> None:
    async def check() -> None:
        hub, session, live = Hub(), SyntheticSession(), SyntheticSession("hall", "h", source="the hall")
        await publish(
            hub, [session.started(), *session.conversation(regions=30, updates=20), session.ended()]
        )
        await hub.publish(live.started())
        async with serving(hub) as address, browser.open(address.page_url) as visit:
            await visit.shows("#about", "the hall")
            await visit.page.select_option("#streams", "kitchen")
            await visit.shows("#speaking", "stream ended")
            await visit.counts("#entries li", 32)
            assert visit.complaints == []

    browser.run(check())


def test_the_card_of_the_model_is_told_where_the_server_has_it(browser: Browser) -> None:
    async def check() -> None:
        card = model().card
        async with service() as live, browser.open(live.address.page_url) as visit:
            session = SyntheticSession(model=f"{card.name} {card.version}")
            await live.hub.publish(session.started())
            await visit.shows("#card summary", card.licence)
            await visit.shows("#card summary", "German")
            await visit.page.click("#card summary")
            await visit.shows("#card", "Never decide about a person by it")
            await playwright.expect(visit.page.locator("#card a")).to_be_visible()
            assert visit.complaints == []

    browser.run(check())


def test_hostile_strings_stay_text(browser: Browser) -> None:
    async def check() -> None:
        hub, session = Hub(), SyntheticSession(session=HOSTILE, source=HOSTILE * 5_000, model=HOSTILE)
        # No server sends such names of streams, but a page may be led to one that is none of ours.
        other = SyntheticSession(stream=HOSTILE[:60], session="other")
        async with serving(hub) as address, browser.open(address.page_url) as visit:
            await visit.shows("#connection", "connected")
            await publish(
                hub,
                [
                    session.started(),
                    session.speech_started(),
                    altered(session.affect(), emotion={HOSTILE: 0.5, "__proto__": 0.25, "constructor": 0.25}),
                    session.error(HOSTILE * 5_000),
                    session.error("\u202e" * 1_000_000),
                    altered(other.started(), stream="x" * 1_000_000, session="endless"),
                    other.started(),
                    session.error("the last"),
                ],
            )
            await visit.shows("#entries li:first-child", "the last")
            for selector in ("#about", "#entries", "#emotions", "#wall", "#streams"):
                await visit.shows(selector, "<img src=/x onerror=")
                assert "\u202e" not in await visit.text(selector)
            assert await visit.page.title() == TITLE
            assert await visit.page.locator("img, script:not([src='/page.js'])").count() == 0
            await visit.counts("#tiles li", 2)
            assert len(await visit.text("body")) < 10_000
            for width in (320, 1280):
                await visit.page.set_viewport_size({"width": width, "height": 700})
                await scrolls_only_downwards(visit)
        assert visit.complaints == []

    browser.run(check())


def tokens_of_followers(folder: Path) -> Tokens:
    path = folder / "tokens.toml"
    path.write_text('[[token]]\nname = "desk"\nsecret = "a-token-of-sixteen"\nscopes = ["events"]\n')
    path.chmod(0o600)
    return Tokens.load(path)


def test_a_server_with_tokens_is_followed_once_one_was_given(browser: Browser, tmp_path: Path) -> None:
    async def check() -> None:
        hub = Hub()
        await hub.publish(SyntheticSession(source="the kitchen").started())
        async with (
            serving(hub, tokens=tokens_of_followers(tmp_path)) as address,
            browser.open(address.page_url) as visit,
        ):
            await visit.shows("#connection", "unauthorized")
            for token in ("a token/ä", "not-the-token-of-it", "a-token-of-sixteen"):
                await visit.page.fill("#token", token)
                await visit.page.click("#entry button")
                if "ä" in token:
                    await visit.page.reload()
                    await visit.shows(
                        "#connection", "a character that no token of a browser may: enter it again"
                    )
            await visit.shows("#about", "the kitchen")
            await visit.shows("#connection", "connected")
            assert await visit.page.is_hidden("#entry")
            await visit.page.reload()
            await visit.shows("#about", "the kitchen")
        assert not any("token" in url for url in visit.requests)

    browser.run(check())


BLOCKED = """for (const name of ["localStorage", "sessionStorage"]) {
  Object.defineProperty(window, name, { get() { throw new DOMException("blocked", "SecurityError"); } });
}"""


def test_a_browser_that_keeps_nothing_shows_the_page_too(browser: Browser, tmp_path: Path) -> None:
    async def check() -> None:
        hub = Hub()
        await hub.publish(SyntheticSession(source="the kitchen").started())
        async with serving(hub, tokens=tokens_of_followers(tmp_path)) as address, browser.open() as visit:
            await visit.page.add_init_script(BLOCKED)
            await visit.page.goto(address.page_url)
            await visit.page.fill("#token", "a-token-of-sixteen")
            await visit.page.click("#entry button")
            await visit.shows("#about", "the kitchen")
            await visit.page.click("#note summary")
            await playwright.expect(visit.page.locator("#note p").first).to_be_hidden()
            assert await visit.page.input_value("#microphone input") == "browser"

    browser.run(check())


def test_the_note_stays_open_until_it_was_read(browser: Browser) -> None:
    async def check() -> None:
        async with serving(Hub()) as address, browser.open(address.page_url) as visit:
            for words in ("not of feelings", "must be told", "Article 5(1)(f)"):
                await visit.shows("#note", words)
            await visit.page.reload()
            assert await visit.page.get_attribute("#note details", "open") is not None
            await visit.page.click("#note summary")
            await playwright.expect(visit.page.locator("#note p").first).to_be_hidden()
            # The browser tells the page of it a moment later.
            await visit.until("localStorage.length > 0")
            await visit.page.reload()
            assert await visit.page.get_attribute("#note details", "open") is None

    browser.run(check())
