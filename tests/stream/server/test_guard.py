import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmlstream.models.errors import ConfigurationError
from cmlstream.stream.server.guard import (
    Guard,
    Origin,
    Protection,
    check_bind,
    parse_allowed_origins,
    parse_origin,
)

LOCAL = Guard("127.0.0.1", 8765)
EVERY_ADDRESS = str(ipaddress.IPv4Address(0))
OPEN = Guard(EVERY_ADDRESS, 8765)
PROXIED = Guard(
    "127.0.0.1", 8765, parse_allowed_origins(["https://affect.example.org", "http://tv.local:3000"])
)

names = st.from_regex(r"[a-z][a-z0-9-]{0,20}(\.[a-z][a-z0-9-]{0,20}){0,3}", fullmatch=True)
addresses = st.ip_addresses()
ports = st.integers(1, 65_535)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "localhost", "LocalHost", "::1"])
def test_loopback_needs_no_permission(host: str) -> None:
    check_bind(host, Protection())


@pytest.mark.parametrize(
    "host",
    [EVERY_ADDRESS, "::", "", "192.168.1.5", "example.org", "127.0.0.1.nip.io", "localhost.example.org"],
)
def test_any_other_address_is_refused_unless_protected_or_insecure(host: str) -> None:
    with pytest.raises(ConfigurationError, match="--insecure") as refused:
        check_bind(host, Protection())
    assert repr(host) in str(refused.value)
    check_bind(host, Protection(insecure=True))
    check_bind(host, Protection(tokens=True, encrypted=True))


@pytest.mark.parametrize(
    ("protection", "missing"),
    [
        (Protection(), "with --tokens and --certificate, or"),
        (Protection(tokens=True), "with --certificate, or"),
        (Protection(encrypted=True), "with --tokens, or"),
    ],
)
def test_half_a_protection_is_none_and_the_other_half_is_named(protection: Protection, missing: str) -> None:
    with pytest.raises(ConfigurationError, match=missing):
        check_bind("192.168.1.5", protection)


@given(addresses)
def test_an_address_is_bound_unasked_exactly_when_it_is_loopback(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if address.is_loopback:
        check_bind(str(address), Protection())
    else:
        with pytest.raises(ConfigurationError):
            check_bind(str(address), Protection())


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8765", "localhost:8765", "LOCALHOST:8765", "[::1]:8765", "127.1.2.3:8765"]
)
def test_requests_that_name_this_server_pass(host: str) -> None:
    assert LOCAL.refusal([host], []) is None
    assert LOCAL.refusal([host], [f"http://{host}"]) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8765",
        "localhost.evil.example:8765",
        "127.0.0.1.nip.io:8765",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1:8766",
        "127.0.0.1:99999",
        "127.0.0.1:",
        "user@127.0.0.1:8765",
        "127.0.0.1:8765,evil.example",
        "127.0.0.1:8765/",
        "[127.0.0.1]x:8765",
        "[::1:8765",
        "::1:8765",
        "0.0.0.0:8765",
        "2130706433:8765",
        "127.1:8765",
        "localhost\n:8765",
        "",
    ],
)
def test_requests_that_name_another_server_are_refused(host: str) -> None:
    refusal = LOCAL.refusal([host], [])
    assert refusal is not None
    assert "http://127.0.0.1:8765/" in refusal


@given(names, ports)
def test_no_name_but_localhost_can_be_rebound_to_us(name: str, port: int) -> None:
    refused = LOCAL.refusal([f"{name}:{port}"], []) is not None
    assert refused == (name != "localhost" or port != 8765)


@pytest.mark.parametrize("hosts", [[], ["127.0.0.1:8765", "127.0.0.1:8765"]])
def test_a_request_must_carry_one_host(hosts: list[str]) -> None:
    assert LOCAL.refusal(hosts, []) is not None


