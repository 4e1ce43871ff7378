import hmac
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed

from cmlstream.models.errors import ConfigurationError
from cmlstream.stream.server import tokens as module
from cmlstream.stream.server.tokens import Scope, Tokens, presented
from cmlstream.stream.sinks.hub import Hub
from tests.stream.serving import Address, publish, read, run, serving, until
from tests.stream.synthetic import SyntheticSession

SENDER = "sender-secret-0123456789"
FOLLOWER = "follower-secret-987654"
BOTH = "of.both~scopes_at-once"


def entry(name: str, secret: str, *scopes: str) -> str:
    return f'[[token]]\nname = "{name}"\nsecret = "{secret}"\nscopes = {list(scopes)}\n'


THREE = (
    entry("kitchen", SENDER, "ingest")
    + entry("wall", FOLLOWER, "events")
    + entry("all", BOTH, "ingest", "events")
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tokens.toml"
    path.write_text(THREE)
    path.chmod(0o600)
    return path


def test_each_secret_opens_what_its_token_says(path: Path) -> None:
    tokens = Tokens.load(path)
    assert not tokens.open_to_all
    granted = {secret: tokens.grant_for(secret) for secret in (SENDER, FOLLOWER, BOTH)}
    assert {secret: grant and (grant.name, grant.scopes) for secret, grant in granted.items()} == {
        SENDER: ("kitchen", {Scope.INGEST}),
        FOLLOWER: ("wall", {Scope.EVENTS}),
        BOTH: ("all", {Scope.INGEST, Scope.EVENTS}),
    }


@pytest.mark.parametrize(
    "secret", [None, "", SENDER[:-1], SENDER + "x", SENDER.upper(), "kitchen", "\0", "ü" * 16, "\udc80"]
)
def test_anything_else_opens_nothing(path: Path, secret: str | None) -> None:
    assert Tokens.load(path).grant_for(secret) is None


def test_without_tokens_everybody_may_do_everything() -> None:
    tokens = Tokens.none()
    grant = tokens.grant_for(None)
    assert tokens.open_to_all
    assert grant is not None
    assert grant.scopes == set(Scope)
    assert tokens.grant_for("anything") is grant
    tokens.reload()
    assert tokens.holds(grant)


@pytest.mark.parametrize("secret", [SENDER, FOLLOWER, BOTH, "none of these at all"])
def test_every_token_is_compared_whole_and_in_constant_time_wherever_the_right_one_stands(
    path: Path, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = Tokens.load(path)
    lengths = []

    def counted(one: bytes, other: bytes) -> bool:
        lengths.append((len(one), len(other)))
        return hmac.compare_digest(one, other)

    class Counted:
        compare_digest = staticmethod(counted)

    monkeypatch.setattr(module, "hmac", Counted)
    tokens.grant_for(secret)
    assert lengths == [(32, 32)] * 3


def test_tokens_are_rotated_without_losing_what_still_stands(path: Path) -> None:
    tokens = Tokens.load(path)
    kept, dropped, changed = (tokens.grant_for(secret) for secret in (SENDER, FOLLOWER, BOTH))
    assert kept
    assert dropped
    assert changed
    path.write_text(
        entry("new", "brand-new-secret-42", "events")
        + entry("kitchen", SENDER, "ingest")
        + entry("all", BOTH, "events")
    )
    assert tokens.grant_for("brand-new-secret-42") is None
    tokens.reload()
    assert tokens.grant_for("brand-new-secret-42") is not None
    assert tokens.grant_for(FOLLOWER) is None
    assert tokens.grant_for(SENDER) is kept
    assert tokens.holds(kept)
    assert not tokens.holds(dropped)
    assert not tokens.holds(changed)


@pytest.mark.parametrize("text", ["", "not TOML", entry("a", "short", "events"), THREE * 2])
def test_a_bad_file_leaves_the_old_tokens_in_force_and_says_so_once(
    path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = Tokens.load(path)
    grant = tokens.grant_for(SENDER)
    assert grant
    path.write_text(text)
    tokens.reload()
    path.unlink()
    tokens.reload()
    assert tokens.grant_for(SENDER) is grant
    assert tokens.holds(grant)
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(said) == 2
    assert all(one.endswith("The tokens read before stay in force.") for one in said)
    assert "cannot be read (No such file or directory)" in said[1]


def test_no_secret_shows_in_a_representation_or_a_log(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = Tokens.load(path)
    path.chmod(0o644)
    tokens.reload()
    shown = f"{tokens!r} {tokens.grant_for(SENDER)!r} {vars(tokens)!r} {caplog.text}"
    assert not any(secret in shown for secret in (SENDER, FOLLOWER, BOTH))
    assert "chmod o-r" in caplog.text


def headers(*fields: tuple[str, str]) -> Headers:
    return Headers(fields)


@pytest.mark.parametrize(
    ("fields", "secret"),
    [
        ([("Authorization", f"Bearer {SENDER}")], SENDER),
        ([("Authorization", f"bearer   {SENDER} ")], SENDER),
        ([("authorization", f"BEARER {BOTH}")], BOTH),
        ([("Sec-WebSocket-Protocol", f"cmlstream.v1, bearer.{BOTH}")], BOTH),
        ([("Sec-WebSocket-Protocol", "cmlstream.v1"), ("Sec-WebSocket-Protocol", f"bearer.{BOTH}")], BOTH),
        ([("Authorization", f"Bearer {SENDER}"), ("Sec-WebSocket-Protocol", f"bearer.{BOTH}")], SENDER),
        ([], None),
        ([("Authorization", SENDER)], None),
        ([("Authorization", "Bearer")], None),
        ([("Authorization", "Bearer ")], None),
        ([("Authorization", f"Basic {SENDER}")], None),
        ([("Authorization", f"Bearer {SENDER} {BOTH}")], None),
        ([("Authorization", f"Bearer {SENDER}")] * 2, None),
        ([("Authorization", "nothing"), ("Sec-WebSocket-Protocol", f"bearer.{BOTH}")], None),
        ([("Sec-WebSocket-Protocol", f"bearer.{SENDER}, bearer.{BOTH}")], None),
        ([("Sec-WebSocket-Protocol", "cmlstream.v1")], None),
        ([("Sec-WebSocket-Protocol", "bearer.a b")], None),
        ([("Cookie", f"token={SENDER}")], None),
    ],
)
def test_a_secret_is_read_from_two_places_and_no_other(
    fields: list[tuple[str, str]], secret: str | None
) -> None:
    assert presented(headers(*fields)) == secret


latin = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40)


@given(latin, latin)
def test_arbitrary_headers_never_raise(authorization: str, protocol: str) -> None:
    presented(headers(("Sec-WebSocket-Protocol", protocol)))
    presented(headers(("Authorization", authorization), ("Sec-WebSocket-Protocol", protocol)))


async def follow(address: Address, hub: Hub, **options: object) -> str | None:
    """Follow one event; return the subprotocol that the server chose."""
    async with connect(address.events_url, proxy=None, **options) as client:  # type: ignore[arg-type]
        await until(lambda: hub.subscribers == 1)
        await publish(hub, SyntheticSession().updates(1))
        assert len(await read(client, 1)) == 1
        return client.subprotocol


async def turned_away(address: Address, **options: object) -> tuple[int, str]:
    """Return the code and the reason that a follower is closed with."""
    async with connect(address.events_url, proxy=None, **options) as client:  # type: ignore[arg-type]
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


def test_programs_and_browsers_present_their_secrets_to_a_real_server(path: Path) -> None:
    async def check() -> None:
        hub = Hub()
        async with serving(hub, tokens=Tokens.load(path)) as address:
            bearer = {"Authorization": f"Bearer {FOLLOWER}"}
            assert await follow(address, hub, additional_headers=bearer) is None
            offered = ["cmlstream.v1", f"bearer.{FOLLOWER}"]
            assert await follow(address, hub, subprotocols=offered) == "cmlstream.v1"
            assert await turned_away(address) == (4401, "unauthorized")
            assert await turned_away(address, subprotocols=["cmlstream.v1"]) == (4401, "unauthorized")
            wrong = {"Authorization": f"Bearer {SENDER}"}
            assert await turned_away(address, additional_headers=wrong) == (4403, "forbidden")

    run(check())


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"token file .* cannot be read \(No such file"):
        Tokens.load(tmp_path / "tokens.toml")
