"""The page in a real browser, fed by a real server."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cmlstream.stream.events import Message, encode
from cmlstream.stream.server.tokens import Tokens
from cmlstream.stream.sinks.hub import Hub
from tests.stream.line import Line
from tests.stream.service import service
from tests.stream.serving import publish, serving, until
from tests.stream.synthetic import SyntheticSession

CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("chromium is not installed: apt-get install chromium", allow_module_level=True)
playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")

pytestmark = pytest.mark.slow

PATIENCE_MS = 30_000
"""A busy machine may take its time to start a page."""

QUIET_ARGUMENTS = ["--disable-gpu", "--no-first-run", "--disable-component-update", "--disable-sync"]
HOSTILE = (
    "<img src=/x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    "\u202egnp.exe\u0000\u0007\r\n{{7*7}}"
)


class Visit:
    """A page that was opened, with everything it complained of or asked for."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    async def text(self, selector: str) -> str:
        return str(await self.page.text_content(selector))

    async def shows(self, selector: str, text: str) -> None:
        await playwright.expect(self.page.locator(selector)).to_contain_text(text)

    async def place(self) -> str:
        return str(await self.page.evaluate("document.getElementById('dot').style.transform"))


class Browser:
    """A browser and the event loop it lives in, which the servers of the tests share."""

    def __init__(self, runner: asyncio.Runner, chromium: Any) -> None:
        self._runner = runner
        self._chromium = chromium

    def run(self, test: Coroutine[Any, Any, None]) -> None:
        self._runner.run(test)

    @asynccontextmanager
    async def open(self, url: str | None = None) -> AsyncIterator[Visit]:
        context = await self._chromium.new_context()
        visit = Visit(await context.new_page())
        if url:
            await visit.page.goto(url)
        yield visit
        await context.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright.expect.set_options(timeout=PATIENCE_MS)
    with asyncio.Runner() as runner:
        driver = runner.run(playwright.async_playwright().start())
        sandboxed = os.geteuid() != 0
        chromium = runner.run(
            driver.chromium.launch(executable_path=CHROMIUM, args=QUIET_ARGUMENTS, chromium_sandbox=sandboxed)
        )
        yield Browser(runner, chromium)
        runner.run(chromium.close())
        runner.run(driver.stop())


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
            await publish(hub, [session.started(), session.status(), session.speech_started()])
            await visit.shows("#speaking", "speech")
            await visit.shows("#source", "a microphone")
            places = set()
            for _ in range(3):
                message = session.affect()
                await hub.publish(message)
                await visit.shows("#activation + output", shown(message.event.activation))
                await visit.shows("#valence + output", shown(message.event.valence))
                places.add(await visit.place())
            assert len(places) == 3
            assert await visit.page.locator("#trail line").count() == 2
            assert len(await visit.page.locator("#emotions li").all()) == 4
            await publish(hub, [session.speech_ended(), session.status(speaking=False), session.ended()])
            await visit.shows("#speaking", "stream ended")
            await visit.shows("#log li:first-child", "stream ended: end of input")
            await visit.shows("#log", "0.3 s of speech: activation")
            await visit.shows("#spoken", "activation")
            assert await visit.page.get_attribute("#level", "aria-valuenow") is not None
        assert visit.complaints == []
        assert all(url.startswith(address.page_url) for url in visit.requests)

    browser.run(check())


def test_a_page_opened_late_shows_what_was_said(browser: Browser) -> None:
    async def check() -> None:
        hub, session = Hub(), SyntheticSession()
        await publish(
            hub, [session.started(), *session.conversation(regions=30, updates=20), session.ended()]
        )
        async with serving(hub) as address, browser.open(address.page_url) as visit:
            await visit.shows("#speaking", "stream ended")
            assert await visit.page.locator("#log li").count() == 32
            assert visit.complaints == []

    browser.run(check())


