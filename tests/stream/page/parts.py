"""An empty page of a real server with the map and the named features, fed and drawn by hand."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from cmlstream.stream.sinks.hub import Hub
from tests.stream.serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.stream.page.browser import Browser

COMPONENTS = """
const { EmbeddingMap } = await import("/map.js");
const { Voice } = await import("/voice.js");
const { StreamState } = await import("/state.js");
const roots = ["map", "voice"].map((id) => document.getElementById(id));
const [map, voice] = [new EmbeddingMap(roots[0]), new Voice(roots[1])];
const state = new StreamState("kitchen");
map.show(state);
voice.show(state);
const take = (index, told) => {
  const time = new Date(1.9e12 + 250 * index).toISOString();
  const where = { stream: "kitchen", session: "s", seq: index + 1, model: "m" };
  const values = { activation: 0, valence: 0, confidence: 0.5, novelty: 0, speech_s: 3, baseline_s: 1 };
  state.take({ type: index % 20 ? "affect" : "speech.ended", ...where, ...values, ...told,
    start_time: time, end_time: time });
};
"""
"""Both parts alone on the page, fed and drawn by hand."""


EMPTY = """<!doctype html><html lang="en"><head><title>empty</title><link rel="stylesheet" href="/page.css">
<link rel="stylesheet" href="/insight.css"></head>
<body><main><section id="map"></section><section id="voice"></section></main></body></html>"""


@asynccontextmanager
async def empty_page(browser: Browser) -> AsyncIterator[Any]:
    """Open a page of a server, under its policy, that has a place for both parts and nothing else."""
    async with serving(Hub()) as address, browser.open() as visit:
        served = await visit.page.request.get(address.page_url)
        policy = {"Content-Security-Policy": served.headers["content-security-policy"]}
        await visit.page.route(
            "**/empty", lambda route: route.fulfill(body=EMPTY, content_type="text/html", headers=policy)
        )
        await visit.page.goto(f"{address.page_url}empty")
        yield visit.page
        assert visit.complaints == []


def with_components(script: str) -> str:
    """Return a function in JavaScript that does what `script` does, with both parts and an `argument`."""
    return f"async (argument) => {{{COMPONENTS}{script}}}"


async def told_on_a_page(browser: Browser, script: str, argument: Any) -> Any:
    """Return what `script` makes of the `argument` with both parts at hand, on a page of its own."""
    async with empty_page(browser) as page:
        return await page.evaluate(with_components(script), argument)
