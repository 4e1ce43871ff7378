"""An hour of events passes by in seconds, and nothing grows."""

from typing import Any

import pytest

from cmlstream.stream.sinks.hub import Hub
from tests.stream.page.browser import Browser, Visit
from tests.stream.serving import publish, serving, until
from tests.stream.synthetic import SyntheticSession

pytestmark = pytest.mark.slow

MINUTES = 60
FULL_MINUTES = 20
"""After these every ring of the page is full, and code is compiled."""

REGIONS_A_MINUTE = 10
UPDATES = 18
SLACK_BYTES = 3_000_000
SLACK_NODES = 60
"""What may come and go: words of a moment, and what the browser keeps to itself."""


async def held(visit: Visit, devtools: Any) -> dict[str, int]:
    """Return what is left after the garbage is collected."""
    await visit.is_drawn()
    await devtools.send("HeapProfiler.collectGarbage")
    heap = await devtools.send("Runtime.getHeapUsage")
    counters = await devtools.send("Memory.getDOMCounters")
    return {
        "bytes": round(heap["usedSize"]),
        "nodes": counters["nodes"],
        "listeners": counters["jsEventListeners"],
    }


def test_an_hour_of_events_leaves_the_page_as_large_as_it_was(browser: Browser, record_property: Any) -> None:
    async def check() -> None:
        hub, session = Hub(), SyntheticSession()
        async with serving(hub) as address, browser.open(address.page_url) as visit:
            devtools = await visit.page.context.new_cdp_session(visit.page)
            await hub.publish(session.started())
            await until(lambda: hub.subscribers == 2)
            measured = []
            published = 1
            for minute in range(1, MINUTES + 1):
                messages = list(session.conversation(REGIONS_A_MINUTE, UPDATES))
                await publish(hub, [*messages, session.gap()])
                published += len(messages) + 1
                # Both connections tell all of it; the first event had gone by when the second was opened.
                await visit.until("(number) => cmlstream.events >= number", 2 * published - 1)
                if minute % FULL_MINUTES == 0:
                    measured.append(await held(visit, devtools))
            assert visit.complaints == []
            assert "events" not in await visit.text("#entries")
        print(f"{published} events of an hour; every {FULL_MINUTES} minutes: {measured}")
        full, last = measured[0], measured[-1]
        record_property("grown_bytes", last["bytes"] - full["bytes"])
        assert last["bytes"] < full["bytes"] + SLACK_BYTES
        assert last["nodes"] < full["nodes"] + SLACK_NODES
        assert last["listeners"] == full["listeners"]

    browser.run(check())
