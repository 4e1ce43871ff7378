"""Against a real cluster of three nodes, which the tests share: each has streams of its own."""

from __future__ import annotations

import asyncio
import gc
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import RedisCluster

from cmlstream.models.errors import ServiceError
from cmlstream.stream.redis_client import PERMISSIONS
from cmlstream.stream.redis_keys import stream_keys
from cmlstream.stream.redis_log import RedisLog
from cmlstream.stream.selection import Since
from cmlstream.stream.sinks.redis import RedisSink
from tests.stream.redis_cluster import cluster_in
from tests.stream.redis_publishing import identifiers, message, publishing, run, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from cmlstream.stream.redis_log import Entry
    from tests.stream.conftest import RedisServer
    from tests.stream.redis_cluster import Cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster_in(tmp_path_factory.mktemp("cluster")) as running:
        yield running


async def logged(cluster: Cluster, stream: str) -> list[str]:
    async with RedisCluster.from_url(cluster.url.partition("?")[0]) as client:
        return [name.decode() for name, _ in await client.xrange(stream_keys(stream)[0])]


async def collect(entries: AsyncIterator[Entry], count: int) -> dict[str, list[int]]:
    """Return the numbers of the next entries, by stream."""
    found: dict[str, list[int]] = {}
    async with asyncio.timeout(40):
        for _ in range(count):
            entry = await anext(entries)
            found.setdefault(entry.stream, []).append(entry.position.seq)
    return found


def numbers(streams: list[str], last: int) -> dict[str, list[int]]:
    return {stream: list(range(1, last + 1)) for stream in streams}


@asynccontextmanager
async def publishing_and_following(
    url: str, *options: Any
) -> AsyncIterator[tuple[RedisSink, AsyncIterator[Entry]]]:
    async with publishing(url) as sink, RedisLog(url) as log, aclosing(log.follow(*options)) as entries:
        yield sink, entries


def away(sink: RedisSink) -> Callable[[], Awaitable[bool]]:
    async def condition() -> bool:
        return sink.away

    return condition


def back(sink: RedisSink) -> Callable[[], Awaitable[bool]]:
    async def condition() -> bool:
        return not sink.away

    return condition


def hold(nodes: dict[str, RedisServer], count: int) -> Callable[[], Awaitable[bool]]:
    """Ask each stream's node itself, since a client of the cluster may ask one that hangs."""

    async def condition() -> bool:
        return all(int(node.cli("xlen", stream_keys(stream)[0])) == count for stream, node in nodes.items())

    return condition


async def publish(sink: RedisSink, streams: list[str], first: int, last: int) -> None:
    """Publish at a pace, so that much is on its way whatever happens meanwhile."""
    for seq in range(first, last + 1):
        for stream in streams:
            await sink.publish(message(seq, stream=stream))
        await asyncio.sleep(0.002)


def test_streams_spread_over_the_shards_and_each_keeps_its_order(cluster: Cluster) -> None:
    streams = [f"spread-{number}" for number in range(24)]

    async def check() -> None:
        async with publishing_and_following(cluster.url) as (sink, entries):
            told = asyncio.ensure_future(collect(entries, 24 * 40))
            await publish(sink, streams, 1, 40)
            assert await told == numbers(streams, 40)
        async with RedisLog(cluster.url) as log, aclosing(log.read(streams[0], after_seq=38)) as rest:
            assert [entry.position.seq async for entry in rest] == [39, 40]
            assert set(await log.streams()) >= set(streams)
        assert sink.skipped_events == 0
        for stream in streams:
            assert await logged(cluster, stream) == identifiers(1, 40)

    run(check())
    assert {cluster.node_of(stream).port for stream in streams} == {node.port for node in cluster.nodes}


