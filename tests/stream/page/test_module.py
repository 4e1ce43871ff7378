"""The modules of the page, imported by pages of this and of other origins."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cmlstream.stream.sinks.hub import Hub
from tests.stream.page.browser import Browser, playwright
from tests.stream.service import service
from tests.stream.serving import publish, serving
from tests.stream.synthetic import SyntheticSession

pytestmark = pytest.mark.slow


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
    example = Path(__file__).parents[3] / "stream" / "examples" / "follow.html"

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
