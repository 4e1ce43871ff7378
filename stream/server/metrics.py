"""`/metrics`: what Prometheus is told. No stream, token or client is ever named: labels are codes of ours.

What happens is told to the methods of `Metrics`; what is the case is read where it is kept, when Prometheus
asks, by the functions given to its `watch_...` methods.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector, generate_latest

from cmlstream.stream.events import Event
from cmlstream.stream.ingest import Refusal

from .watched import watch_counter, watch_gauge
from .web import Document

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import msgspec

MEDIA_TYPE = "text/plain; version=0.0.4"

_DELAYS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LATENESS_S = (0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_CALLS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_WINDOWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)

OTHER_REFUSALS = ("host_or_origin", "bad_query", "too_many_subscribers")
"""Codes of requests that are refused before there is a websocket, beside those of `Refusal`."""


@dataclass(frozen=True, slots=True)
class StreamTotals:
    """What all streams have come to since the server began, those that ended included."""

    audio_s: float
    dropped_samples: int
    thinned_updates: int

    def __add__(self, other: StreamTotals) -> StreamTotals:
        """Return what both have come to."""
        return StreamTotals(
            self.audio_s + other.audio_s,
            self.dropped_samples + other.dropped_samples,
            self.thinned_updates + other.thinned_updates,
        )


class Metrics:
    """All metrics of one server, in a registry of their own."""

    def __init__(self, version: str, model: str) -> None:
        """Prepare all metrics, those of codes that have not occurred included.

        Args:
            version: the program's.
            model: name and version of the model in use.

        """
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        Info("cmlstream_build", "program and model in use", registry=self.registry).info(
            {"version": version, "model": model}
        )
        self._bytes = self._counter("received_bytes", "bytes of senders' messages")
        published = self._counter("events_published", "events that left the pipelines", "type")
        self._published = {kind: published.labels(_tag(kind)) for kind in get_args(Event)}
        refused = self._counter("refusals", "requests and connections turned away", "code")
        codes = [refusal.code for refusal in Refusal] + [*OTHER_REFUSALS]
        self._refused = {code: refused.labels(code) for code in codes}
        self._delay = self._histogram(
            "delay_seconds", "from the end of a hop of audio to the event of its window", _DELAYS_S
        )
        self._windows = self._histogram("engine_windows", "windows in one call of the model", _WINDOWS)
        self._calls = self._histogram("engine_call_seconds", "duration of one call of the model", _CALLS_S)
        self._lateness = self._histogram(
            "loop_lateness_seconds", "how late the event loop comes to what is due", _LATENESS_S
        )

    def received(self, size_bytes: int) -> None:
        """Count what a sender sent."""
        self._bytes.inc(size_bytes)

    def published(self, event: Event) -> None:
        """Count an event by its type."""
        self._published[type(event)].inc()

    def delayed(self, delay_s: float) -> None:
        """Count the time from the end of a hop's audio to its event."""
        self._delay.observe(delay_s)

    def refused(self, code: str) -> None:
        """Count a refusal by its code: `Refusal.code`, or one of OTHER_REFUSALS."""
        self._refused[code].inc()

    def estimated(self, windows: int, call_s: float) -> None:
        """Count one call of the model: how many windows it took, and how long."""
        self._windows.observe(windows)
        self._calls.observe(call_s)

    def woke_late(self, lateness_s: float) -> None:
        """Count how late the event loop came to a task that was due."""
        self._lateness.observe(lateness_s)

    def watch_streams(self, live: Callable[[], int], totals: Callable[[], StreamTotals]) -> None:
        """Read how many streams are live, and what all have come to."""
        self._watch_gauge("streams_live", "streams, those that wait for their sender included", live)
        self._watch_counter("audio_seconds", "audio heard", lambda: totals().audio_s)
        self._watch_counter(
            "dropped_samples",
            "samples at 16 kHz lost before they were heard",
            lambda: totals().dropped_samples,
        )
        self._watch_counter(
            "thinned_updates", "rolling estimates left out to keep up", lambda: totals().thinned_updates
        )

    def watch_subscribers(self, now: Callable[[], int], skipped_events: Callable[[], int]) -> None:
        """Read how many follow, and what they missed."""
        self._watch_gauge("subscribers", "websockets that follow events", now)
        self._watch_counter("skipped_events", "events that a slow subscriber did not get", skipped_events)

    def watch_engine(self, waiting: Callable[[], int]) -> None:
        """Read how many windows wait for the model."""
        self._watch_gauge("engine_jobs_waiting", "windows that wait for the model", waiting)

    def watch_redis(
        self, waiting: Callable[[], int], away: Callable[[], bool], dropped_events: Callable[[], int]
    ) -> None:
        """Read what waits for Redis, whether it is away, and what it never got."""
        self._watch_gauge("redis_spool_events", "events that wait for Redis", waiting)
        self._watch_gauge("redis_away", "1 while Redis does not take events", away)
        self._watch_counter("redis_dropped_events", "events that Redis never got", dropped_events)

    def watch_recorder(self, dropped_events: Callable[[], int], dropped_samples: Callable[[], int]) -> None:
        """Read what could not be recorded."""
        self._watch_counter("recorder_dropped_events", "events that could not be recorded", dropped_events)
        self._watch_counter(
            "recorder_dropped_samples",
            "samples at 16 kHz that were heard but not recorded: the disk is slow",
            dropped_samples,
        )

    def render(self) -> Document:
        """Return all of it in Prometheus' text format."""
        return Document(MEDIA_TYPE, generate_latest(self.registry))

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(f"cmlstream_{name}", documentation, labels, registry=self.registry)

    def _histogram(self, name: str, documentation: str, buckets: Sequence[float]) -> Histogram:
        return Histogram(f"cmlstream_{name}", documentation, registry=self.registry, buckets=buckets)

    def _watch_gauge(self, name: str, documentation: str, read: Callable[[], float]) -> None:
        watch_gauge(self.registry, f"cmlstream_{name}", documentation, read)

    def _watch_counter(self, name: str, documentation: str, read: Callable[[], float]) -> None:
        watch_counter(self.registry, f"cmlstream_{name}", documentation, read)


def _tag(kind: type[msgspec.Struct]) -> str:
    """Return what `type` says in an event of this kind."""
    return str(kind.__struct_config__.tag)
