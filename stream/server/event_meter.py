"""The sink that counts events for `/metrics`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cmlstream.stream.sinks.base import Sink

if TYPE_CHECKING:
    from cmlstream.stream.events import Message

    from .metrics import Metrics


class EventMeter(Sink):
    """Counts every event by its type and keeps none."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._closed = asyncio.Event()

    async def publish(self, message: Message) -> None:
        """Count one event."""
        self._metrics.published(message.event)

    async def run(self) -> None:
        """Return once closed: there is nothing to deliver."""
        await self._closed.wait()

    async def close(self) -> None:
        """Let `run` return."""
        self._closed.set()
