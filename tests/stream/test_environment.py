import pytest

from cmlstream.models.errors import ConfigurationError
from cmlstream.stream.config import load
from cmlstream.stream.settings import ListenSettings, ServeSettings


def settings_in(**variables):
    return load(ServeSettings, None, {f"CMLSTREAM_{name}": text for name, text in variables.items()}, {})


def test_every_kind_of_value_is_read():
    settings = settings_in(
        PORT="9000",
        HOST="::1",
        INSECURE="true",
        TRUST_MODEL="0",
        DEVICE="cpu",
        WINDOW_S="4",
        REDIS="redis://:p%20w@host/0",
        RECORD="123",
        ALLOWED_ORIGINS='["https://a.example", "http://b.example:81"]',
        LIMITS__GRACE_S="2.5",
        LIMITS__STREAMS_PER_TOKEN="7",
        VOICE_ACTIVITY__HANGOVER_MS="500",
        VOICE_ACTIVITY__GATE__MARGIN_DB="7.5",
    )
    assert (settings.port, settings.host, settings.window_s) == (9000, "::1", 4.0)
    assert (settings.insecure, settings.trust_model, settings.device) == (True, False, "cpu")
    assert (settings.redis, settings.record) == ("redis://:p%20w@host/0", "123")
    assert settings.allowed_origins == ("https://a.example", "http://b.example:81")
    assert (settings.limits.grace_s, settings.limits.streams_per_token) == (2.5, 7)
    assert settings.voice_activity.hangover_ms == 500
    assert settings.voice_activity.gate.margin_db == 7.5


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("PORT", "70000", "CMLSTREAM_PORT is '70000': Expected `int` <= 65535"),
        ("PORT", "soon", "CMLSTREAM_PORT is 'soon': Expected `int`$"),
        ("INSECURE", "perhaps", "CMLSTREAM_INSECURE is 'perhaps': Expected `bool`$"),
        ("DEVICE", "tpu", "CMLSTREAM_DEVICE is 'tpu': choose among auto, cpu, cuda$"),
        ("LIMITS__IDLE_S", "nan", "CMLSTREAM_LIMITS__IDLE_S is 'nan': Expected `float`"),
        ("ALLOWED_ORIGINS", "https://a.example", r"CMLSTREAM_ALLOWED_ORIGINS is .*: write a list as in TOML"),
        ("ALLOWED_ORIGINS", "[1]", r"CMLSTREAM_ALLOWED_ORIGINS is '\[1\]': write a list as in TOML"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_variable(name, text, message):
    with pytest.raises(ConfigurationError, match=message):
        settings_in(**{name: text})


def test_an_unknown_variable_is_named_with_those_there_are_but_not_with_its_value():
    with pytest.raises(
        ConfigurationError,
        match=r"no setting CMLSTREAM_REDIS_URL: choose among CMLSTREAM_HOST, .*LIMITS__GRACE_S",
    ) as refused:
        settings_in(REDIS_URL="redis://:hunter2@host")
    assert "hunter2" not in str(refused.value)
    assert "CMLSTREAM_VOICE_ACTIVITY__GATE__MARGIN_DB" in str(refused.value)


@pytest.mark.parametrize("name", ["LIMITS", "LIMITS__", "LIMITS_STREAMS", "limits__streams"])
def test_a_variable_must_name_a_setting_and_no_table(name):
    with pytest.raises(ConfigurationError, match=f"no setting CMLSTREAM_{name}: "):
        settings_in(**{name: "1"})


def test_what_clients_other_commands_and_other_programs_read_is_passed_over():
    environment = {
        "CMLSTREAM_TOKEN": "x" * 40,
        "CMLSTREAM_LIMITS__STREAMS": "5",
        "CMLSTREAM_PORT": "9000",
        "CMLSTREAMING": "1",
        "_CMLSTREAM_COMPLETE": "bash_source",
        "PORT": "1",
    }
    assert load(ListenSettings, None, environment, {}) == ListenSettings(port=9000)


def test_an_empty_variable_is_as_good_as_none():
    assert settings_in(PORT="", REDIS="", ALLOWED_ORIGINS="") == ServeSettings()


@pytest.mark.parametrize(("name", "text"), [("PORT", "tcp://10.96.0.7:8765"), ("SERVICE_HOST", "10.96.0.7")])
def test_what_kubernetes_puts_into_pods_is_explained(name, text):
    with pytest.raises(ConfigurationError, match="enableServiceLinks: false"):
        settings_in(**{name: text})
