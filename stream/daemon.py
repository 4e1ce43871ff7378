"""Work that may take for ever, on a thread that holds up neither the event loop nor the program's end."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def on_daemon_thread(function: Callable[[], T], name: str) -> T:
    """Return what `function` returns, or raise what it raises; cancelling this leaves the thread behind.

    A pool's thread would be waited for when the interpreter ends, and a disk or a reader may hang.
    """
    outcome: Future[T] = Future()
    threading.Thread(target=_settle, args=(function, outcome), name=name, daemon=True).start()
    return await asyncio.wrap_future(outcome)


def _settle(function: Callable[[], T], outcome: Future[T]) -> None:
    if outcome.set_running_or_notify_cancel():
        try:
            outcome.set_result(function())
        except Exception as error:  # noqa: BLE001 - raised where it is awaited
            outcome.set_exception(error)
