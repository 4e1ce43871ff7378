import re
from pathlib import Path

import msgspec
import pytest

from cmlstream.models.errors import ConfigurationError
from cmlstream.stream.config import load
from cmlstream.stream.settings import ListenSettings

SAMPLE = Path(__file__).parents[2] / "deploy" / "cmlstream.toml"
# Options without a default are shown with an example.
EXAMPLES = {"redis", "record", "channel"}


@pytest.fixture
def uncommented(tmp_path):
    """The sample with every option set: an option has no blank after its #, prose has one."""
    path = tmp_path / "all.toml"
    path.write_text(re.sub(r"^#(?=[\[\w])", "", SAMPLE.read_text(), flags=re.MULTILINE))
    return path


def test_sample_configuration_listens_to_the_microphone_and_changes_nothing_else():
    assert load(ListenSettings, SAMPLE, {}, {}) == ListenSettings(source="mic")


def test_sample_configuration_shows_every_option_with_its_default(uncommented):
    shown = load(ListenSettings, uncommented, {}, {})
    for option in EXAMPLES:
        assert getattr(shown, option) is not None, option
    without_examples = msgspec.structs.replace(shown, **dict.fromkeys(EXAMPLES))
    assert without_examples == ListenSettings(source="mic")


def test_sample_configuration_names_every_option(uncommented):
    written = msgspec.toml.decode(uncommented.read_bytes())
    everything = msgspec.to_builtins(ListenSettings())
    assert names(written) == names(everything)


def test_misspelt_option_in_a_configuration_is_refused(uncommented):
    uncommented.write_text(uncommented.read_text().replace("hop_ms", "hopms"))
    with pytest.raises(ConfigurationError, match="hopms"):
        load(ListenSettings, uncommented, {}, {})


def names(table, prefix=""):
    found = set()
    for name, value in table.items():
        found |= names(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name}
    return found
