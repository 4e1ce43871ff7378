"""Real servers for the live program's tests: they start on a free port and end with the test."""

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

START_TIMEOUT_S = 10.0


class RedisServer:
    """A redis-server that can be killed, frozen and started again on its port, with what it was told kept."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.port = find_free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._command += ["--appendonly", "yes", "--appendfsync", "always", "--dir", str(directory), *options]
        self._log = directory / "log"

    def start(self) -> None:
        with self._log.open("a") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._accepts():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, "redis-server does not start"
            time.sleep(0.01)

    def kill(self) -> None:
        """End it as a crash would, with no chance to save."""
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Stop answering without closing anything."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def cli(self, *arguments: str) -> str:
        """Return what redis-cli prints; for what a test changes in the server."""
        command = ["redis-cli", "-p", str(self.port), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout.strip()

    def _accepts(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex(("127.0.0.1", self.port)) != 0:
                return False
            probe.sendall(b"PING\r\n")
            # While it reads its data back it answers -LOADING; with a password, -NOAUTH; with TLS, an alert.
            return not probe.recv(64).startswith(b"-LOADING")


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Find ports that nobody listens on."""
    return find_free_port


@pytest.fixture
def start_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., RedisServer]]:
    """Start redis-servers with options of the test's own."""
    servers = []

    def start(*options: str) -> RedisServer:
        server = RedisServer(tmp_path_factory.mktemp("redis"), *options)
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def redis_server(start_redis: Callable[..., RedisServer]) -> RedisServer:
    """Start a redis-server that keeps every write it has answered, even when killed."""
    return start_redis()
