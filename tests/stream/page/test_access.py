"""Everyone can use the page: on any screen, in both themes, by keyboard, with a screen reader."""

import os
import re
from pathlib import Path

import pytest

from cmlstream.stream.sinks.hub import Hub
from tests.stream.page.browser import Browser, Visit, scrolls_only_downwards
from tests.stream.serving import publish, serving, until
from tests.stream.synthetic import SyntheticSession

axe = pytest.importorskip("axe_playwright_python.async_playwright", reason="axe-playwright-python is missing")
pytestmark = pytest.mark.slow

SIZES = ((320, 700), (1280, 800), (2560, 1440))
THEMES = ("light", "dark")
GRAVE = {"serious", "critical"}
KEPT_IN = "CMLSTREAM_SCREENSHOTS"
"""Names the folder that keeps the screenshots; without it they lie in pytest's own."""


def sessions() -> list[SyntheticSession]:
    return [SyntheticSession(name, name, source=f"microphone in the {name}") for name in ("kitchen", "hall")]


async def lively(hub: Hub) -> None:
    """Let two streams say all that there is to say."""
    for session in sessions():
        await publish(
            hub,
            [
                session.started(),
                *session.conversation(regions=12, updates=14),
                session.gap(),
                session.error("The microphone is gone: plug it in again."),
                session.speech_started(),
                *session.updates(9),
                session.status(),
            ],
        )


async def opened(visit: Visit, hub: Hub) -> None:
    await visit.counts("#tiles li", 2)
    await until(lambda: hub.subscribers == 2)
    await visit.shows("#about dl", "microphone in the kitchen")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots are kept."""
    folder = Path(os.environ.get(KEPT_IN, tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def brightness(colour: str) -> int:
    return sum(int(part) for part in re.findall(r"\d+", colour)[:3])


def test_the_page_fits_every_screen_in_both_themes(browser: Browser, pictures: Path) -> None:
    async def check() -> None:
        hub = Hub()
        await lively(hub)
        async with serving(hub) as address, browser.open(address.page_url) as visit:
            await opened(visit, hub)
            for theme in THEMES:
                await visit.page.emulate_media(color_scheme=theme)
                ground = await visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
                assert brightness(ground) < 100 if theme == "dark" else brightness(ground) > 650
                for width, height in SIZES:
                    await visit.page.set_viewport_size({"width": width, "height": height})
                    await visit.is_drawn()
                    await scrolls_only_downwards(visit)
                    picture = pictures / f"page-{width}x{height}-{theme}.png"
                    await visit.page.screenshot(path=picture, full_page=True)
                    assert picture.stat().st_size > 10_000
            await visit.page.set_viewport_size({"width": 3840, "height": 2160})
            for part in ("#voice", "#map", "#log"):
                assert (await visit.page.locator(part).bounding_box())["y"] < 0.75 * 2160
            assert visit.complaints == []

    browser.run(check())


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", [320, 1280])
def test_axe_finds_nothing_grave(browser: Browser, theme: str, width: int) -> None:
    async def check() -> None:
        hub = Hub()
        await lively(hub)
        options = {"color_scheme": theme, "viewport": {"width": width, "height": 800}}
        async with serving(hub) as address, browser.open(address.page_url, **options) as visit:
            await opened(visit, hub)
            await visit.page.evaluate(
                "for (const details of document.querySelectorAll('details')) details.open = true"
            )
            found = await axe.Axe().run(visit.page)
        grave = [one for one in found.response["violations"] if one["impact"] in GRAVE]
        told = [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in grave]
        assert not told, told
        assert found.response["passes"]

    browser.run(check())


_WATCH_FOCUS = """() => {
  window.reached = new Set();
  window.unmarked = new Set();
  document.addEventListener("focusin", ({ target }) => {
    window.reached.add(target);
    if (getComputedStyle(target).outlineStyle === "none") window.unmarked.add(target.outerHTML.slice(0, 120));
  });
}"""

_NOT_REACHED = """() => [...document.querySelectorAll("a, button, select, summary, input, [tabindex='0']")]
  .filter((one) => one.checkVisibility() && !one.disabled && !window.reached.has(one))
  .filter(({ type, checked }) => type !== "radio" || checked)
  .map(({ outerHTML }) => outerHTML.slice(0, 120))"""


def test_all_that_can_be_used_is_reached_by_keyboard_and_shows_its_focus(browser: Browser) -> None:
    async def check() -> None:
        hub = Hub()
        await lively(hub)
        async with serving(hub) as address, browser.open(address.page_url) as visit:
            await opened(visit, hub)
            await visit.page.evaluate(_WATCH_FOCUS)
            stops = await visit.page.locator("a, button, select, summary, input, [tabindex]").count()
            for _ in range(stops):
                await visit.page.keyboard.press("Tab")
            assert await visit.page.evaluate(_NOT_REACHED) == []
            assert await visit.page.evaluate("[...window.unmarked]") == []
            await visit.page.focus("#tiles li:last-child button")
            await visit.page.keyboard.press("Enter")
            await visit.shows("#tiles [aria-pressed=true] .name", "kitchen")

    browser.run(check())
