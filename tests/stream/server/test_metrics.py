import asyncio
import re
import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cmlstream.stream.ingest import Refusal
from cmlstream.stream.server.event_meter import EventMeter
from cmlstream.stream.server.lateness import measure_lateness
from cmlstream.stream.server.metrics import OTHER_REFUSALS, Metrics, StreamTotals
from tests.stream.serving import run
from tests.stream.synthetic import SyntheticSession


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("1.2.3", "default 4")


def samples(metrics: Metrics) -> dict[str, float]:
    """Return every value under its name, with its labels as Prometheus writes them."""
    found = {}
    for family in text_string_to_metric_families(metrics.render().body.decode()):
        assert family.documentation
        assert family.type != "unknown"
        for sample in family.samples:
            labels = ",".join(f'{name}="{text}"' for name, text in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def test_what_happens_is_counted(metrics: Metrics) -> None:
    metrics.received(640)
    metrics.received(320)
    metrics.refused(Refusal.TOO_FAST.code)
    metrics.refused("host_or_origin")
    metrics.refused("host_or_origin")
    metrics.estimated(windows=3, call_s=0.02)
    metrics.woke_late(0.003)
    metrics.delayed(0.03)
    metrics.delayed(0.3)
    found = samples(metrics)
    assert found["cmlstream_received_bytes_total"] == 960
    assert found['cmlstream_refusals_total{code="too_fast"}'] == 1
    assert found['cmlstream_refusals_total{code="host_or_origin"}'] == 2
    assert found["cmlstream_engine_windows_sum"] == 3
    assert found['cmlstream_engine_windows_bucket{le="2.0"}'] == 0
    assert found['cmlstream_engine_windows_bucket{le="4.0"}'] == 1
    assert found["cmlstream_engine_call_seconds_count"] == 1
    assert found['cmlstream_loop_lateness_seconds_bucket{le="0.005"}'] == 1
    assert found['cmlstream_delay_seconds_bucket{le="0.05"}'] == 1
    assert found["cmlstream_delay_seconds_count"] == 2


def test_every_code_is_there_before_it_occurs(metrics: Metrics) -> None:
    found = samples(metrics)
    for code in [*(refusal.code for refusal in Refusal), *OTHER_REFUSALS]:
        assert found[f'cmlstream_refusals_total{{code="{code}"}}'] == 0


def test_a_code_that_is_not_ours_becomes_no_label(metrics: Metrics) -> None:
    with pytest.raises(KeyError):
        metrics.refused("whatever a client says")


def test_the_state_is_read_when_prometheus_asks_and_not_before(metrics: Metrics) -> None:
    totals = [StreamTotals(1.5, 2, 3)]
    live: list[str] = []
    away = [False]
    metrics.watch_streams(lambda: len(live), lambda: totals[-1])
    metrics.watch_subscribers(lambda: 7, lambda: 8)
    metrics.watch_engine(lambda: 9)
    metrics.watch_redis(lambda: 10, lambda: away[-1], lambda: 11)
    metrics.watch_recorder(lambda: 12, lambda: 13)
    first = samples(metrics)
    assert (first["cmlstream_streams_live"], first["cmlstream_redis_away"]) == (0, 0)
    live.append("kitchen")
    totals.append(StreamTotals(4.5, 20, 30))
    away.append(True)
    found = samples(metrics)
    assert {name: found[f"cmlstream_{name}"] for name in (
        "streams_live",
        "audio_seconds_total",
        "dropped_samples_total",
        "thinned_updates_total",
        "subscribers",
        "skipped_events_total",
        "engine_jobs_waiting",
        "redis_spool_events",
        "redis_away",
        "redis_dropped_events_total",
        "recorder_dropped_events_total",
        "recorder_dropped_samples_total",
    )} == {
        "streams_live": 1,
        "audio_seconds_total": 4.5,
        "dropped_samples_total": 20,
        "thinned_updates_total": 30,
        "subscribers": 7,
        "skipped_events_total": 8,
        "engine_jobs_waiting": 9,
        "redis_spool_events": 10,
        "redis_away": 1,
        "redis_dropped_events_total": 11,
        "recorder_dropped_events_total": 12,
        "recorder_dropped_samples_total": 13,
    }  # fmt: skip


def test_program_model_and_process_are_told_in_prometheus_own_format(metrics: Metrics) -> None:
    document = metrics.render()
    found = samples(metrics)
    assert document.media_type == "text/plain; version=0.0.4"
    assert found['cmlstream_build_info{model="default 4",version="1.2.3"}'] == 1
    assert found["process_resident_memory_bytes"] > 1_000_000
    assert all(re.fullmatch(r"(cmlstream|process)_[a-z_]+(\{.*\})?", name) for name in found)


def test_two_servers_in_one_process_count_apart(metrics: Metrics) -> None:
    other = Metrics("1", "m")
    other.received(5)
    assert samples(metrics)["cmlstream_received_bytes_total"] == 0


def test_events_are_counted_by_type_and_no_stream_is_named(metrics: Metrics) -> None:
    async def check() -> None:
        meter = EventMeter(metrics)
        session = SyntheticSession("secret-place")
        running = asyncio.create_task(meter.run())
        for message in [*session.updates(3), session.ended()]:
            await meter.publish(message)
        await meter.close()
        await running

    run(check())
    found = samples(metrics)
    assert found['cmlstream_events_published_total{type="affect"}'] == 3
    assert found['cmlstream_events_published_total{type="stream.ended"}'] == 1
    assert found['cmlstream_events_published_total{type="error"}'] == 0
    assert b"secret-place" not in metrics.render().body


def test_a_loop_that_was_held_up_is_found_late() -> None:
    async def check() -> None:
        told: asyncio.Queue[float] = asyncio.Queue()
        measuring = asyncio.create_task(measure_lateness(told.put_nowait, interval_s=0.001))
        assert await told.get() >= 0
        loop = asyncio.get_running_loop()
        held_up = threading.Event()
        loop.call_soon(held_up.wait, 0.05)
        await asyncio.sleep(0)
        latest = 0.0
        while latest < 0.02:
            latest = await told.get()
        measuring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await measuring

    run(check())
