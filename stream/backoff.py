"""How long to wait before trying again."""

from __future__ import annotations

import random

FIRST_S = 0.5
LONGEST_S = 15.0


class Backoff:
    """Waits that double until something succeeds, each shortened by chance.

    Clients that lost the same server shall not all return in the same instant.
    """

    def __init__(self, first_s: float = FIRST_S, longest_s: float = LONGEST_S) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self.reset()

    def reset(self) -> None:
        """Begin anew: the connection works."""
        self._ceiling_s = self._first_s

    def next_s(self) -> float:
        """Return the next wait in seconds, between half its ceiling and all of it."""
        wait_s = self._ceiling_s * random.uniform(0.5, 1)
        self._ceiling_s = min(2 * self._ceiling_s, self._longest_s)
        return wait_s
