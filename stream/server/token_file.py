"""The file of tokens: TOML tables of a name, a secret and what it opens.

    [[token]]
    name = "kitchen"
    secret = "..."              # python -c "import secrets; print(secrets.token_urlsafe(32))"
    scopes = ["ingest"]         # or "events", or both

Only digests of the secrets are kept, and nothing here quotes the file's values.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from cmlstream.models.errors import ConfigurationError

from .files import read_secret

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

HOW_TO_MAKE_ONE = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'
"""The command that makes one."""


class Scope(Enum):
    """What a token opens."""

    INGEST = "ingest"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Token:
    """One entry of the file."""

    name: str
    scopes: frozenset[Scope]
    digest: bytes = field(repr=False)


def digest_of(secret: str) -> bytes:
    """Return what stands for a secret wherever it is kept or compared: always 32 bytes."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def read_tokens(path: Path) -> tuple[Token, ...]:
    """Return the tokens in the file at `path`; blocks.

    Raises:
        ConfigurationError: it cannot be read, is not as described above, or holds a name or secret twice.

    """
    text = read_secret(path, "token file")
    try:
        written = msgspec.convert(tomllib.loads(text.decode()), _File).token
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        # Without its cause: a traceback of either holds the whole file.
        raise ConfigurationError(f"The token file {path} is not TOML{_position(error)}.") from None
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"The token file {path}: {_explain(error)}.") from None
    tokens = tuple(Token(one.name, frozenset(one.scopes), digest_of(one.secret)) for one in written)
    _refuse_repeats(path, tokens)
    return tokens


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$(?!\n)")]
    secret: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._~-]{16,256}$(?!\n)")]
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1)]

    def __repr__(self) -> str:
        return f"_Entry(name={self.name!r})"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: Annotated[tuple[_Entry, ...], Meta(min_length=1)]


_WANTED = {
    "name": "up to 64 letters, digits, dots, dashes and underscores, the first a letter or digit",
    "secret": f"16 to 256 of A-Z a-z 0-9 . _ ~ -, as {HOW_TO_MAKE_ONE} makes them",
    "scopes": f"a list of {' and '.join(repr(scope.value) for scope in Scope)}, or one of them",
}


def _explain(error: msgspec.ValidationError) -> str:
    """Say what is wrong and where; msgspec ends its messages with "- at `$.token[0].secret`"."""
    reason, _, place = str(error).partition(" - at `$")
    where = re.match(r"\.token\[(\d+)\](?:\.(\w+))?", place)
    if where is None:
        return "it must hold [[token]] tables, at least one, and nothing else"
    number = f"token {int(where[1]) + 1}"
    if where[2]:
        return f"the {where[2]} of {number} must be {_WANTED[where[2]]}"
    found = "an unknown key" if "unknown field" in reason else "a key too few"
    return f"{number} has {found}: there are {', '.join(_Entry.__struct_fields__)}, all three needed"


def _position(error: Exception) -> str:
    """Return where a file stops being TOML, without what stands there."""
    position = re.search(r" \(at (?:line \d+, column \d+|end of document)\)", str(error))
    return position[0] if position else ""


def _refuse_repeats(path: Path, tokens: Iterable[Token]) -> None:
    by_name: Counter[str] = Counter()
    by_digest: dict[bytes, str] = {}
    for token in tokens:
        by_name[token.name] += 1
        if by_name[token.name] > 1:
            raise ConfigurationError(
                f"The token file {path} has two tokens called {token.name!r}: rename one."
            )
        if token.digest in by_digest:
            other = by_digest[token.digest]
            raise ConfigurationError(
                f"The token file {path} gives {other!r} and {token.name!r} the same secret: "
                f"make another with {HOW_TO_MAKE_ONE}."
            )
        by_digest[token.digest] = token.name
