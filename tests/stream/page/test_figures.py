"""What stands in words and figures: of another stream, of one that fell silent, of one that just began."""

import json
from typing import Any

import pytest

from cmlstream.stream.events import Message, encode
from tests.stream.page.bench import Bench, bench
from tests.stream.page.browser import Browser
from tests.stream.synthetic import SyntheticSession

pytestmark = pytest.mark.slow

SET_UP = """async () => {
  const { Now } = await import("/now.js");
  const { About } = await import("/about.js");
  const { Wall } = await import("/wall.js");
  const { Choice } = await import("/choice.js");
  const place = (tag, id) => document.body.appendChild(Object.assign(document.createElement(tag), { id }));
  const card = { name: "test", version: 1, licence: "CC0", corpora: [], description: "", limits: "" };
  const answers = [() => Promise.reject(new Error("away")), () => new Response("", { status: 503 }),
    () => new Response(JSON.stringify(card))];
  window.asked = 0;
  window.fetch = async () => answers[asked++]();
  const parts = [new Now(place("section", "now"), place("p", "ears")), course, plane,
    new About(place("section", "about"), { connection: { words: "connected" } }),
    new Wall(place("section", "wall"), { store, select: () => {} })];
  const label = place("label", "choice");
  label.append(Object.assign(document.createElement("select"), { id: "streams" }));
  window.choice = new Choice(label, store, (state) => parts.forEach((part) => part.show(state)));
  window.later = (ms = 1_000) => {
    window.time += ms;
    choice.update();
    for (const part of parts) part.draw(time);
  };
  window.tell = (events) => { events.forEach((event) => store.take(event)); later(); };
}"""
NOT_KNOWN = "–"
FIGURES = "[...document.querySelectorAll('#now .figures .value')].map(({ textContent }) => textContent)"


async def tell(charts: Bench, *messages: Message, **altered: Any) -> None:
    events = [json.loads(encode(message.event)) | altered for message in messages]
    await charts.ask("(events) => tell(events)", events)


async def fact(charts: Bench, term: str) -> str:
    script = "(term) => [...document.querySelectorAll('#about dt')].find((one) => one.textContent === term)"
    return str(await charts.ask(f"(term) => ({script})(term).nextSibling.textContent", term))


async def clock(charts: Bench, message: Message) -> str:
    time_ms = message.event.end_time.timestamp() * 1000
    return str(await charts.ask("async (time) => (await import('/text.js')).clock(time)", time_ms))


def test_a_stream_shows_its_own_figures_and_none_that_it_does_not_have(browser: Browser) -> None:
    async def check() -> None:
        async with bench(browser) as charts:
            await charts.ask(SET_UP)
            kitchen, hall = SyntheticSession("kitchen", "k"), SyntheticSession("hall", "h")
            await tell(charts, kitchen.started(), hall.started())
            assert await fact(charts, "Delay now") == await fact(charts, "Delay, p95") == NOT_KNOWN
            await tell(charts, kitchen.status(), level_dbfs=-87.4, delay_ms=None)
            assert (await charts.ask(FIGURES))[0] == "−87 dBFS"
            assert await fact(charts, "Delay now") == "not in real time"
            await tell(charts, kitchen.affect())
            assert NOT_KNOWN not in await charts.ask(FIGURES)
            assert await charts.page.locator("#emotions li").count() == 4

            await charts.page.select_option("#streams", "hall")
            await charts.ask("later()")
            assert set(await charts.ask(FIGURES)) == {NOT_KNOWN}
            assert await charts.page.locator("#emotions li").count() == 0
            assert await charts.visit.text("#when") == "Estimates come with the first second of speech."

            await tell(charts, hall.status(), hall.affect())
            assert NOT_KNOWN not in await charts.ask(FIGURES)
            await tell(charts, SyntheticSession("hall", "another", model="test 2").started())
            assert set(await charts.ask(FIGURES)) == {NOT_KNOWN}

    browser.run(check())


def test_a_stream_that_is_heard_no_more_is_not_called_live(browser: Browser) -> None:
    async def check() -> None:
        async with bench(browser, color_scheme="light") as charts:
            await charts.ask(SET_UP)
            kitchen, hall = SyntheticSession("kitchen", "k"), SyntheticSession("hall", "h")
            await tell(charts, hall.started(), hall.ended(), kitchen.started(), kitchen.speech_started())
            await tell(charts, *kitchen.updates(8), last := kitchen.status())
            assert await charts.visit.text("#speaking") == "speech"
            assert await charts.visit.text("#course .course-where") == "live"
            assert await fact(charts, "Delay now") == "13 ms"
            end_ms = last.event.end_time.timestamp() * 1000
            await charts.ask("later(4_500)")
            words = f"nothing heard since {await clock(charts, last)}"
            assert words == await charts.visit.text("#speaking")
            assert words == await charts.visit.text("#course .course-where")
            assert words in await charts.visit.text("#tiles")
            assert (await charts.ask(FIGURES))[0] == await fact(charts, "Delay now") == NOT_KNOWN
            for _ in range(2):
                assert (await charts.geometry("course"))["range"]["to"] == end_ms
                await charts.ask("later(60_000)")

            await tell(charts, kitchen.status())
            assert await charts.visit.text("#speaking") == "speech"
            assert await charts.visit.text("#course .course-where") == "live"
            await tell(charts, kitchen.ended())
            await charts.ask("later(60_000)")
            assert await charts.visit.text("#speaking") == "stream ended: end of input"

    browser.run(check())


def test_the_card_is_asked_for_again_until_the_server_has_answered(browser: Browser) -> None:
    async def check() -> None:
        async with bench(browser) as charts:
            await charts.ask(SET_UP)
            await tell(charts, SyntheticSession().started())
            for asked in (1, 2, 3):
                await charts.ask("later()")
                assert await charts.ask("asked") == asked
                await charts.ask("later(10_000)")
            await charts.visit.shows("#about .card summary", "CC0")
            await charts.ask("later(60_000)")
            assert await charts.ask("asked") == len(("away", "busy", "there"))

    browser.run(check())


def test_what_is_live_is_large_unless_the_address_names_another(browser: Browser) -> None:
    async def check() -> None:
        async with bench(browser) as charts:
            await charts.ask(SET_UP)
            over, live, late = (SyntheticSession(name, name) for name in ("over", "live", "late"))
            await tell(charts, over.started(), over.speech_started())
            assert await charts.ask("choice.state.name") == "over"
            await tell(charts, over.ended(), live.started(), late.started())
            assert await charts.ask("choice.state.name") == "live"
            await charts.ask("later(30_000)")
            await tell(charts, live.ended())
            assert await charts.ask("choice.state.name") == "live"
            await charts.ask("location.hash = '#stream=late'")
            await charts.visit.until("choice.state.name === 'late'")
            await charts.page.go_back()
            await charts.visit.until("location.hash === ''")
            await charts.page.select_option("#streams", "over")
            assert await charts.ask("location.hash") == "#stream=over"

            await tell(charts, *[SyntheticSession(f"room-{number}", "r").started() for number in range(63)])
            assert await charts.page.locator("#tiles li").count() == 64
            told = "1 more stream is not shown: this page has room for 64."
            assert await charts.visit.text("#left-out") == told

    browser.run(check())
