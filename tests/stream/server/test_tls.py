import asyncio
import ipaddress
import logging
import ssl
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from cmlstream.models.errors import ConfigurationError
from cmlstream.stream.server.tls import Certificate
from cmlstream.stream.server.tokens import Tokens
from cmlstream.stream.sinks.hub import Hub
from tests.stream.server.certificates import Pair, make_pair, openssl
from tests.stream.serving import publish, read, run, serving, until
from tests.stream.synthetic import SyntheticSession

EVERY_ADDRESS = str(ipaddress.IPv4Address(0))


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return make_pair(tmp_path)


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


async def shake_hands(port: int, trusted: ssl.SSLContext) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusted, server_hostname="localhost")
    writer.close()
    await writer.wait_closed()


def test_events_are_followed_over_tls_by_whoever_trusts_the_certificate(pair: Pair) -> None:
    async def check() -> None:
        hub, session = Hub(), SyntheticSession()
        certificate = Certificate(pair.certificate, pair.private_key)
        async with serving(hub, certificate=certificate) as address:
            assert address.page_url == f"https://127.0.0.1:{address.port}/"
            async with connect(
                address.events_url,
                ssl=trusting(pair.certificate),
                origin=f"https://127.0.0.1:{address.port}",
                proxy=None,
            ) as client:
                await until(lambda: hub.subscribers == 1)
                await publish(hub, session.updates(2))
                assert [event.seq for event in await read(client, 2)] == [1, 2]
            with pytest.raises(ssl.SSLCertVerificationError):
                await shake_hands(address.port, ssl.create_default_context())

    run(check())


def test_a_client_without_tls_gets_no_answer_and_harms_nobody(pair: Pair) -> None:
    async def check() -> None:
        async with serving(Hub(), certificate=Certificate(pair.certificate, pair.private_key)) as address:
            reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"HTTP" not in await reader.read()
            writer.close()
            await shake_hands(address.port, trusting(pair.certificate))

    run(check())


def test_a_renewed_certificate_is_used_from_the_next_handshake_on(pair: Pair, tmp_path: Path) -> None:
    async def check() -> None:
        certificate = Certificate(pair.certificate, pair.private_key)
        old = trusting(pair.certificate)
        hub, session = Hub(), SyntheticSession()
        async with (
            serving(hub, certificate=certificate) as address,
            connect(address.events_url, ssl=old, proxy=None) as client,
        ):
            await until(lambda: hub.subscribers == 1)
            make_pair(tmp_path)
            await shake_hands(address.port, old)
            await asyncio.to_thread(certificate.reload)
            with pytest.raises(ssl.SSLCertVerificationError):
                await shake_hands(address.port, old)
            await shake_hands(address.port, trusting(pair.certificate))
            await publish(hub, session.updates(1))
            assert [event.seq for event in await read(client, 1)] == [1]

    run(check())


def test_a_bad_renewal_is_logged_and_changes_nothing(
    pair: Pair, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def check() -> None:
        certificate = Certificate(pair.certificate, pair.private_key)
        trusted = trusting(pair.certificate)
        pair.private_key.write_bytes(make_pair(tmp_path, "other").private_key.read_bytes())
        async with serving(Hub(), certificate=certificate) as address:
            await asyncio.to_thread(certificate.reload)
            await shake_hands(address.port, trusted)

    run(check())
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "does not belong to the certificate" in record.getMessage()
    assert "read before stays in use" in record.getMessage()


def test_who_connects_and_stays_silent_does_not_hold_up_the_end(pair: Pair) -> None:
    async def check() -> None:
        certificate = Certificate(pair.certificate, pair.private_key)
        async with asyncio.timeout(30), serving(Hub(), certificate=certificate) as address:
            _, silent = await asyncio.open_connection("127.0.0.1", address.port)
            await shake_hands(address.port, trusting(pair.certificate))
        silent.close()

    run(check())


def test_every_address_may_be_listened_on_with_tokens_and_tls_together(pair: Pair, tmp_path: Path) -> None:
    file = tmp_path / "tokens.toml"
    file.write_text('[[token]]\nname = "a"\nsecret = "0123456789abcdef"\nscopes = ["events"]\n')
    tokens, certificate = Tokens.load(file), Certificate(pair.certificate, pair.private_key)

    async def check() -> None:
        async with serving(Hub(), host=EVERY_ADDRESS, tokens=tokens, certificate=certificate) as address:
            await shake_hands(address.port, trusting(pair.certificate))
        for half in ({"tokens": tokens}, {"certificate": certificate}):
            with pytest.raises(ConfigurationError, match="can be reached from other machines"):
                async with serving(Hub(), host=EVERY_ADDRESS, **half):
                    pass

    run(check())


def test_only_current_versions_of_tls_are_spoken(pair: Pair) -> None:
    context = Certificate(pair.certificate, pair.private_key).context
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_the_key_may_be_in_the_file_of_the_certificate(pair: Pair) -> None:
    pair.certificate.write_bytes(pair.certificate.read_bytes() + pair.private_key.read_bytes())
    Certificate(pair.certificate)


def test_each_file_that_cannot_be_used_is_named_with_what_to_do(pair: Pair, tmp_path: Path) -> None:
    other = make_pair(tmp_path, "other")
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    encrypted = tmp_path / "encrypted.key"
    openssl("ec", "-in", str(pair.private_key), "-aes128", "-passout", "pass:abcd", "-out", str(encrypted))
    missing = tmp_path / "missing.pem"
    for certificate, key, sentence in [
        (missing, pair.private_key, rf"certificate {missing} cannot be read \(No such file"),
        (pair.certificate, missing, rf"private key {missing} cannot be read \(No such file"),
        (tmp_path, pair.private_key, r"cannot be read \(Is a directory\)"),
        (pair.certificate, other.private_key, f"{other.private_key} does not belong to the certificate"),
        (junk, pair.private_key, f"{junk} or the private key .* is not in PEM"),
        (pair.certificate, junk, f"the private key {junk} is not in PEM"),
        (pair.certificate, None, "is not in PEM: the first must hold BEGIN CERTIFICATE"),
        (pair.certificate, encrypted, f"private key {encrypted} is encrypted: give one without a passphrase"),
    ]:
        with pytest.raises(ConfigurationError, match=sentence):
            Certificate(certificate, key)


def test_a_key_that_everybody_may_read_is_warned_about(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    Certificate(pair.certificate, pair.private_key)
    assert not caplog.records
    pair.private_key.chmod(0o644)
    Certificate(pair.certificate, pair.private_key)
    [record] = caplog.records
    assert f"chmod o-r {pair.private_key}" in record.getMessage()
