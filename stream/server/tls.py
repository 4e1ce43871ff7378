"""TLS: the server's certificate and its key, which can be renewed while it runs."""

from __future__ import annotations

import logging
import ssl
from typing import TYPE_CHECKING

from cmlstream.models.errors import ConfigurationError

from .files import read_public, read_secret

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)


class Certificate:
    """A certificate, the chain that vouches for it, and its key, in PEM files.

    `context` is what to listen with. OpenSSL forbids changing a context that another thread may be shaking
    hands with, so `reload` makes another, to which each new handshake is switched.

    Args:
        certificate: the file with the certificate, those that vouch for it behind it.
        private_key: the file with its key, where the first file does not hold it.

    Raises:
        ConfigurationError: a file cannot be read, is not PEM, or the key belongs to another certificate.

    """

    def __init__(self, certificate: Path, private_key: Path | None = None) -> None:
        self._certificate = certificate
        self._private_key = private_key
        self._newest = self.context = _context(certificate, private_key)
        self.context.sni_callback = self._switch

    def reload(self) -> None:
        """Read the files anew; blocks. Where they cannot be used the old ones stay, and the log says why."""
        try:
            self._newest = _context(self._certificate, self._private_key)
        except ConfigurationError as error:
            _log.error("%s The certificate read before stays in use.", error)
        else:
            _log.info("Read the certificate %s", self._certificate)

    def _switch(
        self, handshake: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _first: ssl.SSLContext
    ) -> None:
        handshake.context = self._newest


def _context(certificate: Path, private_key: Path | None) -> ssl.SSLContext:
    key = private_key or certificate
    # OpenSSL would not say which of the two files it could not read.
    read_public(certificate, "certificate")
    read_secret(key, "private key")
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        made.load_cert_chain(certificate, private_key, password=_ask_nobody)
    except ssl.SSLError as error:
        raise ConfigurationError(_explain(error, certificate, key)) from error
    except _EncryptedError as error:
        raise ConfigurationError(
            f"The private key {key} is encrypted: give one without a passphrase, which nobody else may read."
        ) from error
    return made


class _EncryptedError(Exception):
    """The key wants a passphrase."""


def _ask_nobody() -> str:
    """Keep OpenSSL from asking for a passphrase at the terminal."""
    raise _EncryptedError


def _explain(error: ssl.SSLError, certificate: Path, key: Path) -> str:
    if error.reason:
        return (
            f"The private key {key} does not belong to the certificate {certificate} ({error.reason}): "
            "give the two that were made together."
        )
    return (
        f"The certificate {certificate} or the private key {key} is not in PEM: "
        "the first must hold BEGIN CERTIFICATE, the second BEGIN PRIVATE KEY."
    )
