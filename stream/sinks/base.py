"""What every destination of events offers the pipeline."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cmlstream.stream.events import Message


class Sink(ABC):
    """A destination with a bounded queue of its own and a named policy for when that is full."""

    skipped_events: int = 0
    """Events of all streams that somebody did not get from this sink, so far."""

    @abstractmethod
    async def publish(self, message: Message) -> None:
        """Take one event. Messages of a session arrive in order, numbered without a hole."""

    @abstractmethod
    async def run(self) -> None:
        """Deliver what was published until closed; one task of the pipeline's group runs this."""

    @abstractmethod
    async def close(self) -> None:
        """Deliver what is still queued within a bounded time, then let `run` return."""
