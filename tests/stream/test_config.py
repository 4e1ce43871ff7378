import pytest

from cmlstream.models.errors import ConfigurationError
from cmlstream.stream.config import COMMAND_LINE, load, read
from cmlstream.stream.settings import ListenSettings, ServeSettings


def written(tmp_path, text):
    path = tmp_path / "cmlstream.toml"
    path.write_text(text)
    return path


def test_without_a_file_the_defaults_hold():
    assert load(ListenSettings, None, {}, {}) == ListenSettings()
    assert load(ServeSettings, None, {}, {}) == ServeSettings()


def test_the_command_line_wins_over_the_file(tmp_path):
    path = written(tmp_path, 'port = 9000\nstream = "desk"\n[voice_activity]\nhangover_ms = 500\n')
    settings = load(ListenSettings, path, {}, {"port": 9001})
    assert (settings.port, settings.stream) == (9001, "desk")
    assert settings.voice_activity.hangover_ms == 500


def test_the_environment_lies_between_file_and_command_line_and_each_table_is_filled_from_all(tmp_path):
    path = written(tmp_path, 'port = 1\nhost = "::1"\nhop_ms = 300\n[limits]\nstreams = 3\nidle_s = 7\n')
    environment = {"CMLSTREAM_PORT": "2", "CMLSTREAM_HOST": "localhost", "CMLSTREAM_LIMITS__STREAMS": "5"}
    configuration = read(ServeSettings, path, environment, {"port": 3})
    settings = configuration.settings
    assert (settings.port, settings.host, settings.hop_ms) == (3, "localhost", 300)
    assert (settings.limits.streams, settings.limits.idle_s, settings.limits.hello_s) == (5, 7, 5)
    assert configuration.origins == {
        ("port",): COMMAND_LINE,
        ("host",): "CMLSTREAM_HOST",
        ("hop_ms",): str(path),
        ("limits", "streams"): "CMLSTREAM_LIMITS__STREAMS",
        ("limits", "idle_s"): str(path),
    }


def test_an_unknown_option_is_named_with_those_there_are(tmp_path):
    with pytest.raises(ConfigurationError, match="no option `prot`: choose among host, port, insecure"):
        load(ListenSettings, written(tmp_path, "prot = 1\n"), {}, {})


def test_an_option_of_another_command_is_unknown(tmp_path):
    path = written(tmp_path, "[limits]\nstreams = 5\n")
    assert load(ServeSettings, path, {}, {}).limits.streams == 5
    with pytest.raises(ConfigurationError, match=r"no option `limits`: choose among .*cmlstream\.toml"):
        load(ListenSettings, path, {}, {})


@pytest.mark.parametrize("text", ["[limts]\n", "[limts]\nstreams = 1\n", "limts = {}\n"])
def test_a_misspelt_table_is_told_even_when_it_is_empty(tmp_path, text):
    with pytest.raises(ConfigurationError, match="no option `limts`"):
        load(ServeSettings, written(tmp_path, text), {}, {})


def test_an_unknown_option_in_a_table_is_named(tmp_path):
    with pytest.raises(
        ConfigurationError, match=r"no option `voice_activity.hangover`: choose among frame_ms"
    ):
        load(ListenSettings, written(tmp_path, "[voice_activity]\nhangover = 1\n"), {}, {})


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
        load(ListenSettings, None, {}, overrides)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("limits = 5\n", r"Option `limits` is 5: Expected `object`, got `int` \(.*cmlstream\.toml"),
        ("[port]\na = 1\n", r"Option `port` is \{'a': 1\}: Expected `int`, got `object` \(.*toml\)"),
        ("allowed_origins = [1]\n", r"Option `allowed_origins` is \[1\]: Expected `str`, got `int` \("),
        ("[limits]\nstreams = 0\n", r"Option `limits.streams` is 0: Expected `int` >= 1 \("),
    ],
)
def test_a_value_in_the_wrong_place_is_named_with_its_file(tmp_path, text, message):
    with pytest.raises(ConfigurationError, match=message):
        load(ServeSettings, written(tmp_path, text), {"CMLSTREAM_LIMITS__IDLE_S": "5"}, {})


def test_no_error_repeats_a_password(tmp_path):
    path = written(tmp_path, 'redis = ["redis://:hunter2@host"]\n')
    with pytest.raises(ConfigurationError, match="Option `redis` is") as refused:
        load(ServeSettings, path, {}, {})
    assert "hunter2" not in str(refused.value)


def test_a_missing_file_and_one_that_is_not_toml_are_told_apart(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(ListenSettings, tmp_path / "none.toml", {}, {})
    with pytest.raises(ConfigurationError, match="is not TOML"):
        load(ListenSettings, written(tmp_path, "port: 1"), {}, {})


def test_an_impossible_voice_activity_setting_is_told(tmp_path):
    path = written(tmp_path, "[voice_activity]\nframe_ms = 25\n")
    with pytest.raises(ConfigurationError, match="frame_ms is 25"):
        load(ListenSettings, path, {}, {})
