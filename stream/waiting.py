"""The windows of one stream that wait for the engine, and when the next are left out on their account."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cmlstream.models.contract import SAMPLE_RATE

from .seldom import SeldomLog

if TYPE_CHECKING:
    from cmlstream.models.baseline import Baseline
    from cmlstream.models.window import Window

    from .engine import Engine, Result

PATIENCE_S = 0.4
"""So long may live audio wait for the engine before its rolling windows are left out: newer news is better.

Then no more of them wait than come in that time, two at least, so that each estimate makes room for one more:
a slow engine takes them at its own, even pace. The time alone would let several in at once, and then none for
long. The number alone would leave out audio that comes in a heap, as after a lost link.
"""

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
        self._most = max(2, math.ceil(PATIENCE_S * SAMPLE_RATE / hop_samples))
        self._submitted: deque[_Submitted] = deque()

    def submit(self, window: Window, baseline: Baseline) -> asyncio.Future[Result]:
        """Hand over a window; the future completes as `Engine.submit` says."""
        result = self._engine.submit(window, baseline)
        self._submitted.append(_Submitted(asyncio.get_running_loop().time(), result))
        return result

    def first_done(self) -> None:
        """Take note that the window that waited longest has its estimate."""
        self._submitted.popleft()

    def thins(self) -> bool:
        """Whether to leave out a rolling window of live audio that is due now."""
        if len(self._submitted) < self._most:
            return False
        if asyncio.get_running_loop().time() - self._submitted[0].since_s < PATIENCE_S:
            return False
        _behind.warning("The engine is behind: rolling estimates are thinned; give it fewer streams")
        return True

    def take_back(self) -> None:
        """Let go of the windows whose estimates nobody will publish: the session broke off."""
        for submitted in self._submitted:
            submitted.result.cancel()
