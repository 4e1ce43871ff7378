import pytest

from cmlstream.models.errors import ConfigurationError
from cmlstream.stream.config import load
from cmlstream.stream.settings import ListenSettings


def written(tmp_path, text):
    path = tmp_path / "cmlstream.toml"
    path.write_text(text)
    return path


def test_without_a_file_the_defaults_hold():
    assert load(None, {}) == ListenSettings()


def test_the_command_line_wins_over_the_file(tmp_path):
    path = written(tmp_path, 'port = 9000\nstream = "desk"\n[voice_activity]\nhangover_ms = 500\n')
    settings = load(path, {"port": 9001})
    assert (settings.port, settings.stream) == (9001, "desk")
    assert settings.voice_activity.hangover_ms == 500


def test_an_unknown_option_is_named_with_those_there_are(tmp_path):
    with pytest.raises(ConfigurationError, match="no option `prot`: choose among host, port, insecure"):
        load(written(tmp_path, "prot = 1\n"), {})


def test_an_unknown_option_in_a_table_is_named(tmp_path):
    with pytest.raises(
        ConfigurationError, match=r"no option `voice_activity.hangover`: choose among frame_ms"
    ):
        load(written(tmp_path, "[voice_activity]\nhangover = 1\n"), {})


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"port": 70_000}, "port"),
        ({"rate": 4_000}, "rate"),
        ({"window_s": 0.1}, "window_s"),
        ({"stream": "a b"}, "stream"),
        ({"hop_ms": "soon"}, "hop_ms"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_option(overrides, message):
    with pytest.raises(ConfigurationError, match=f"Option `{message}` is"):
        load(None, overrides)


def test_a_missing_file_and_one_that_is_not_toml_are_told_apart(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(tmp_path / "none.toml", {})
    with pytest.raises(ConfigurationError, match="is not TOML"):
        load(written(tmp_path, "port: 1"), {})


def test_an_impossible_voice_activity_setting_is_told(tmp_path):
    path = written(tmp_path, "[voice_activity]\nframe_ms = 25\n")
    with pytest.raises(ConfigurationError, match="frame_ms is 25"):
        load(path, {})
