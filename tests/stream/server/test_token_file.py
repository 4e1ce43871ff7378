import subprocess
import sys
from pathlib import Path
from shlex import split

import pytest

from cmlstream.models.errors import ConfigurationError
from cmlstream.stream.server.token_file import HOW_TO_MAKE_ONE, digest_of, read_tokens

GOOD = "0123456789abcdef"
GIVEN_AWAY = "Pa55-w0rd-of-nobody"


def entry(name: object = "kitchen", secret: object = GOOD, scopes: object = ("ingest",)) -> str:
    written = {
        "name": name,
        "secret": secret,
        "scopes": list(scopes) if isinstance(scopes, tuple) else scopes,
    }
    return "[[token]]\n" + "".join(f"{key} = {value!r}\n" for key, value in written.items())


def refused(tmp_path: Path, text: str) -> str:
    path = tmp_path / "tokens.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as error:
        read_tokens(path)
    # What a traceback would show counts too.
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__ or error.value.__context__ is None
    assert str(path) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("secret", [GOOD, "x" * 256, "AZaz09._~-AZaz09"])
def test_a_secret_has_16_to_256_of_the_characters_that_fit_a_subprotocol(tmp_path: Path, secret: str) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text(entry(secret=secret))
    [token] = read_tokens(path)
    assert token.digest == digest_of(secret)
    assert secret not in repr(token)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            entry(secret="short"),
            "the secret of token 1 must be 16 to 256 of A-Z a-z 0-9 . _ ~ -, as python -c",
        ),
        (entry(secret="x" * 257), "the secret of token 1 must be"),
        (entry(secret=GIVEN_AWAY + " "), "the secret of token 1 must be"),
        (entry(secret=GIVEN_AWAY + "\n"), "the secret of token 1 must be"),
        (entry(secret=GIVEN_AWAY + "="), "the secret of token 1 must be"),
        (entry(secret=1234567890123456), "the secret of token 1 must be"),
        (entry() + entry(name="a b", secret=GIVEN_AWAY), "the name of token 2 must be up to 64 letters"),
        (entry(name=""), "the name of token 1 must be"),
        (entry(scopes=()), "the scopes of token 1 must be a list of 'ingest' and 'events', or one of them"),
        (entry(scopes=("ingest", GIVEN_AWAY)), "the scopes of token 1 must be"),
        (entry(scopes="ingest"), "the scopes of token 1 must be"),
        (entry() + "secrets = 'x'\n", "token 1 has an unknown key: there are name, secret, scopes"),
        ("[[token]]\nname = 'a'\n", "token 1 has a key too few: there are name, secret, scopes"),
        ("", "it must hold [[token]] tables, at least one, and nothing else"),
        ("token = []\n", "it must hold [[token]] tables"),
        ("[token]\nname = 'a'\n", "it must hold [[token]] tables"),
        (entry() + "[tokens]\n", "it must hold [[token]] tables"),
        (entry() + entry(secret=GIVEN_AWAY), "has two tokens called 'kitchen': rename one"),
        (
            entry() + entry(name="hall"),
            "gives 'kitchen' and 'hall' the same secret: make another with python",
        ),
        (f"[[token]]\nsecret = {GIVEN_AWAY}\n", "is not TOML (at line 2, column"),
        (f"secret = '{GIVEN_AWAY}", "is not TOML (at"),
    ],
)
def test_a_file_that_cannot_be_used_is_explained_without_what_stands_in_it(
    tmp_path: Path, text: str, sentence: str
) -> None:
    said = refused(tmp_path, text)
    assert sentence in said
    assert GIVEN_AWAY not in said
    assert GOOD not in said


def test_text_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="is not TOML"):
        read_tokens(path)


def test_the_command_that_makes_secrets_makes_good_ones(tmp_path: Path) -> None:
    _, *arguments = split(HOW_TO_MAKE_ONE)
    made = subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True)
    path = tmp_path / "tokens.toml"
    path.write_text(entry(secret=made.stdout.strip()))
    assert len(read_tokens(path)) == 1


def test_only_a_file_that_everybody_may_read_is_warned_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text(entry())
    for mode, warnings in [(0o600, 0), (0o640, 0), (0o604, 1)]:
        caplog.clear()
        path.chmod(mode)
        read_tokens(path)
        assert len(caplog.records) == warnings, oct(mode)