def test_after_a_restart_the_page_returns_and_has_missed_nothing(browser: Browser) -> None:
    async def check() -> None:
        before, after = (
            SyntheticSession(session="before"),
            SyntheticSession(session="after", source="another"),
        )
        async with browser.open() as visit:
            hub = Hub()
            async with serving(hub) as address:
                await visit.page.goto(address.page_url)
                await publish(hub, [before.started(), *before.conversation(regions=2, updates=3)])
                await visit.shows("#log li:first-child", "0.3 s of speech")
            await visit.shows("#connection", "server stops; trying again")
            hub = Hub()
            # The new session is longer than the old one was: its first events must come nevertheless.
            await publish(hub, [after.started(), *after.conversation(regions=5, updates=3)])
            async with serving(hub, port=address.port):
                await visit.shows("#connection", "connected")
                await visit.shows("#source", "another")
                await hub.publish(after.gap())
                await visit.shows("#log li:first-child", "audio is missing")
                assert await visit.page.locator("#log li").count() == (1 + 2) + (1 + 5) + 1

    browser.run(check())


def test_a_cut_line_leaves_no_hole_and_repeats_nothing(browser: Browser) -> None:
    async def check() -> None:
        hub, session, line = Hub(), SyntheticSession(), Line()
        async with (
            line.laid(),
            serving(hub, allowed_origins=(f"http://127.0.0.1:{line.port}",)) as address,
            browser.open() as visit,
        ):
            line.lead_to(address)
            await visit.page.goto(f"http://127.0.0.1:{line.port}/")
            await publish(hub, [session.error("one"), session.error("two")])
            await visit.shows("#log li:first-child", "two")
            line.cut()
            await until(lambda: hub.subscribers == 0)
            await hub.publish(session.error("three"))
            await until(lambda: hub.subscribers == 1)
            await hub.publish(session.error("four"))
            await visit.shows("#log li:first-child", "four")
            said = await visit.page.locator("#log li span").all_inner_texts()
            assert said == ["four", "three", "two", "one"]

    browser.run(check())


def test_hostile_strings_stay_text(browser: Browser) -> None:
    async def check() -> None:
        hub, session = Hub(), SyntheticSession(session=HOSTILE, source=HOSTILE * 5_000, model=HOSTILE)
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
                    session.error("the last"),
                ],
            )
            await visit.shows("#log li:first-child", "the last")
            for selector in ("#source", "#model", "#log", "#emotions"):
                assert "<img src=/x onerror=" in await visit.text(selector)
                assert "\u202e" not in await visit.text(selector)
            assert await visit.page.title() == "cmlstream: speech affect, live"
            assert await visit.page.locator("img, script:not([src='/page.js'])").count() == 0
            assert len(await visit.text("body")) < 5_000
            await scrolls_only_downwards(visit)
        assert visit.complaints == []

    browser.run(check())


async def scrolls_only_downwards(visit: Visit) -> None:
    wide = await visit.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0


def test_the_page_fits_small_and_large_in_both_themes(browser: Browser) -> None:
    async def check() -> None:
        hub, session = Hub(), SyntheticSession()
        await publish(
            hub, [session.started(), *session.conversation(regions=2, updates=8), *session.updates(1)]
        )
        async with serving(hub) as address, browser.open(address.page_url) as visit:
            await visit.shows("#when", "now")
            for width, height in ((320, 640), (768, 1024), (1280, 800), (3840, 2160)):
                await visit.page.set_viewport_size({"width": width, "height": height})
                await scrolls_only_downwards(visit)
            brightness = {}
            for scheme in ("light", "dark"):
                await visit.page.emulate_media(color_scheme=scheme)
                ground = await visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
                brightness[scheme] = sum(int(part) for part in re.findall(r"\d+", ground)[:3])
            assert brightness["dark"] < 100
            assert brightness["light"] > 650

    browser.run(check())


IMPORTED = """async (url) => {
  const { follow, send } = await import(url + "client.js");
  const sender = send({ url, stream: "kitchen", rate: 8_000 });
  for (let piece = 0; piece < 50; piece += 1) sender.push(new Float32Array(160).fill(0.1));
  const { sample } = await sender.end();
  const types = [];
  for await (const { type } of follow({ url, since: 0, untilEnd: true })) types.push(type);
  return { sample, types };
}"""


