"""A real Chromium, and pages opened in it with everything that they complained of or asked for."""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator

CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("chromium is not installed: apt-get install chromium", allow_module_level=True)
playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")

PATIENCE_MS = 30_000
"""A busy machine may take its time to start a page."""

QUIET_ARGUMENTS = ["--disable-gpu", "--no-first-run", "--disable-component-update", "--disable-sync"]
FRAMES = "cmlstream.frames"


class Visit:
    """A page that was opened."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def _hear(self, message: Any) -> None:
        # Servers without a model have no card of one either, and the page can do without.
        if not message.location["url"].endswith("/model.json"):
            self.complaints.append(message.text)

    async def text(self, selector: str) -> str:
        return str(await self.page.text_content(selector))

    async def shows(self, selector: str, text: str) -> None:
        await playwright.expect(self.page.locator(selector)).to_contain_text(text)

    async def counts(self, selector: str, number: int) -> None:
        await playwright.expect(self.page.locator(selector)).to_have_count(number)

    async def until(self, condition: str, argument: Any = None) -> None:
        """Wait until JavaScript finds that `condition` holds."""
        await self.page.wait_for_function(condition, arg=argument)

    async def is_drawn(self) -> None:
        """Wait until what came so far is drawn."""
        await self.page.evaluate(
            "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
        )


class Browser:
    """A browser and the event loop it lives in, which the servers of the tests share."""

    def __init__(self, runner: asyncio.Runner, chromium: Any) -> None:
        self._runner = runner
        self._chromium = chromium

    def run(self, test: Coroutine[Any, Any, None]) -> None:
        self._runner.run(test)

    @asynccontextmanager
    async def open(self, url: str | None = None, **options: Any) -> AsyncIterator[Visit]:
        """Open a page with nothing remembered; `options` are those of a playwright context."""
        context = await self._chromium.new_context(**options)
        visit = Visit(await context.new_page())
        visit.page.set_default_timeout(PATIENCE_MS)
        if url:
            await visit.page.goto(url)
        yield visit
        await context.close()


@contextmanager
def browsing(*arguments: str) -> Iterator[Browser]:
    """Start a browser with `arguments` added, and end it with the context."""
    playwright.expect.set_options(timeout=PATIENCE_MS)
    with asyncio.Runner() as runner:
        driver = runner.run(playwright.async_playwright().start())
        chromium = runner.run(
            driver.chromium.launch(
                executable_path=CHROMIUM,
                args=[*QUIET_ARGUMENTS, *arguments],
                chromium_sandbox=os.geteuid() != 0,
            )
        )
        yield Browser(runner, chromium)
        runner.run(chromium.close())
        runner.run(driver.stop())


_WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("*")]
  .filter((element) => element.getBoundingClientRect().right > innerWidth)
  .map(({ tagName, id, className }) => `${tagName} ${id} ${className}`)"""


async def scrolls_only_downwards(visit: Visit) -> None:
    wide = await visit.page.evaluate(_WIDE)
    assert not wide, f"wider than the window: {wide}"
