"""How a connection fares, for whoever wants to show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Connecting:
    """An attempt begins."""

    address: str
    """The peer, without secrets."""


@dataclass(frozen=True, slots=True)
class Connected:
    """It succeeded."""

    address: str


@dataclass(frozen=True, slots=True)
class Lost:
    """An attempt failed or the connection broke; another follows."""

    why: str
    """For people, without a full stop."""
    retry_s: float
    """Seconds until the next attempt."""


State = Connecting | Connected | Lost
Report = Callable[[State], None]


def unobserved(_state: State) -> None:
    """Observe nothing."""