def test_two_origins_are_refused() -> None:
    assert LOCAL.refusal(["127.0.0.1:8765"], ["http://127.0.0.1:8765"] * 2) is not None


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://evil.example",
        "http://127.0.0.1",
        "http://127.0.0.1:3000",
        "https://127.0.0.1:8765",
        "http://localhost:8765",
        "http://127.0.0.1:8765/",
        "http://127.0.0.1:8765.evil.example",
        "http://evil.example@127.0.0.1:8765",
        "file://",
        "chrome-extension://abcdef",
    ],
)
def test_pages_of_another_origin_are_refused(origin: str) -> None:
    assert LOCAL.refusal(["127.0.0.1:8765"], [origin]) is not None


@given(st.sampled_from(["http", "https"]), names | addresses.map(str), ports)
def test_only_the_same_origin_passes(scheme: str, host: str, port: int) -> None:
    written = f"[{host}]" if ":" in host else host
    passes = LOCAL.refusal(["localhost:8765"], [f"{scheme}://{written}:{port}"]) is None
    assert passes == ((scheme, host, port) == ("http", "localhost", 8765))


@given(st.text(max_size=60), st.text(max_size=60))
def test_arbitrary_headers_are_refused_and_never_raise(host: str, origin: str) -> None:
    assert LOCAL.refusal([host], []) is not None
    assert LOCAL.refusal(["localhost:8765"], [origin]) is not None


def test_an_open_server_is_addressed_by_address_or_localhost_alone() -> None:
    assert OPEN.refusal(["192.168.1.5:8765"], ["http://192.168.1.5:8765"]) is None
    assert OPEN.refusal(["[fe80::1]:8765"], []) is None
    assert OPEN.refusal(["localhost:8765"], []) is None
    assert OPEN.refusal(["evil.example:8765"], ["http://evil.example:8765"]) is not None
    assert OPEN.refusal(["192.168.1.5:8765"], ["http://192.168.1.6:8765"]) is not None


def test_a_server_bound_to_a_name_or_address_answers_to_it() -> None:
    assert Guard("Workshop", 80).refusal(["workshop"], ["http://workshop"]) is None
    assert Guard("192.168.1.5", 8765).refusal(["192.168.1.5:8765"], []) is None
    assert Guard("192.168.1.5", 8765).refusal(["192.168.1.6:8765"], []) is not None


def test_over_tls_the_certificate_judges_the_name_and_the_origin_must_still_be_the_same() -> None:
    server = Guard(EVERY_ADDRESS, 8765, parse_allowed_origins(["http://tv.local:3000"]), "https")
    assert server.refusal(["affect.example.org:8765"], ["https://affect.example.org:8765"]) is None
    assert server.refusal(["affect.example.org"], ["https://affect.example.org"]) is None
    assert server.refusal(["affect.example.org:8765"], ["http://tv.local:3000"]) is None
    assert server.refusal(["affect.example.org:8765"], ["http://affect.example.org:8765"]) is not None
    assert server.refusal(["affect.example.org:8765"], ["https://evil.example:8765"]) is not None
    assert server.refusal(["affect.example.org:8765"], ["null"]) is not None
    assert server.refusal(["not a host"], []) is not None


def test_allowed_origins_may_come_directly_or_through_a_proxy() -> None:
    assert PROXIED.refusal(["127.0.0.1:8765"], ["http://tv.local:3000"]) is None
    assert PROXIED.refusal(["affect.example.org"], ["https://affect.example.org"]) is None
    assert PROXIED.refusal(["affect.example.org:443"], ["https://affect.example.org"]) is None
    assert PROXIED.refusal(["127.0.0.1:8765"], ["http://affect.example.org"]) is not None
    assert PROXIED.refusal(["affect.example.org:8765"], []) is not None


def test_origins_are_compared_as_browsers_do() -> None:
    assert parse_origin("https://Example.ORG") == Origin("https", "example.org", 443)
    assert parse_origin("http://[::1]:80") == Origin("http", "::1", 80)
    assert parse_origin("ws://example.org") is None
    assert parse_origin("http://[zz]") is None


def test_an_allowed_origin_must_be_one() -> None:
    with pytest.raises(ConfigurationError, match=r"'affect\.example\.org' is not of the form https://host"):
        parse_allowed_origins(["https://fine.example", "affect.example.org"])
