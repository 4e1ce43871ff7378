"""An empty page of a real server, under its Content-Security-Policy, on which the charts are tried."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from cmlstream.stream.events import encode
from cmlstream.stream.sinks.hub import Hub
from tests.stream.serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from cmlstream.stream.events import Message
    from tests.stream.page.browser import Browser, Visit

PAGE = """<!doctype html><html lang="en"><head><title>bench</title>
<meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="/page.css"><link rel="stylesheet" href="/charts.css">
</head><body></body></html>"""

SET_UP = """async () => {
  const { Store } = await import("/store.js");
  const { Plane, SmallPlane } = await import("/plane.js");
  const { Course } = await import("/course.js");
  const place = (tag, id) => document.body.appendChild(Object.assign(document.createElement(tag), { id }));
  const store = new Store();
  const drawn = { plane: 0, course: 0, small: 0 };
  Object.assign(window, { store, time: performance.now(), drawn, texts: {} });
  performance.now = () => time;
  const watch = (name, canvas) => {
    const context = canvas.getContext("2d");
    const { clearRect, fillText } = context;
    context.clearRect = (...box) => { drawn[name] += 1; texts[name] = []; clearRect.apply(context, box); };
    context.fillText = (...told) => { texts[name].push(told[0]); fillText.apply(context, told); };
  };
  window.plane = new Plane(place("section", "plane"));
  window.course = new Course(place("section", "course"));
  const canvas = place("canvas", "small");
  canvas.style.cssText = "display: block; height: 96px; width: 96px";
  window.small = new SmallPlane(canvas);
  watch("plane", document.querySelector("#plane canvas"));
  watch("course", document.querySelector("#course canvas"));
  watch("small", canvas);
  window.draw = () => { plane.draw(time); course.draw(time); small.draw(window.state ?? null, time); };
  window.take = (events) => {
    const before = window.state;
    for (const event of events) store.take(event);
    window.state = store.streams.values().next().value ?? null;
    if (state !== before) { plane.show(state); course.show(state); }
    draw();
  };
  /** Let the clock of the page go on, drawing at every step. */
  window.wait = (ms, step = 50) => { for (const end = time + ms; time < end;) { time += step; draw(); } };
  draw();
}"""


class Bench:
    """The charts, fed with events by hand and drawn at times of the test's own choosing."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.page = visit.page

    async def take(self, *messages: Message, **altered: Any) -> None:
        await self.take_raw([json.loads(encode(message.event)) | altered for message in messages])

    async def take_raw(self, events: Iterable[dict[str, Any]]) -> None:
        await self.page.evaluate("(events) => take(events)", list(events))

    async def wait(self, ms: int = 2_000) -> None:
        await self.page.evaluate("(ms) => wait(ms)", ms)

    async def press(self, selector: str, *keys: str) -> None:
        await self.page.focus(selector)
        for key in keys:
            await self.page.keyboard.press(key)
        await self.page.evaluate("draw()")

    async def ask(self, expression: str, argument: Any = None) -> Any:
        return await self.page.evaluate(expression, argument)

    async def geometry(self, chart: str) -> Any:
        return await self.ask(f"(draw(), {chart}.geometry)")

    async def pixel(self, selector: str, x: float, y: float) -> tuple[int, ...]:
        """The colour and opacity of a canvas at a place in CSS pixels."""
        script = """([selector, x, y]) => {
          const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
          const [left, top] = [x, y].map((place) => -Math.floor(place * devicePixelRatio));
          context.drawImage(document.querySelector(selector), left, top);
          return [...context.getImageData(0, 0, 1, 1).data];
        }"""
        return tuple(await self.ask(script, [selector, x, y]))

    async def colour(self, name: str) -> tuple[int, ...]:
        """A colour of the page's style sheet, opaque."""
        script = """(name) => {
          const context = new OffscreenCanvas(1, 1).getContext("2d");
          context.fillStyle = getComputedStyle(document.body).getPropertyValue(`--${name}`).trim();
          context.fillRect(0, 0, 1, 1);
          return [...context.getImageData(0, 0, 1, 1).data];
        }"""
        return tuple(await self.ask(script, name))


@asynccontextmanager
async def bench(browser: Browser, **options: Any) -> AsyncIterator[Bench]:
    """Open the charts on a page of their own; `options` are those of a playwright context."""
    async with serving(Hub()) as address, browser.open(**options) as visit:
        served = await visit.page.request.get(address.page_url)
        policy = {"Content-Security-Policy": served.headers["content-security-policy"]}
        await visit.page.route(
            "**/bench", lambda route: route.fulfill(body=PAGE, content_type="text/html", headers=policy)
        )
        await visit.page.goto(f"{address.page_url}bench")
        await visit.page.evaluate(SET_UP)
        yield Bench(visit)
        assert visit.complaints == []
