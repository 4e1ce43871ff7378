import pytest

from cmlstream.models.errors import ConfigurationError
from cmlstream.stream.own_token import VARIABLE, read_token

TOKEN = "a-token.of~sixteen"


def test_a_file_goes_before_the_environment(tmp_path, monkeypatch):
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    monkeypatch.setenv(VARIABLE, "another-token-of-some")
    assert read_token(path) == TOKEN
    assert read_token(None) == "another-token-of-some"
    monkeypatch.delenv(VARIABLE)
    assert read_token(None) is None


@pytest.mark.parametrize("content", [b"", b"short", b"with spaces in between", b"\xff\xfe" * 20, None])
def test_what_is_no_token_is_refused_without_showing_it(tmp_path, content):
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError) as raised:
        read_token(path)
    assert str(path) in str(raised.value)
    assert "between" not in str(raised.value)
