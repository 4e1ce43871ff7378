"""Who may send and who may follow: secrets that clients present, and what each opens.

A client shows its secret in one of two places, never in a URL, which servers and browsers write down:

- `Authorization: Bearer SECRET`, where it can set headers;
- the websocket subprotocols `cmlstream.v1, bearer.SECRET`, where it is a browser, which cannot. The server
  answers with `cmlstream.v1`.

A sender may also put it into its hello.
"""

from __future__ import annotations

import hmac
import logging
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from websockets.exceptions import InvalidHeader
from websockets.headers import parse_subprotocol
from websockets.typing import Subprotocol

from cmlstream.models.errors import ConfigurationError

from .token_file import Scope, Token, digest_of, read_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from websockets.asyncio.server import ServerConnection
    from websockets.datastructures import Headers

__all__ = ["SUBPROTOCOL", "Grant", "Scope", "Tokens", "presented", "select_subprotocol"]

SUBPROTOCOL: Final = Subprotocol("cmlstream.v1")
BEARER_PREFIX = "bearer."
_AUTHORIZATION = re.compile(r"bearer +(?P<secret>[!-~]+) *", re.IGNORECASE)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Grant:
    """What whoever presented a token may do. One object for as long as the file holds that very token."""

    name: str
    """The token's, which is no secret: what is counted per token is counted under it."""
    scopes: frozenset[Scope]


class Tokens(ABC):
    """All that is granted to anybody."""

    @staticmethod
    def load(path: Path) -> Tokens:
        """Return the tokens in the TOML file at `path` (see token_file.py); blocks.

        Raises ConfigurationError, which quotes no secret, where the file cannot be used.
        """
        return _FileOfTokens(path)

    @staticmethod
    def none() -> Tokens:
        """Return what stands for no tokens at all: everybody may do everything."""
        return _NoTokens()

    @property
    @abstractmethod
    def open_to_all(self) -> bool:
        """Whether everything is granted to everybody, whatever they present."""

    @abstractmethod
    def grant_for(self, secret: str | None) -> Grant | None:
        """Return what `secret` opens; None where it is no token's, or where none was presented."""

    @abstractmethod
    def holds(self, grant: Grant) -> bool:
        """Return whether a grant given earlier still stands, after `reload` may have read others."""

    @abstractmethod
    def reload(self) -> None:
        """Read the file anew; blocks. Where it cannot be used the tokens stay, and the log says why."""


class _NoTokens(Tokens):
    open_to_all = True
    _everything = Grant("anyone", frozenset(Scope))

    def grant_for(self, secret: str | None) -> Grant | None:
        return self._everything

    def holds(self, grant: Grant) -> bool:
        return grant is self._everything

    def reload(self) -> None:
        """Nothing can have changed."""


class _FileOfTokens(Tokens):
    open_to_all = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._grants = {token: _grant(token) for token in read_tokens(path)}

    def __repr__(self) -> str:
        return f"Tokens({str(self._path)!r})"

    def grant_for(self, secret: str | None) -> Grant | None:
        """Compare with every token, found or not: how long it takes tells nothing about any of them."""
        if secret is None:
            return None
        presented_digest = digest_of(secret)
        found = None
        for token, grant in self._grants.items():
            if hmac.compare_digest(token.digest, presented_digest):
                found = grant
        return found

    def holds(self, grant: Grant) -> bool:
        return any(grant is held for held in self._grants.values())

    def reload(self) -> None:
        try:
            read = read_tokens(self._path)
        except ConfigurationError as error:
            _log.error("%s The tokens read before stay in force.", error)
            return
        # Set at once: the loop may be asking while a thread of ours reads.
        self._grants = {token: self._grants.get(token) or _grant(token) for token in read}
        _log.info("Read %d tokens from %s", len(read), self._path)


def _grant(token: Token) -> Grant:
    return Grant(token.name, token.scopes)


def presented(headers: Headers) -> str | None:
    """Return the secret in a request's headers; None where there is none, or one that is not well formed."""
    authorizations = headers.get_all("Authorization")
    if authorizations:
        match = _AUTHORIZATION.fullmatch(authorizations[0]) if len(authorizations) == 1 else None
        return match["secret"] if match else None
    bearers = [one for one in _offered(headers) if one.startswith(BEARER_PREFIX)]
    return bearers[0].removeprefix(BEARER_PREFIX) if len(bearers) == 1 else None


def select_subprotocol(_connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Choose what to answer a handshake with: for `websockets.serve`. The secret is never sent back."""
    return SUBPROTOCOL if SUBPROTOCOL in offered else None


def _offered(headers: Headers) -> list[Subprotocol]:
    try:
        return [one for text in headers.get_all("Sec-WebSocket-Protocol") for one in parse_subprotocol(text)]
    except InvalidHeader:
        return []
