"""Tokens and certificates of a real `cmlstream serve`, rotated by real signals while clients stay."""

import asyncio
import re
import signal
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.stream.server.certificates import Pair, make_pair
from tests.stream.serving import run

OLD, NEW, KEPT = "old-secret-0123456789", "new-secret-0123456789", "kept-secret-012345678"


def write_tokens(path: Path, **secrets: str) -> None:
    tables = (
        f'[[token]]\nname = "{name}"\nsecret = "{secret}"\nscopes = ["events"]\n'
        for name, secret in secrets.items()
    )
    path.write_text("".join(tables))


class Served:
    """A running server, what it says on standard error, and its files."""

    def __init__(self, process: subprocess.Popen[bytes], pair: Pair, tokens: Path) -> None:
        self.process = process
        self.pair = pair
        self.tokens = tokens
        self.said = ""
        self.events_url = self.wait_for(r"wss://\S+")
        self.wait_for("AI Act")

    def wait_for(self, pattern: str) -> str:
        """Read on until `pattern` comes and return it."""
        assert self.process.stderr is not None
        for line in iter(self.process.stderr.readline, b""):
            self.said += line.decode()
            if found := re.search(pattern, line.decode()):
                return found[0]
        raise AssertionError(f"ended before it said {pattern}: {self.said}")

    async def rotate(self, *said: str) -> None:
        self.process.send_signal(signal.SIGHUP)
        for pattern in said:
            await asyncio.to_thread(self.wait_for, pattern)

    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.pair.certificate))

    def follow(self, secret: str, trusted: ssl.SSLContext) -> connect:
        headers = {"Authorization": f"Bearer {secret}"}
        return connect(self.events_url, ssl=trusted, additional_headers=headers, proxy=None)

    async def fetch(self, path: str, trusted: ssl.SSLContext) -> str:
        port = int(self.events_url.split(":")[2].split("/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusted)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        answer = (await reader.read()).decode()
        writer.close()
        return answer


@pytest.fixture
def served(start_program: Callable[..., subprocess.Popen[bytes]], tmp_path: Path) -> Served:
    pair, tokens = make_pair(tmp_path), tmp_path / "tokens.toml"
    tokens.touch(0o600)
    write_tokens(tokens, kept=KEPT, old=OLD)
    process = start_program(
        *("--log-level", "info", "serve", "--port", "0", "--tokens", tokens),
        *("--certificate", pair.certificate, "--private-key", pair.private_key),
    )
    return Served(process, pair, tokens)


async def closing(client: ClientConnection) -> int | None:
    """Return the code with which the server closes."""
    with pytest.raises(ConnectionClosed) as closed:
        await client.recv()
    return closed.value.rcvd and closed.value.rcvd.code


async def is_open(client: ClientConnection) -> bool:
    await (await client.ping())
    return True


def test_tokens_and_certificate_are_rotated_by_sighup_while_the_server_goes_on(served: Served) -> None:
    async def check() -> None:
        first = served.trusting()
        async with served.follow(KEPT, first) as kept, served.follow(OLD, first) as withdrawn:
            assert await is_open(kept)
            assert await is_open(withdrawn)
            async with served.follow(NEW, first) as stranger:
                assert await closing(stranger) == 4401
            write_tokens(served.tokens, kept=KEPT, new=NEW)
            make_pair(served.pair.certificate.parent)
            await served.rotate("Read 2 tokens", "Read the certificate")
            assert await closing(withdrawn) == 4401
            assert await is_open(kept)
            with pytest.raises(ssl.SSLCertVerificationError):
                await served.fetch("/healthz", first)
            second = served.trusting()
            async with served.follow(NEW, second) as newcomer:
                assert await is_open(newcomer)
            served.tokens.write_text("[[token]]\n")
            served.pair.private_key.write_text("junk")
            await served.rotate("tokens read before stay in force", "certificate read before stays in use")
            async with served.follow(NEW, second) as newcomer, served.follow(OLD, second) as stranger:
                assert await is_open(newcomer)
                assert await closing(stranger) == 4401
            metrics = await served.fetch("/metrics", second)
            assert metrics.startswith("HTTP/1.1 200")
            assert 'cmlstream_refusals_total{code="unauthorized"} 3.0' in metrics
            assert "cmlstream_subscribers 1.0" in metrics
            served.process.send_signal(signal.SIGTERM)
            assert await closing(kept) == 1001

    run(check())
    remainder = served.process.communicate(timeout=30)[1].decode()
    assert served.process.returncode == 0, remainder
    assert not any(secret in served.said + remainder for secret in (OLD, NEW, KEPT))
