import asyncio

from tests.stream.server import subscribers


def test_the_measurement_sees_every_event_at_every_subscriber() -> None:
    measured = asyncio.run(subscribers.measure(subscribers=100, events=5))
    assert len(measured.delays_ms) == 500
    assert min(measured.delays_ms) > 0
    assert measured.lateness_ms
    assert measured.skipped_events == 0
    table = measured.table()
    assert table.startswith("100 subscribers, 5 events, 0 skipped\n")
    assert [line.split()[0] for line in table.splitlines()[2:]] == ["delay_ms", "loop_lateness_ms", "server:"]
