import tomllib

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from cmlstream.stream.config import load, read
from cmlstream.stream.settings import ListenSettings, ServeSettings
from cmlstream.stream.shown import shown


def read_back(kind, text, tmp_path):
    path = tmp_path / "shown.toml"
    path.write_text(text)
    return load(kind, path, {}, {})


def test_what_is_shown_can_be_read_back(tmp_path):
    for kind in (ListenSettings, ServeSettings):
        configuration = read(kind, None, {}, {})
        assert read_back(kind, shown(configuration), tmp_path) == configuration.settings


def test_every_option_is_shown_with_where_it_came_from(tmp_path):
    path = tmp_path / "cmlstream.toml"
    path.write_text(
        'window_s = 2.0\nallowed_origins = ["https://a.example"]\n[voice_activity.gate]\nfall_ms = 90\n'
    )
    environment = {"CMLSTREAM_LIMITS__STREAMS": "5", "CMLSTREAM_TOKENS": "/etc/tokens.toml"}
    configuration = read(ServeSettings, path, environment, {"port": 9000, "insecure": True})
    text = shown(configuration)
    lines = text.splitlines()
    assert 'host = "127.0.0.1"  # default' in lines
    assert "port = 9000  # command line" in lines
    assert "insecure = true  # command line" in lines
    assert f"window_s = 2.0  # {path}" in lines
    assert f'allowed_origins = ["https://a.example"]  # {path}' in lines
    assert "streams = 5  # CMLSTREAM_LIMITS__STREAMS" in lines
    assert 'tokens = "/etc/tokens.toml"  # CMLSTREAM_TOKENS' in lines
    assert "#record =  # default" in lines
    assert f"fall_ms = 90  # {path}" in lines
    assert read_back(ServeSettings, text, tmp_path) == configuration.settings
    assigned = [line.removeprefix("#").partition(" =")[0] for line in lines if " =" in line]
    assert sorted(assigned) == sorted(names(msgspec.to_builtins(ServeSettings())))


def names(table):
    for name, value in table.items():
        yield from names(value) if isinstance(value, dict) else [name]


def test_secrets_are_hidden():
    overrides = {"redis": "rediss://user:hunter2@redis.example:6380/0?ssl_ca_certs=/ca.pem&password=hunter2"}
    text = shown(read(ServeSettings, None, {}, overrides))
    assert "hunter2" not in text
    assert 'redis = "rediss://***@redis.example:6380/0?***"  # command line' in text.splitlines()
    text = shown(read(ListenSettings, None, {}, {"source": "rtsp://user:hunter2@camera.example/live"}))
    assert 'source = "rtsp://***@camera.example/live"  # command line' in text.splitlines()


@given(st.text())
def test_any_text_is_written_as_toml_reads_it(text):
    configuration = read(ServeSettings, None, {}, {"record": text.replace("://", ":")})
    assert tomllib.loads(shown(configuration))["record"] == configuration.settings.record
