"""Several streams at once: a wall of them, one of them large, and what a frame of it costs."""

import asyncio
from typing import Any

import pytest

from cmlstream.stream.sinks.hub import Hub
from tests.stream.page.browser import FRAMES, Browser, Visit, playwright
from tests.stream.serving import publish, serving, until
from tests.stream.synthetic import SyntheticSession

pytestmark = pytest.mark.slow

STREAMS = 8
HISTORY_S = 300
LIVE_S = 3
HOP_S = 0.25
MARK_MS = 8.0


def rooms(number: int) -> list[SyntheticSession]:
    return [
        SyntheticSession(f"room-{index}", f"s{index}", source=f"source {index}") for index in range(number)
    ]


async def order(visit: Visit) -> list[str]:
    return list(await visit.page.locator("#tiles .name").all_inner_texts())


def test_one_stream_needs_no_wall_and_two_can_be_chosen_among(browser: Browser) -> None:
    async def check() -> None:
        hub, (kitchen, hall) = Hub(), rooms(2)
        async with serving(hub) as address, browser.open(address.page_url) as visit:
            await publish(hub, [kitchen.started(), kitchen.affect()])
            await visit.shows("#about", "source 0")
            assert await visit.page.is_hidden("#choice")
            assert await visit.page.is_hidden("#wall")
            await publish(hub, [hall.started(), hall.affect()])
            await until(lambda: hub.subscribers == 2)
            await visit.page.select_option("#streams", "room-1")
            await visit.shows("#about", "source 1")
            await visit.shows("#when", "now")
            await visit.counts("#entries li", 1)
            await visit.page.click("#tiles li:first-child button")
            await visit.shows("#about", "source 0")
            pressed = "#tiles [aria-pressed=true] .name"
            await playwright.expect(visit.page.locator(pressed)).to_have_text(["room-0"])
            await visit.page.reload()
            await visit.shows("#about", "source 0")
            await visit.counts("#tiles li", 2)
            assert visit.complaints == []

    browser.run(check())


def test_the_large_stream_alone_is_followed_in_full(browser: Browser) -> None:
    async def check() -> None:
        hub, sessions = Hub(), rooms(3)
        for session in sessions:
            await publish(hub, [session.started(), *session.conversation(regions=2, updates=4)])
        sockets: list[str] = []
        async with serving(hub) as address, browser.open() as visit:
            visit.page.on("websocket", lambda socket: sockets.append(socket.url.partition("?")[2]))
            await visit.page.goto(address.page_url)
            await until(lambda: hub.subscribers == 2)
            await visit.counts("#tiles li", 3)
            await visit.page.click("#tiles li:nth-child(2) button")
            await visit.shows("#about", "source 1")
            await until(lambda: len(sockets) == 3 and hub.subscribers == 2)
        assert sockets[0] == "embedding=0&since=0"
        # From before its first estimate on, which came to the wall without what the large view shows.
        assert sockets[1:] == [f"stream=room-{index}&features=1&since=s{index}%3A2" for index in (0, 1)]

    browser.run(check())


TOLD = """async () => {
  const { Tile } = await import("/tile.js");
  const { StreamState } = await import("/state.js");
  const [tile, state] = [new Tile("hall", () => {}), new StreamState("hall")];
  document.querySelector("main").append(tile.element);
  tile.begin();
  const words = [];
  for (const [index, speaking] of [true, false, true].entries()) {
    const type = speaking ? "speech.started" : "speech.ended";
    state.take({ type, session: "s", seq: index + 1, model: "m" });
    tile.draw(state, performance.now(), "name");
    words.push(tile.element.querySelector(".words").textContent.trim());
  }
  return words;
}"""


def test_the_wall_is_sorted_by_any_figure_but_not_under_a_hand(browser: Browser) -> None:
    async def check() -> None:
        hub, sessions = Hub(), rooms(4)
        moved = {}
        for index, session in enumerate(sessions):
            await publish(hub, [session.started(), *session.updates(7 * index), message := session.affect()])
            moved[session.stream] = message.event
        async with serving(hub) as address, browser.open(address.page_url) as visit:
            await visit.counts("#tiles li", 4)
            assert await order(visit) == sorted(moved)
            for figure in ("activation", "sadness"):
                await visit.page.select_option("#order", figure)
                wanted = sorted(moved, key=lambda name, by=figure: -_figure(moved[name], by))
                await playwright.expect(visit.page.locator("#tiles .name")).to_have_text(wanted)
                await visit.shows("#tiles li:first-child .words", figure)
            await visit.page.check("#wall input")
            await playwright.expect(visit.page.locator("#tiles .name")).to_have_text(wanted[::-1])
            await visit.page.focus("#tiles li:last-child button")
            focused = await visit.page.evaluate("document.activeElement.title")
            await publish(hub, sessions[0].updates(40))
            await visit.is_drawn()
            assert await visit.page.evaluate(TOLD) == ["speech", "no speech", "speech"]
            assert await visit.page.evaluate("document.activeElement.title") == focused

    browser.run(check())


def _figure(event: Any, name: str) -> float:
    return float(event.emotion[name] if name in event.emotion else getattr(event, name))


def test_eight_streams_at_once_are_drawn_in_time(browser: Browser, record_property: Any) -> None:
    async def check() -> None:
        hub, sessions = Hub(held_messages=20_000), rooms(STREAMS)
        for session in sessions:
            past = [session.started(), *session.conversation(HISTORY_S // 10, 32), session.speech_started()]
            await publish(hub, past)
        options = {"viewport": {"width": 1280, "height": 1600}}
        async with serving(hub) as address, browser.open(address.page_url, **options) as visit:
            await visit.counts("#tiles li", STREAMS)
            # All is told once for the wall, and the last five minutes of one once more.
            await visit.until(
                "(number) => cmlstream.events >= number", STREAMS * len(past) + 4 * HISTORY_S - 1
            )
            before = len(await visit.page.evaluate(FRAMES))
            for _ in range(round(LIVE_S / HOP_S)):
                for session in sessions:
                    await hub.publish(session.affect())
                await asyncio.sleep(HOP_S)  # the pace of speech, not a wait for something
            frames = sorted((await visit.page.evaluate(FRAMES))[before:])
            assert visit.complaints == []
        p95 = frames[int(0.95 * len(frames))]
        print(
            f"{STREAMS} streams, {len(frames)} frames: p50 {frames[len(frames) // 2]:.1f} ms, "
            f"p95 {p95:.1f} ms, longest {frames[-1]:.1f} ms; the mark is {MARK_MS} ms"
        )
        record_property("frame_p95_ms", p95)
        # A machine that is busy with something else is slow now and then, but the work is not always much.
        assert sum(frame_ms <= MARK_MS for frame_ms in frames) > len(frames) / 2

    browser.run(check())
