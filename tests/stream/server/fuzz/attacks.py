"""A grammar of ten thousand ways to misuse the server, each with what it may answer."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

from .hellos import HELLO, broken_hello, odd_hello, wrong_message
from .requests import wrong_request
from .wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Attack, Ending, frame, request

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

CONTROL_LIMIT = 125
MESSAGE_LIMIT = 65_536
"""What the server under test takes in one message."""
FOLLOWER_LIMIT = 1_024

REFUSED = frozenset({4400})
PROTOCOL_ERROR = frozenset({1002})
TOO_BIG = frozenset({1009})
GONE: frozenset[int | None] = frozenset({None})
LEFT: frozenset[int | None] = frozenset({None, 1000, 1005})
BAD_REQUEST: frozenset[int | None] = frozenset({200, 400, 403, 404, 405, 414, 426, 431, 505})
"""Some wrong requests are good ones for the page."""


class Grammar:
    """Makes attacks from chance alone: the same seed makes the same."""

    def __init__(self, random: Random, port: int) -> None:
        self._random = random
        self._port = port
        self._made = 0
        self._kinds: tuple[tuple[int, Callable[[], Attack]], ...] = (
            (22, self._broken_hello),
            (8, self._odd_hello),
            (14, self._wrong_message),
            (6, self._too_early),
            (4, self._after_the_end),
            (14, self._wrong_frame),
            (5, self._wrong_close),
            (3, self._wrong_control),
            (4, self._wrong_fragments),
            (2, self._too_big),
            (2, self._flood),
            (0.5, self._unread_pings),
            (6, self._odd_audio),
            (6, self._departure),
            (14, self._wrong_request),
            (3, self._noise),
            (4, self._rude_follower),
            (0.3, self._drip),
            (2, self._impatience),
            (0.2, self._silence),
        )

    def attack(self) -> Attack:
        """Return the next."""
        weights = [weight for weight, _ in self._kinds]
        (chosen,) = self._random.choices([kind for _, kind in self._kinds], weights)
        self._made += 1
        return chosen()

    # What is said

    def _hello(self, **fields: object) -> bytes:
        return json.dumps(HELLO | {"stream": f"attack-{self._made}"} | fields).encode()

    def _opened(self, name: str, *sent: bytes, answers: frozenset[int | None], **how: object) -> Attack:
        """Return an attack on an open websocket; often its frames come in one piece, as from one packet."""
        frames = sent if self._random.random() < 0.5 else (b"".join(sent),)
        return Attack(name, request(self._port), answers, frames, **how)  # type: ignore[arg-type]

    def _greeted(self, name: str, *sent: bytes, answers: frozenset[int | None], **how: object) -> Attack:
        return self._opened(name, frame(TEXT, self._hello()), *sent, answers=answers, **how)

    def _broken_hello(self) -> Attack:
        return self._opened("a broken hello", frame(TEXT, broken_hello(self._random)), answers=REFUSED)

    def _odd_hello(self) -> Attack:
        said = frame(TEXT, odd_hello(self._random))
        return self._opened(
            "an odd hello", said, answers=REFUSED | LEFT | {4409, 4415}, ending=Ending.HALF_CLOSE
        )

    def _wrong_message(self) -> Attack:
        said = frame(TEXT, wrong_message(self._random))
        return self._greeted("a wrong message", *self._some_audio(), said, answers=REFUSED)

    def _too_early(self) -> Attack:
        opcode = self._random.choice((TEXT, BINARY))
        said = self._random.choice(
            (b'{"type": "end"}', b'{"type": "skip", "samples": 9}', b'{"type": "new_speaker"}')
        )
        return self._opened("something before hello", frame(opcode, said), answers=REFUSED)

    def _after_the_end(self) -> Attack:
        said = self._random.choice(
            (
                frame(BINARY, bytes(640)),
                frame(TEXT, b'{"type": "end"}'),
                frame(TEXT, b'{"type": "skip", "samples": 9}'),
            )
        )
        return self._greeted(
            "something after the end", *self._some_audio(), frame(TEXT, b'{"type": "end"}'), said,
            answers=REFUSED | {1000},
        )  # fmt: skip

    def _some_audio(self) -> list[bytes]:
        return [frame(BINARY, self._random.randbytes(640)) for _ in range(self._random.randrange(3))]

    # How it is framed

    def _wrong_frame(self) -> Attack:
        payload = self._random.randbytes(self._random.choice((0, 1, 2, 125, 126, 700)))
        opcode = self._random.choice((TEXT, BINARY, PING))
        wrong = self._random.choice(
            (
                frame(self._random.choice((3, 4, 5, 6, 7, 11, 12, 13, 14, 15)), payload),
                frame(opcode, payload[:125], reserved=self._random.randint(1, 7)),
                frame(opcode, payload[:125], masked=False),
                frame(CONTINUATION, payload),
                frame(opcode, b"", claimed=2**63 + self._random.randrange(2**62), wide=8),
            )
        )
        answers = PROTOCOL_ERROR | TOO_BIG
        opened = self._random.choice((self._opened, self._greeted))
        return opened("a wrong frame", wrong, answers=answers)

    def _wrong_close(self) -> Attack:
        payload = self._random.choice(
            (
                b"\x03",
                *(
                    struct.pack("!H", code)
                    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535)
                ),
                struct.pack("!H", 1000) + b"\xff\xfe",
                struct.pack("!H", 1000) + b"\xed\xa0\x80",
            )
        )
        opened = self._random.choice((self._opened, self._greeted))
        return opened("a wrong close", frame(CLOSE, payload), answers=PROTOCOL_ERROR | {1007})

    def _wrong_control(self) -> Attack:
        opcode = self._random.choice((CLOSE, PING, PONG))
        wrong = self._random.choice(
            (
                frame(opcode, bytes(self._random.randint(CONTROL_LIMIT + 1, 9_000))),
                frame(opcode, b"", final=False),
            )
        )
        return self._greeted("a wrong control frame", wrong, answers=PROTOCOL_ERROR)

    def _wrong_fragments(self) -> Attack:
        opcode = self._random.choice((TEXT, BINARY))
        begun = [frame(opcode, b"{", final=False)]
        begun += [frame(CONTINUATION, b" ", final=False) for _ in range(self._random.randrange(50))]
        begun += [frame(PING, b"still here")] * self._random.randrange(3)
        return self._greeted(
            "a message within a message", *begun, frame(opcode, b"}"), answers=PROTOCOL_ERROR
        )

    def _too_big(self) -> Attack:
        size = self._random.randint(MESSAGE_LIMIT + 1, 3 * MESSAGE_LIMIT)
        part = MESSAGE_LIMIT // self._random.randint(2, 9)
        fragments = [frame(TEXT, b" " * part, final=False)]
        fragments += [frame(CONTINUATION, b" " * part, final=False)] * 11
        sent = self._random.choice(
            (
                [frame(self._random.choice((TEXT, BINARY)), bytes(size))],
                [frame(BINARY, b"", claimed=size, wide=8)],
                fragments,
            )
        )
        # Whoever is closed while it goes on sending may find the connection reset before it reads why.
        return self._opened("too big a message", *sent, answers=TOO_BIG | {None})

    def _flood(self) -> Attack:
        count = self._random.randint(500, 3_000)
        flood = self._random.choice(
            (
                frame(TEXT, b'{"type": "new_speaker"}') * count,
                frame(TEXT, b'{"type": "skip", "samples": 1}') * count,
                (frame(TEXT, b'{"type": "skip", "samples": 1}') + frame(TEXT, b'{"type": "new_speaker"}'))
                * count,
                (frame(BINARY, b"\0\0") + frame(TEXT, b'{"type": "skip", "samples": 1}')) * count,
                frame(BINARY, b"\x01") * count,
                frame(BINARY) * count,
                frame(PING, bytes(125)) * count,
                frame(PONG) * count,
                frame(TEXT, b"{", final=False) + frame(CONTINUATION, final=False) * 10 * count,
                frame(BINARY, final=False) + frame(CONTINUATION, final=False) * 10 * count,
                frame(TEXT, b"{") * count,
                frame(BINARY, bytes(60_000)) * 40,
            )
        )
        return self._greeted(
            "a flood", flood, answers=REFUSED | LEFT | {4429}, ending=Ending.HALF_CLOSE
        )  # fmt: skip

    def _unread_pings(self) -> Attack:
        pings = frame(PING, self._random.randbytes(CONTROL_LIMIT)) * 1_000
        opened = self._random.choice((self._opened, self._greeted))
        return opened("unread pings", *[pings] * 10, answers=GONE | {4429}, deaf=True)

    def _odd_audio(self) -> Attack:
        hello = self._hello(
            format=self._random.choice(("pcm_s16le", "pcm_f32le", "mulaw")),
            rate=self._random.choice((8_000, 11_025, 44_100, 192_000)),
            channels=self._random.choice((1, 2, 7, 64)),
        )
        # Short of what the voice activity takes for speech: how much audio a server bears is another test's.
        values = struct.pack("<4f", float("nan"), float("inf"), -1e38, 1e-45) * self._random.randint(1, 60)
        sent = [frame(BINARY, values[self._random.randrange(9) :]) for _ in range(self._random.randint(1, 4))]
        return self._opened(
            "odd audio", frame(TEXT, hello), *sent, frame(TEXT, b'{"type": "end"}'), answers=frozenset({1000})
        )

    def _departure(self) -> Attack:
        """Return a good conversation that ends in the middle of a byte, a frame or a word."""
        whole = (
            request(self._port) + frame(TEXT, self._hello()) + frame(BINARY, self._random.randbytes(640)) * 5
        )
        cut = whole[: self._random.randrange(len(whole))]
        ending = self._random.choice((Ending.ABORT, Ending.HALF_CLOSE))
        return Attack("a departure", cut, LEFT | {400}, ending=ending)

    # How it is asked for

    def _wrong_request(self) -> Attack:
        asked = wrong_request(self._random, self._port)
        return Attack("a wrong request", asked, BAD_REQUEST | GONE, ending=Ending.HALF_CLOSE)

    def _noise(self) -> Attack:
        noise = self._random.randbytes(self._random.choice((1, 10, 1_000, 20_000)))
        if self._random.random() < 0.3:
            noise = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + noise  # as TLS begins
        return Attack("noise", noise, GONE | {400}, ending=Ending.HALF_CLOSE)

    def _rude_follower(self) -> Attack:
        good = request(self._port, "/v1/events?stream=nobody")
        sent, answers = self._random.choice(
            (
                (frame(TEXT, bytes(FOLLOWER_LIMIT + 1)), TOO_BIG),
                (frame(BINARY, bytes(9_000)), TOO_BIG),
                (frame(TEXT, b"\xff\xfe"), frozenset({1007})),
                (frame(TEXT, b"x", masked=False), PROTOCOL_ERROR),
                (frame(5, b"x"), PROTOCOL_ERROR),
                (frame(CONTINUATION, b"x"), PROTOCOL_ERROR),
                (frame(TEXT, b"keep alive") * 300 + frame(CLOSE, b"\x03\xe8"), frozenset({1000})),
                (frame(PING, b"x") * 300 + frame(CLOSE), frozenset({1005, 1000})),
            )
        )
        return Attack("a rude follower", good, answers, (sent,))

    # How long it takes

    def _drip(self) -> Attack:
        size = self._random.choice((1, 3, 9))
        said = frame(TEXT, b"{" * 20)
        frames = tuple(said[at : at + size] for at in range(0, len(said), size))
        # A byte at a time may outlast the second that the server gives for a hello.
        return Attack("a drip", request(self._port), REFUSED | {4408}, frames, pause_s=0.03)

    def _impatience(self) -> Attack:
        """Return what does not wait for the websocket to be opened, which the standard demands."""
        said = frame(TEXT, self._hello()) + self._random.choice(
            (frame(TEXT, b"{"), frame(TEXT, b"x", masked=False))
        )
        return Attack(
            "impatience", request(self._port) + said, REFUSED | GONE | {1002, 4408}, ending=Ending.HALF_CLOSE
        )

    def _silence(self) -> Attack:
        said = self._random.choice(
            ([], [frame(TEXT, self._hello())], [frame(PING, b"", claimed=CONTROL_LIMIT + 1, wide=2)])
        )
        return self._opened("silence", *said, answers=frozenset({4408}))
