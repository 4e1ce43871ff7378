"""How much a client may take: bytes over time, and places at once. Pure; the clock is the caller's."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

AVERAGED_OVER_S = 10.0


class Allowance:
    """Bytes per second on average over ten seconds: a bucket of ten seconds' worth that fills as time goes.

    So a sender that was cut off may catch up at once on as much as it could have sent meanwhile.
    """

    def __init__(self, bytes_per_second: float, now: float) -> None:
        self._bytes_per_second = bytes_per_second
        self._left = self._most = bytes_per_second * AVERAGED_OVER_S
        self._filled_at = now

    def take(self, size_bytes: int, now: float) -> bool:
        """Take `size_bytes` at the time `now` (seconds of one steady clock); False where that is too much.

        What is refused is not taken.
        """
        passed_s = max(now - self._filled_at, 0.0)
        self._left = min(self._left + passed_s * self._bytes_per_second, self._most)
        self._filled_at = max(now, self._filled_at)
        if size_bytes > self._left:
            return False
        self._left -= size_bytes
        return True


class CrowdedError(Exception):
    """No place is left; the message is the sentence to tell the client."""


class Place:
    """One of a number of places; leaving its context or `release` gives it back, once."""

    def __init__(self, taken: Counter[str], holder: str) -> None:
        self._taken = taken
        self._holder = holder
        self._held = True
        taken[holder] += 1

    def release(self) -> None:
        """Give the place back; doing it again changes nothing."""
        if self._held:
            self._held = False
            self._taken[self._holder] -= 1
            if not self._taken[self._holder]:
                del self._taken[self._holder]

    def __enter__(self) -> Self:
        """Hold the place for as long as the context lasts."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the place back."""
        self.release()


class Places:
    """So many places, and so many of them for each holder.

    Args:
        what: what the places are for, in the plural, as the refusal says it: "streams".
        total: how many there are.
        each: how many one holder, such as a token, may have; as many as there are unless told.

    """

    def __init__(self, what: str, total: int, each: int | None = None) -> None:
        self._what = what
        self._total = total
        self._each = total if each is None else each
        self._taken: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """How many are taken."""
        return self._taken.total()

    @property
    def full(self) -> bool:
        """Whether all are taken."""
        return self.taken >= self._total

    def take(self, holder: str = "") -> Place:
        """Return a place for `holder`; raises CrowdedError where all, or all of this holder, are taken."""
        if self.full:
            raise CrowdedError(f"All {self._total} places for {self._what} are taken: try again later.")
        if self._taken[holder] >= self._each:
            raise CrowdedError(
                f"The token {holder!r} has all its {self._each} {self._what}: end one, or use another token."
            )
        return Place(self._taken, holder)
