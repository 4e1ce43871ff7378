import pytest

from cmlstream.models.errors import InputError

from .hearing import source_at


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("gopher://example.org/1", "gopher://example.org/1 is a URL that cannot be listened to: use one of"),
        ("file:///tmp/a.wav", "or the path of a file"),
        ("http:///talk.mp3", "is no complete URL: write http://HOST:PORT/PATH"),
        ("http://example.org:99999/", "is malformed: check its host and its port"),
        ("http://[::1/", "is malformed"),
        ("rtsp://user:hush@/1", "rtsp:///1 is no complete URL"),
        ("tcp://host:1/a\nb", "is no complete URL"),
    ],
)
def test_what_is_no_usable_url_is_refused_at_once(url, sentence):
    with pytest.raises(InputError) as raised:
        source_at(url)
    assert sentence in str(raised.value)
    assert "hush" not in str(raised.value)
