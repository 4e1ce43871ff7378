"""A real Redis Cluster of three nodes, which speak TLS too and among themselves."""

from __future__ import annotations

import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from redis.crc import key_slot

from tests.stream.conftest import START_TIMEOUT_S, RedisServer, find_free_port
from tests.stream.server.certificates import make_pair

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NODES = 3


class Cluster:
    """Three nodes, each with a third of the slots and no replica."""

    def __init__(self, nodes: list[RedisServer], tls_ports: list[int], authority: Path) -> None:
        self.nodes = nodes
        self._tls_ports = tls_ports
        self._authority = authority

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.nodes[0].port}/?cluster=true"

    def tls_url(self, credentials: str) -> str:
        address = f"{credentials}@127.0.0.1:{self._tls_ports[1]}"
        return f"rediss://{address}/?cluster=true&ssl_ca_certs={self._authority}"

    def form(self) -> None:
        addresses = [f"127.0.0.1:{port}" for port in self._tls_ports]
        command = ["redis-cli", "--tls", "--cacert", str(self._authority), "--cluster", "create", *addresses]
        subprocess.run([*command, "--cluster-yes"], check=True, capture_output=True, timeout=30)
        self.wait_until_whole()

    def wait_until_whole(self) -> None:
        """Wait until every node sees every slot served."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while not all("cluster_state:ok" in node.cli("cluster", "info") for node in self.nodes):
            assert time.monotonic() < deadline, "the cluster is not whole"
            time.sleep(0.02)

    def node_of(self, stream: str) -> RedisServer:
        """Return the node that serves a stream."""
        slot = key_slot(stream.encode())
        for line in self.nodes[0].cli("cluster", "nodes").splitlines():
            address, ranges = line.split()[1], line.split()[8:]
            for served in (each for each in ranges if not each.startswith("[")):
                first, _, last = served.partition("-")
                if int(first) <= slot <= int(last or first):
                    port = int(address.partition("@")[0].rpartition(":")[2])
                    return next(node for node in self.nodes if node.port == port)
        raise AssertionError(f"nobody serves slot {slot}")

    def migrate(self, stream: str, key: str) -> RedisServer:
        """Move a stream's slot to the next node, as a resharding does; returns that node."""
        slot = str(key_slot(stream.encode()))
        source = self.node_of(stream)
        next_index = (self.nodes.index(source) + 1) % NODES
        target = self.nodes[next_index]
        source_id, target_id = (node.cli("cluster", "myid") for node in (source, target))
        target.cli("cluster", "setslot", slot, "importing", source_id)
        source.cli("cluster", "setslot", slot, "migrating", target_id)
        source.cli("migrate", "127.0.0.1", str(self._tls_ports[next_index]), key, "0", "5000")
        for node in (target, source, *self.nodes):
            node.cli("cluster", "setslot", slot, "node", target_id)
        return target


@contextmanager
def cluster_in(folder: Path) -> Iterator[Cluster]:
    """Run a cluster while the context lasts."""
    pair = make_pair(folder)
    tls_ports = [find_free_port() for _ in range(NODES)]
    nodes = [_node(folder / str(port), port, pair.certificate, pair.private_key) for port in tls_ports]
    try:
        for node in nodes:
            node.start()
        cluster = Cluster(nodes, tls_ports, pair.certificate)
        cluster.form()
        yield cluster
    finally:
        for node in nodes:
            node.kill()


def _node(folder: Path, tls_port: int, certificate: Path, key: Path) -> RedisServer:
    folder.mkdir()
    return RedisServer(
        folder,
        *(
            "--cluster-enabled",
            "yes",
            "--cluster-port",
            str(find_free_port()),
            "--cluster-node-timeout",
            "2000",
        ),
        *("--tls-port", str(tls_port), "--tls-cluster", "yes", "--tls-auth-clients", "no"),
        *("--tls-ca-cert-file", str(certificate)),
        *("--tls-cert-file", str(certificate), "--tls-key-file", str(key)),
    )
