"""Metrics that are not counted a second time but read, when they are asked for, from where they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry


@dataclass(frozen=True, slots=True, eq=False)
class Watcher(Collector):
    """One metric and the function that knows its value."""

    family: Callable[..., Any]
    """Counter or gauge: a class of prometheus-client, of name, help and value."""
    name: str
    documentation: str
    read: Callable[[], float]

    def describe(self) -> list[Any]:
        """Return the metric without reading it, which may not be possible yet."""
        return [self.family(self.name, self.documentation)]

    def collect(self) -> list[Any]:
        """Return the metric as it is now."""
        return [self.family(self.name, self.documentation, value=self.read())]


def watch_gauge(
    registry: CollectorRegistry, name: str, documentation: str, read: Callable[[], float]
) -> None:
    """Add what can rise and fall."""
    registry.register(Watcher(GaugeMetricFamily, name, documentation, read))


def watch_counter(
    registry: CollectorRegistry, name: str, documentation: str, read: Callable[[], float]
) -> None:
    """Add what only ever rises; Prometheus sees `name` with `_total` behind it."""
    registry.register(Watcher(CounterMetricFamily, name, documentation, read))
