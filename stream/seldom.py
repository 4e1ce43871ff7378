"""Saying in the log what may happen many times a second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

INTERVAL_S = 10.0


class SeldomLog:
    """Warns at most once in ten seconds, and then how often it held its tongue."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._last_s = -INTERVAL_S
        self._unsaid = 0

    def warning(self, message: str, *arguments: object) -> None:
        """Log `message`, with `arguments` put in as logging does, unless it is too early."""
        now_s = time.monotonic()
        if now_s - self._last_s < INTERVAL_S:
            self._unsaid += 1
            return
        more = f" ({self._unsaid} more since the last such line)" if self._unsaid else ""
        self._last_s, self._unsaid = now_s, 0
        self._logger.warning(f"{message}{more}", *arguments)
