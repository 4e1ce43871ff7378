"""How late the server's event loop was, as its own metrics tell."""

from __future__ import annotations

from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

Counts = dict[float, float]
"""By upper bound in seconds: how often the loop was no later than that."""


def read_lateness(port: int) -> Counts:
    """Return what the server has counted so far."""
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    return {
        float(sample.labels["le"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "cmlstream_loop_lateness_seconds_bucket"
    }


def percentile_ms(before: Counts, after: Counts, percentile: float) -> str:
    """Return between which two of the counted bounds that percentile lies, in ms."""
    counts = {bound: after[bound] - before.get(bound, 0.0) for bound in sorted(after)}
    wanted = max(counts.values()) * percentile / 100
    lower = 0.0
    for bound, count in counts.items():
        if count >= wanted:
            return f"{1000 * lower:g} to {1000 * bound:g}"
        lower = bound
    return "none counted"
