from __future__ import annotations

import asyncio
import logging
import traceback
from typing import TYPE_CHECKING

import pytest

from cmlstream.models.errors import ServiceError
from cmlstream.stream.redis_client import PERMISSIONS, REPLY_TIMEOUT_S
from cmlstream.stream.sinks.redis import RedisSink
from tests.stream.redis_publishing import (
    affect,
    entries,
    identifiers,
    publish,
    publishing,
    run,
)
from tests.stream.server.certificates import make_pair

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.stream.conftest import RedisServer


def refusal(url: str) -> str:
    """What `connect` says; however it is shown, it must not show the password."""

    async def connect() -> None:
        sink = RedisSink(url)
        assert "geheim" not in repr(sink)
        await sink.connect()

    with pytest.raises(ServiceError) as raised:
        run(connect())
    shown = "".join(traceback.format_exception(raised.value))
    assert not any(secret in shown for secret in ("geheim", "wort"))
    return str(raised.value)


def test_a_port_without_redis_is_refused(redis_server: RedisServer) -> None:
    redis_server.kill()
    assert f"Redis at 127.0.0.1:{redis_server.port} cannot be reached: check" in refusal(redis_server.url)


def test_a_wrong_password_is_refused_and_never_shown(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    redis_server.cli("config", "set", "requirepass", "another")
    at = f"127.0.0.1:{redis_server.port}"
    for credentials in (":geheim%2Fwort@", "someone:geheim%2Fwort@", ""):
        assert f"Redis at {at} refuses the user name or password, or demands them" in refusal(
            f"redis://{credentials}{at}"
        )
    assert "geheim" not in caplog.text


def test_the_right_password_of_a_user_with_the_permissions_we_name_is_enough(
    start_redis: Callable[..., RedisServer],
) -> None:
    server = start_redis()
    server.cli("acl", "setuser", "publisher", "on", ">right", *PERMISSIONS.split())

    async def check() -> None:
        async with publishing(f"redis://publisher:right@127.0.0.1:{server.port}") as sink:
            await sink.publish(affect(1))
        assert [name for name, _ in await entries(server.url)] == identifiers(1, 1)

    run(check())


def test_a_user_without_permission_is_told_what_to_ask_for(redis_server: RedisServer) -> None:
    redis_server.cli("acl", "setuser", "reader", "on", ">geheim/wort", "~*", "+get", "+client")
    assert (
        "does not permit this user all that is needed: its administrator must grant ~cmlstream:*"
        in refusal(f"redis://reader:geheim%2Fwort@127.0.0.1:{redis_server.port}")
    )


def test_a_read_only_replica_is_refused_at_the_start(redis_server: RedisServer) -> None:
    redis_server.cli("replicaof", "127.0.0.1", "1")
    assert "is a read-only replica: name its primary" in refusal(redis_server.url)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:geheim@host/",
        "geheim",
        "",
        "redis://:geheim/wort@127.0.0.1:6379",
        "redis://:geheim@127.0.0.1:port",
        "redis://127.0.0.1:6379/?unheard_of=geheim",
        "redis://:geheim@127.0.0.1:6379/?socket_timeout=wort",
    ],
)
def test_what_is_no_redis_url_is_refused_without_repeating_it(url: str) -> None:
    assert "the Redis URL must look like redis://" in refusal(url)


@pytest.mark.parametrize(
    ("scheme", "said"), [("redis", "does not speak as Redis does"), ("rediss", "does not speak TLS")]
)
def test_what_does_not_speak_redis_is_refused(scheme: str, said: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async def check() -> None:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(ServiceError, match=said):
                await RedisSink(f"{scheme}://127.0.0.1:{port}").connect()

    run(check())


def test_what_accepts_but_never_answers_is_refused(redis_server: RedisServer) -> None:
    redis_server.freeze()
    assert f"does not answer within {REPLY_TIMEOUT_S:g} s: check host and port" in refusal(redis_server.url)


def test_tls_works_and_its_mistakes_are_named(
    redis_server: RedisServer, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    pair, port = make_pair(tmp_path), str(free_port())
    certificate, key = str(pair.certificate), str(pair.private_key)
    redis_server.cli("config", "set", "tls-cert-file", certificate, "tls-key-file", key)
    redis_server.cli("config", "set", "tls-auth-clients", "no", "tls-port", port)

    async def check() -> None:
        async with publishing(f"rediss://127.0.0.1:{port}/?ssl_ca_certs={certificate}") as sink:
            await publish(sink, 1, 3)
        assert len(await entries(redis_server.url)) == 3

    run(check())
    assert "certificate that cannot be verified" in refusal(f"rediss://127.0.0.1:{port}")
    assert "whether it speaks TLS (rediss://)" in refusal(f"redis://127.0.0.1:{port}")
    assert "or not (redis://)" in refusal(f"rediss://127.0.0.1:{redis_server.port}")
