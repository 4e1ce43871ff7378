"""The windows of one stream that wait for the engine, and which of the next are left out on their account."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .seldom import SeldomLog

if TYPE_CHECKING:
    from cmlstream.models.baseline import Baseline
    from cmlstream.models.window import Window

    from .engine import Engine, Result

THIN_STEP_S = 0.5
"""For every half second that live audio waits for the engine, one more of its rolling windows is left out
between two that are not: newer news is better, and load falls as the wait grows."""

_behind = SeldomLog(logging.getLogger(__name__))


@dataclass(frozen=True, slots=True, eq=False)
class _Submitted:
    """A window that was handed to the engine, and when, by the loop's clock."""

    since_s: float
    result: asyncio.Future[Result]


class Waiting:
    """Hands a stream's windows to `engine`; the caller bounds how many wait."""

    def __init__(self, engine: Engine, hop_samples: int) -> None:
        self._engine = engine
        self._hop_samples = hop_samples
        self._submitted: deque[_Submitted] = deque()

    def submit(self, window: Window, baseline: Baseline) -> asyncio.Future[Result]:
        """Hand over a window; the future completes as `Engine.submit` says."""
        result = self._engine.submit(window, baseline)
        self._submitted.append(_Submitted(asyncio.get_running_loop().time(), result))
        return result

    def first_done(self) -> None:
        """Take note that the window that waited longest has its estimate."""
        self._submitted.popleft()

    def thins(self, window: Window) -> bool:
        """Whether to leave out this rolling window of live audio, so that the newest can be heard in time."""
        if not self._submitted:
            return False
        waited_s = asyncio.get_running_loop().time() - self._submitted[0].since_s
        hop = (window.due - window.region_start) // self._hop_samples
        if hop % (1 + int(waited_s / THIN_STEP_S)) == 0:
            return False
        _behind.warning("The engine is behind: rolling estimates are thinned; give it fewer streams")
        return True

    def take_back(self) -> None:
        """Let go of the windows whose estimates nobody will publish: the session broke off."""
        for submitted in self._submitted:
            submitted.result.cancel()
