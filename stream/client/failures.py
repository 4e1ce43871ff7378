"""Why a websocket could not be opened or was closed, and whether trying again can help."""

from __future__ import annotations

import socket
import ssl

from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    WebSocketException,
)

from cmlstream.models.errors import ServiceError
from cmlstream.stream.ingest import Refusal
from cmlstream.stream.plain import plain

Failure = WebSocketException | OSError
FAILURES = (WebSocketException, OSError)
"""What opening, reading and writing a websocket raise; TimeoutError is an OSError."""

_HANGS_UP = "the server hangs up: check whether it speaks TLS (wss://) or not (ws://)"
_MISMATCHES = frozenset({62, 64})
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH of OpenSSL."""
_OTHER_NAME = "write a name in the address that the certificate holds, or have it issued for this one"
_OTHER_AUTHORITY = "name its authority in the environment variable SSL_CERT_FILE"
_TRANSIENT_STATUS = frozenset({408, 425, 429})
_UNAUTHORIZED = "give a token that it knows (CMLSTREAM_TOKEN, or --token-file)"
_FORBIDDEN = "give a token that may do this"
_REMEDIES = {401: _UNAUTHORIZED, 4401: _UNAUTHORIZED, 4403: _FORBIDDEN}


class ConnectionLost(Exception):  # noqa: N818 - it is no error: another attempt follows
    """The connection is gone and worth another attempt; the message says why, for people."""


class Unreachable(ConnectionLost):
    """There was no answer at all."""


def judge(failure: Failure, server: str) -> ConnectionLost | ServiceError:
    """Return what to raise for `failure`: whether to try again, or that the same would be answered.

    `server` is its name for people. The sentence holds what the server said, in plain ASCII, and no secret.
    """
    match failure:
        case ConnectionClosed():
            return _closed(failure, server)
        case InvalidStatus():
            return _status(failure, server)
        case ssl.SSLCertVerificationError():
            remedy = _OTHER_NAME if failure.verify_code in _MISMATCHES else _OTHER_AUTHORITY
            reason = failure.verify_message.removesuffix(".")
            return ServiceError(
                f"The certificate of the server {server} cannot be verified ({reason}): {remedy}."
            )
        case ssl.SSLError():
            return ServiceError(f"The server {server} does not speak TLS: write ws:// in place of wss://.")
        case InvalidMessage() if isinstance(failure.__cause__, EOFError):
            return ConnectionLost(_HANGS_UP)
        case InvalidHandshake():
            return ServiceError(
                f"The server {server} does not answer as a websocket does: check host and port, and whether "
                "it speaks TLS (wss://) or not (ws://)."
            )
    return Unreachable(_unreachable(failure))


def _unreachable(failure: Failure) -> str:
    match failure:
        case socket.gaierror():
            return "the host's name cannot be resolved"
        case TimeoutError():
            return "the server does not answer"
        case ConnectionRefusedError():
            return "nobody listens there"
        case ConnectionResetError() | ConnectionAbortedError() | BrokenPipeError():
            return _HANGS_UP
        case OSError(strerror=str() as reason):
            return f"no connection ({reason})"
        case _:
            return "no connection"


def _closed(failure: ConnectionClosed, server: str) -> ConnectionLost | ServiceError:
    if failure.rcvd is None:
        if failure.sent is not None and failure.sent.code == Refusal.MESSAGE_TOO_BIG.close_code:
            return ServiceError(f"The server {server} sends longer messages than this program takes.")
        return ConnectionLost("the line is cut")
    code, said = failure.rcvd.code, plain(failure.rcvd.reason)
    if any(refusal.close_code == code and refusal.is_final for refusal in Refusal):
        return _refused(server, said, code)
    return ConnectionLost(said or f"the server closed the connection with {code}")


def _status(failure: InvalidStatus, server: str) -> ConnectionLost | ServiceError:
    response = failure.response
    said = plain((response.body or b"").decode(errors="replace").partition("\n")[0])
    if response.status_code < 500 and response.status_code not in _TRANSIENT_STATUS:
        return _refused(server, said, response.status_code)
    return ConnectionLost(said or f"the server answers {response.status_code}")


def _refused(server: str, said: str, code: int) -> ServiceError:
    reason = said.removesuffix(".") or f"it answers {code}"
    remedy = _REMEDIES.get(code)
    return ServiceError(f"The server {server} refuses: {reason}{f'; {remedy}' if remedy else ''}.")
