import pytest

from cmlstream.stream.client.address import is_redis, parse_server

ENDPOINT = "/v1/events"


@pytest.mark.parametrize(
    ("url", "opened"),
    [
        ("ws://host:8765", "ws://host:8765/v1/events"),
        ("ws://host/", "ws://host:80/v1/events"),
        ("http://host:8765/", "ws://host:8765/v1/events"),
        ("https://host", "wss://host:443/v1/events"),
        ("WSS://Host/affect/", "wss://host:443/affect/v1/events"),
        ("wss://host/v1/events?stream=a&since=3", "wss://host:443/v1/events?stream=a&since=3"),
        ("ws://[::1]:8765", "ws://[::1]:8765/v1/events"),
    ],
)
def test_the_endpoint_is_found_from_what_people_have(url: str, opened: str) -> None:
    assert parse_server(url, ENDPOINT).url() == opened


def test_parameters_are_added_to_those_of_the_url_and_escaped() -> None:
    address = parse_server("ws://host/v1/events?stream=a", ENDPOINT)
    assert address.url((("since", "s&1:2"),)).endswith("?stream=a&since=s%261:2")


def test_no_proxy_leads_to_this_machine() -> None:
    assert parse_server("ws://localhost:1", ENDPOINT).is_loopback
    assert not parse_server("ws://example.org", ENDPOINT).is_loopback


@pytest.mark.parametrize(
    ("url", "expected"), [("rediss://h", True), ("REDIS://h", True), ("ws://redis", False)]
)
def test_a_redis_is_told_from_a_server(url: str, expected: bool) -> None:
    assert is_redis(url) is expected
