import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmlstream.stream.redact import without_secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("redis://user@host/0", "redis://***@host/0"),
        ("redis://:secret@host/0", "redis://***@host/0"),
        ("redis://user:s/e#c@r:et@host/0", "redis://***@host/0"),
        ("redis://user:se?cret@host/0", "redis://***"),
        ("redis://host/0?password=secret", "redis://host/0?***"),
        ("srt://host:9000?passphrase=sec@ret", "srt://***"),
        ("embedded", "embedded"),
        ("mic:a@b?c", "mic:a@b?c"),
        ("", ""),
    ],
)
def test_of_a_url_only_what_is_no_secret_is_left(text, shown):
    assert without_secrets(text) == shown


@given(st.text(min_size=1), st.text(), st.sampled_from(["", "/0", "/0?a=b"]))
def test_no_part_of_any_password_is_left(user, password, rest):
    left = without_secrets(f"redis://{user}:<{password}>@host{rest}")
    assert "<" not in left
    assert ">" not in left
