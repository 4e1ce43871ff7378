"""What a sender may say that makes no sense."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

HELLO: dict[str, Any] = {
    "type": "hello",
    "stream": "attack",
    "format": "pcm_s16le",
    "rate": 16_000,
    "channels": 1,
}

NAMES = (
    "",
    "a" * 1_000,
    "../../etc/passwd",
    "a/b",
    "a b",
    "{a}",
    "a}:events",
    "<script>alert(1)</script>",
    "a\nb",
    "a\0b",
    "näh",
    "\u202e",
    "*",
    "%2e%2e",
    "-" * 200,
)
VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1.5, 1e308, -(2**63), 2**63, 2**64, 10**400),
    *("", "x", "16000", "\ud800", "\0", "a" * 5_000),
    *([], {}, [[]], {"a": None}, [1, 2, 3]),
)
NO_JSON = (
    b"",
    b" ",
    b"{",
    b"}",
    b"[]",
    b"null",
    b"0",
    b'"hello"',
    b"hello",
    b"{'type': 'hello'}",
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\0}\0",
    b'{"type": "hello", "stream": "\xff"}',
    b'{"type": "hello", "stream": "\xed\xa0\x80"}',
    b'{"type": "hello", "stream": "\\ud800"}',
    b'{"type": "hello", "stream": "a", "rate": NaN}',
    b'{"type": "hello", "stream": "a", "rate": 1e999}',
    b'{"type": "hello", "stream": "a",}',
    b'{"type": "hello", "stream": "a"}{"type": "end"}',
    b'{"type": "hello"' + b" " * 60_000,
    b"[" * 60_000,
    b'{"type":' * 7_000,
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    b'{"type": "hello", "stream": ' + b"9" * 60_000 + b"}",
    b'{"type": "hello", "stream": "' + b"\\" * 50_001 + b'"}',
    bytes(range(256)),
)
OTHER_TYPES = ("ready", "ack", "summary", "error", "HELLO", "hello ", "", "__class__", None, 1, ["hello"])


def broken_hello(random: Random) -> bytes:
    """Return what is certainly no hello."""
    return random.choice((_no_json, _wrong_value, _wrong_field, _other_type, _cut))(random)


def odd_hello(random: Random) -> bytes:
    """Return a hello in which some bytes were changed: most are broken, some are not."""
    said = bytearray(json.dumps(HELLO).encode())
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(said))
        match random.randrange(4):
            case 0:
                said[at] = random.randrange(256)
            case 1:
                del said[at]
            case 2:
                said.insert(at, random.randrange(256))
            case 3:
                said[at:at] = said[at : at + random.randint(1, 20)]
    return bytes(said)


def wrong_message(random: Random) -> bytes:
    """Return what is no message once hello was said."""
    return random.choice(
        (
            _no_json,
            _other_type,
            lambda _: json.dumps(HELLO).encode(),
            lambda one: _said(
                "skip", samples=one.choice([0, -1, 2**41, 2**63, 2**64, 1.5, "1", None, [], True])
            ),
            lambda _: _said("skip"),
            lambda one: _said(one.choice(["end", "new_speaker"]), samples=1),
            lambda _: _said("skip", samples=1, more=1),
            lambda _: _said("skip", samples=2**40),
        )
    )(random)


def _said(type_: object, **fields: object) -> bytes:
    return json.dumps({"type": type_, **fields}).encode()


def _no_json(random: Random) -> bytes:
    return random.choice(NO_JSON)


def _wrong_value(random: Random) -> bytes:
    fields = {
        "stream": NAMES + tuple(value for value in VALUES if not isinstance(value, str)),
        "format": ("", "mp3", "PCM_S16LE", "pcm_s16be", *(v for v in VALUES)),
        "rate": (7_999, 192_001, 44_100.5, *(v for v in VALUES)),
        "channels": (65, 10**9, *(v for v in VALUES)),
        "channel": (65, *(v for v in VALUES if v is not None)),
        "token": ("a" * 513, *(v for v in VALUES if v is not None and not isinstance(v, str))),
        "session": ("a" * 129, *(v for v in VALUES if v is not None and not isinstance(v, str))),
    }
    name = random.choice(list(fields))
    return json.dumps(HELLO | {name: random.choice(fields[name])}).encode()


def _wrong_field(random: Random) -> bytes:
    field = random.choice(["Stream", "stream ", "__proto__", "secret", "x" * 9_000, ""])
    return json.dumps(HELLO | {field: random.choice(VALUES)}).encode()


def _other_type(random: Random) -> bytes:
    return _said(random.choice(OTHER_TYPES), stream="attack")


def _cut(random: Random) -> bytes:
    whole = json.dumps(HELLO).encode()
    return whole[: random.randrange(len(whole))]
