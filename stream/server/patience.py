"""How long clients of the server may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """How long clients may take."""

    send_s: float = 10.0
    """To make room in a full socket, before a subscriber is closed."""
    close_s: float = 2.0
    """To answer a close, before the connection is cut off."""
