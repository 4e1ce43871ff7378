import re
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from cmlstream.models.errors import ConfigurationError
from cmlstream.stream.config import load
from cmlstream.stream.settings import ListenSettings, ServeSettings

DEPLOY = Path(__file__).parents[2] / "deploy"


@dataclass(frozen=True)
class Sample:
    """A commented configuration, what it sets as it stands, and its options that show an example."""

    path: Path
    settings: msgspec.Struct
    examples: frozenset[str]

    @property
    def kind(self):
        return type(self.settings)


@pytest.fixture(
    params=[
        Sample(
            DEPLOY / "cmlstream.toml", ListenSettings(source="mic"), frozenset({"redis", "record", "channel"})
        ),
        Sample(
            DEPLOY / "serve.toml",
            ServeSettings(),
            frozenset({"redis", "record", "certificate", "private_key", "tokens"}),
        ),
    ],
    ids=lambda sample: sample.path.name,
)
def sample(request):
    return request.param


@pytest.fixture
def uncommented(sample, tmp_path):
    """The sample with every option set: an option has no blank after its #, prose has one."""
    path = tmp_path / "all.toml"
    path.write_text(re.sub(r"^#(?=[\[\w])", "", sample.path.read_text(), flags=re.MULTILINE))
    return path


def test_sample_configuration_changes_nothing_else(sample):
    assert load(sample.kind, sample.path, {}, {}) == sample.settings


def test_sample_configuration_shows_every_option_with_its_default(sample, uncommented):
    shown = load(sample.kind, uncommented, {}, {})
    for option in sample.examples:
        assert getattr(shown, option) is not None, option
    without_examples = msgspec.structs.replace(shown, **dict.fromkeys(sample.examples))
    assert without_examples == sample.settings


def test_sample_configuration_names_every_option(sample, uncommented):
    written = msgspec.toml.decode(uncommented.read_bytes())
    assert names(written) == names(msgspec.to_builtins(sample.kind()))


def test_misspelt_option_in_a_configuration_is_refused(sample, uncommented):
    uncommented.write_text(uncommented.read_text().replace("hop_ms", "hopms"))
    with pytest.raises(ConfigurationError, match="hopms"):
        load(sample.kind, uncommented, {}, {})


def names(table, prefix=""):
    found = set()
    for name, value in table.items():
        found |= names(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name}
    return found
