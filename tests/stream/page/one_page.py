"""One page of a server for many short questions to its modules."""

from __future__ import annotations

from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from cmlstream.stream.sinks.hub import Hub
from tests.stream.serving import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.stream.page.browser import Browser

    Evaluate = Callable[..., Any]


@contextmanager
def one_page(browser: Browser, **options: Any) -> Iterator[Evaluate]:
    """Open a page of a server; yield what evaluates a function in JavaScript there, with one argument.

    `options` are those of a playwright context.
    """
    opened = AsyncExitStack()
    answers: list[Any] = []

    async def start() -> None:
        address = await opened.enter_async_context(serving(Hub()))
        answers.append(
            await opened.enter_async_context(browser.open(f"{address.page_url}icon.svg", **options))
        )

    async def ask(script: str, argument: Any) -> None:
        answers.append(await visit.page.evaluate(script, argument))

    def evaluate(script: str, argument: Any = None) -> Any:
        browser.run(ask(script, argument))
        return answers.pop()

    browser.run(start())
    visit = answers.pop()
    yield evaluate
    browser.run(opened.aclose())
