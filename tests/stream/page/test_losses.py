"""The page loses its server, says so, and goes on where it was without being loaded again."""

import pytest

from cmlstream.stream.sinks.hub import Hub
from tests.stream.line import Line
from tests.stream.page.browser import Browser, Visit
from tests.stream.serving import publish, serving, until
from tests.stream.synthetic import SyntheticSession

pytestmark = pytest.mark.slow


async def words(visit: Visit) -> list[str]:
    return list(await visit.page.locator("#entries li .words").all_inner_texts())


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
                await visit.shows("#entries li:first-child", "0.3 s of speech")
            await visit.shows("#connection", "connection lost: server stops; trying again")
            await visit.shows("#about", "connection lost: server stops")
            await visit.page.evaluate("document.body.dataset.loaded = 'once'")
            hub = Hub()
            # The new session is longer than the old one was: its first events must come nevertheless.
            await publish(hub, [after.started(), *after.conversation(regions=5, updates=3)])
            async with serving(hub, port=address.port):
                await visit.shows("#connection", "connected")
                await visit.shows("#about", "another")
                await hub.publish(after.gap())
                await visit.shows("#entries li:first-child", "audio is missing")
                said = await words(visit)
            assert await visit.page.get_attribute("body", "data-loaded") == "once"
        assert sum("of speech" in line for line in said) == 2 + 5
        assert "connection lost: server stops" in said
        assert any(line.startswith("connected again after") for line in said)

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
            await visit.shows("#entries li:first-child", "two")
            await until(lambda: hub.subscribers == 2)
            line.cut()
            await until(lambda: hub.subscribers == 0)
            await hub.publish(session.error("three"))
            await until(lambda: hub.subscribers == 2)
            await hub.publish(session.error("four"))
            await visit.shows("#entries li:first-child", "four")
            said = [line for line in await words(visit) if "connect" not in line]
            assert said == ["four", "three", "two", "one"]

    browser.run(check())


def test_what_the_server_no_longer_holds_is_told_once(browser: Browser) -> None:
    async def check() -> None:
        hub, session = Hub(held_messages=10), SyntheticSession()
        await publish(hub, [session.started(), *session.conversation(regions=4, updates=4)])
        async with serving(hub) as address, browser.open(address.page_url) as visit:
            await until(lambda: hub.subscribers == 2)
            await hub.publish(session.error("the last"))
            await visit.shows("#entries li:first-child", "the last")
            missing = [line for line in await words(visit) if "missing" in line]
        assert missing == ["events 1 to 23 are missing"]

    browser.run(check())