def test_a_node_that_hangs_holds_up_no_stream_of_the_others(cluster: Cluster) -> None:
    streams = [f"hanging-{number}" for number in range(12)]

    async def check() -> None:
        async with publishing(cluster.url, spool_events=60) as sink:
            await publish(sink, streams, 1, 1)
            nodes = {stream: cluster.node_of(stream) for stream in streams}
            hung = nodes[streams[0]]
            healthy = {stream: node for stream, node in nodes.items() if node is not hung}
            assert healthy
            hung.freeze()
            try:
                await publish(sink, streams, 2, 200)
                await until(hold(healthy, 200))
                assert sink.away
            finally:
                hung.thaw()
            await until(back(sink))
            await publish(sink, streams, 201, 210)
        for stream in healthy:
            assert await logged(cluster, stream) == identifiers(1, 210)
        for stream in nodes.keys() - healthy.keys():
            found = await logged(cluster, stream)
            assert len(found) == len(set(found))
            assert found[-1:] == identifiers(210, 210)

    for node in cluster.nodes:
        # Otherwise the others too stop serving, once they have seen that one is missing.
        node.cli("config", "set", "cluster-require-full-coverage", "no")
    run(check())
    for node in cluster.nodes:
        node.cli("config", "set", "cluster-require-full-coverage", "yes")
    cluster.wait_until_whole()


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_when_nodes_are_killed_under_load(cluster: Cluster) -> None:
    streams = [f"killed-{number}" for number in range(9)]

    async def check() -> None:
        async with publishing_and_following(cluster.url, streams, Since(0)) as (sink, entries):
            await publish(sink, streams, 1, 1)
            assert await collect(entries, 9) == numbers(streams, 1)
            told = asyncio.ensure_future(collect(entries, 9 * 399))
            for turn, node in enumerate(cluster.nodes):
                publishing_on = asyncio.create_task(publish(sink, streams, 100 * turn + 2, 100 * turn + 101))
                node.kill()
                await until(away(sink))
                await asyncio.to_thread(node.start)
                await asyncio.to_thread(cluster.wait_until_whole)
                await publishing_on
            await publish(sink, streams, 302, 400)
            assert await told == {stream: list(range(2, 401)) for stream in streams}
        assert sink.skipped_events == 0
        for stream in streams:
            assert await logged(cluster, stream) == identifiers(1, 400)

    run(check())


def test_a_stream_that_moves_to_another_node_goes_on(cluster: Cluster) -> None:
    streams = ["moving", "staying"]

    async def check() -> None:
        async with publishing_and_following(cluster.url, streams, Since(0)) as (sink, entries):
            told = asyncio.ensure_future(collect(entries, 2 * 600))
            publishing_on = asyncio.create_task(publish(sink, streams, 1, 600))
            before = cluster.node_of("moving")
            after = await asyncio.to_thread(cluster.migrate, "moving", stream_keys("moving")[0])
            assert after is not before
            await publishing_on
            assert await told == numbers(streams, 600)
        assert sink.skipped_events == 0
        assert await logged(cluster, "moving") == identifiers(1, 600)

    run(check())
    assert int(cluster.node_of("moving").cli("xlen", stream_keys("moving")[0])) == 600


# A loop that ends with a TLS connection still parting leaves its socket to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_user_with_the_permissions_we_name_publishes_and_reads_over_tls(cluster: Cluster) -> None:
    for node in cluster.nodes:
        node.cli("acl", "setuser", "publisher", "on", ">right", *PERMISSIONS.split())
    url = cluster.tls_url("publisher:right")
    streams = [f"secret-{number}" for number in range(6)]

    async def check() -> None:
        async with publishing_and_following(url, streams, Since(0)) as (sink, entries):
            await publish(sink, streams, 1, 5)
            assert await collect(entries, 30) == numbers(streams, 5)

    run(check())
    assert refusal(cluster.tls_url("publisher:geheim")).startswith("Redis at 127.0.0.1:")
    assert "refuses the user name or password" in refusal(cluster.tls_url("publisher:geheim"))
    assert "certificate that cannot be verified" in refusal(url.partition("&")[0])
    gc.collect()


def test_what_is_no_cluster_and_what_is_one_are_told_apart(
    cluster: Cluster, redis_server: RedisServer
) -> None:
    assert "is not a cluster: leave ?cluster=true out" in refusal(f"{redis_server.url}?cluster=true")
    # The script's keys lie on one node, the registry on another: one of the three refuses.
    assert "is one node of a cluster: write ?cluster=true" in " ".join(
        refusal(f"redis://127.0.0.1:{node.port}") for node in cluster.nodes
    )
    redis_server.kill()
    assert "cannot be reached" in refusal(f"{redis_server.url}?cluster=true")


@pytest.mark.parametrize(
    "url",
    ["redis://:geheim@host/1?cluster=true", "unix:///geheim?cluster=true", "redis://geheim?cluster=wort"],
)
def test_what_no_cluster_can_be_reached_by_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ServiceError, match="must look like redis://") as raised:
        RedisSink(url)
    assert "geheim" not in str(raised.value)


def refusal(url: str) -> str:
    async def connect() -> None:
        await RedisSink(url).connect()

    with pytest.raises(ServiceError) as raised:
        run(connect())
    assert "geheim" not in str(raised.value)
    return str(raised.value)
