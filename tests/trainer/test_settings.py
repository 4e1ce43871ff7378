from pathlib import Path

import pytest

from cmlstream.models.encoder import DEFAULT
from cmlstream.models.errors import ConfigurationError
from cmlstream.trainer.settings import FitSettings, read_settings


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "fit.toml").write_text("")
    assert read_settings(tmp_path / "fit.toml") == FitSettings()
    assert FitSettings().encoder == DEFAULT


def test_nested_settings_are_read(tmp_path: Path) -> None:
    (tmp_path / "fit.toml").write_text(
        '[encoder]\nhidden = [32, 8]\nlatent = 4\n[loss]\nvariant = "elr"\n[card.terms]\nhere = "CC0"\n'
    )
    settings = read_settings(tmp_path / "fit.toml")
    assert settings.encoder.hidden == (32, 8)
    assert settings.loss.variant == "elr"
    assert settings.card.terms == {"here": "CC0"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("colour = 1", "unknown field `colour`"),
        ("[loss]\nweigth = 1", r"unknown field `weigth` - at `\$\.loss`"),
        ('[loss]\nvariant = "triplet"', "triplet"),
        ("[optimiser]\nepochs = 0", "`epochs` and `patience` must be at least 1"),
        ("[optimiser]\nbatch = 1", "a pair needs two clips"),
        ("[optimiser]\nlearning_rate = -1.0", "`learning_rate` must be positive"),
        ("[optimiser]\nweight_decay = -1.0", "`weight_decay`"),
        ("[optimiser]\naveraging = 1.0", "`averaging`"),
        ("[validation]\nfolds = 2", "`folds`"),
        ("[validation]\ndraws = 0", "`draws`"),
        ("[loss]\nemotion_weight = -1.0", "`emotion_weight`"),
        ("[loss]\nlabel_smoothing = 1.0", "`label_smoothing`"),
        ("[encoder]\nhidden = [4]\nlatent = 3", "even number"),
        ("[loss", "make no sense"),
    ],
)
def test_what_makes_no_sense_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "fit.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        read_settings(tmp_path / "fit.toml")
    assert "fit.toml" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.toml cannot be read"):
        read_settings(tmp_path / "absent.toml")
