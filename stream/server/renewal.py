"""SIGHUP: what the server was given in files is read anew, without an end to any connection."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Renewable(Protocol):
    """What can be read anew: tokens, a certificate."""

    def reload(self) -> None:
        """Read it again, or keep what there is and log why. Blocks, so it runs on a thread."""


async def renew_on_hangup(renewables: Sequence[Renewable]) -> None:
    """Reload all of them, in turn, whenever SIGHUP comes, until cancelled.

    Signals that come while they are being read lead to one more reading, whatever their number.
    """
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, asked.set)
    try:
        while True:
            await asked.wait()
            asked.clear()
            for renewable in renewables:
                await asyncio.to_thread(renewable.reload)
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
