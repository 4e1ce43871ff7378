"""One connection to whatever holds events: a server's websocket, or a Redis."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from .cursors import Cursors


class Link(ABC):
    """A way to events, which can be opened again and again."""

    peer: str
    """What is at its other end, for people."""

    @abstractmethod
    def payloads(self, cursors: Cursors) -> AsyncGenerator[bytes, None]:
        """Connect and yield encoded events from where `cursors` are, until the connection is lost.

        Raises ConnectionLost where another attempt is worth it, ServiceError where none is.
        """