def test_a_page_sends_and_follows_with_the_module_also_from_an_allowed_origin(browser: Browser) -> None:
    async def check() -> None:
        async with (
            served_elsewhere() as origin,
            service(settings={"allowed_origins": (origin,)}) as live,
            browser.open(live.address.page_url) as visit,
        ):
            own = await visit.page.evaluate(IMPORTED, live.address.page_url)
            await visit.page.goto(origin)
            foreign = await visit.page.evaluate(IMPORTED, live.address.page_url)
        for told in (own, foreign):
            assert told["sample"] == 8_000
            assert told["types"][0] == "stream.started"
            assert told["types"][-1] == "stream.ended"

    browser.run(check())


def test_a_page_of_another_origin_cannot_import_the_module(browser: Browser) -> None:
    async def check() -> None:
        async with (
            served_elsewhere() as origin,
            serving(Hub()) as address,
            browser.open(origin) as visit,
        ):
            with pytest.raises(playwright.Error, match="Failed to fetch"):
                await visit.page.evaluate(IMPORTED, address.page_url)

    browser.run(check())


@asynccontextmanager
async def served_elsewhere(page: bytes = b"") -> AsyncIterator[str]:
    """Serve a page from an origin of its own."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\n\r\n"
        writer.write(head.encode() + page)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def test_the_example_of_a_page_follows_from_its_own_origin(browser: Browser) -> None:
    example = Path(__file__).parents[2] / "stream" / "examples" / "follow.html"

    async def check() -> None:
        hub = Hub()
        await publish(hub, SyntheticSession().conversation(regions=2, updates=3))
        async with (
            served_elsewhere(example.read_bytes()) as origin,
            serving(hub, allowed_origins=(origin,)) as address,
            browser.open(f"{origin}/follow.html?server={address.page_url}") as visit,
        ):
            await playwright.expect(visit.page.locator("li")).to_have_count(2)
            await visit.shows("li:first-child", "kitchen: ")

    browser.run(check())


def test_a_server_with_tokens_is_followed_once_one_was_given(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text('[[token]]\nname = "desk"\nsecret = "a-token-of-sixteen"\nscopes = ["events"]\n')
    path.chmod(0o600)

    async def check() -> None:
        hub = Hub()
        await hub.publish(SyntheticSession(source="the kitchen").started())
        async with (
            serving(hub, tokens=Tokens.load(path)) as address,
            browser.open(address.page_url) as visit,
        ):
            await visit.shows("#connection", "unauthorized")
            for token in ("not-the-token-of-it", "a-token-of-sixteen"):
                await visit.page.fill("#token", token)
                await visit.page.click("#entry button")
            await visit.shows("#source", "the kitchen")
            await visit.shows("#connection", "connected")
            assert await visit.page.is_hidden("#entry")
            await visit.page.reload()
            await visit.shows("#source", "the kitchen")
        assert not any("token" in url for url in visit.requests)

    browser.run(check())


def test_one_of_several_streams_can_be_chosen(browser: Browser) -> None:
    async def check() -> None:
        hub = Hub()
        kitchen, hall = (
            SyntheticSession("kitchen", "k", source="first"),
            SyntheticSession("hall", "h", source="second"),
        )
        async with serving(hub) as address, browser.open(address.page_url) as visit:
            await hub.publish(kitchen.started())
            await visit.shows("#source", "first")
            assert await visit.page.is_hidden("#choice")
            await publish(hub, [hall.started(), hall.affect()])
            await visit.page.select_option("#streams", "hall")
            await visit.shows("#source", "second")
            await visit.shows("#when", "now")

    browser.run(check())


def test_the_note_stays_open_until_it_was_read(browser: Browser) -> None:
    async def check() -> None:
        async with serving(Hub()) as address, browser.open(address.page_url) as visit:
            for words in ("not of feelings", "must be told", "Article 5(1)(f)"):
                await visit.shows("#note", words)
            await visit.page.reload()
            assert await visit.page.get_attribute("#note", "open") is not None
            await visit.page.click("#note summary")
            await playwright.expect(visit.page.locator("#note p").first).to_be_hidden()
            # The browser tells the page of it a moment later.
            await visit.page.wait_for_function("localStorage.length > 0")
            await visit.page.reload()
            assert await visit.page.get_attribute("#note", "open") is None

    browser.run(check())
