from pathlib import Path

import pytest

from cmlstream.models.encoder import DEFAULT, PAPER
from cmlstream.models.errors import ConfigurationError
from cmlstream.trainer.settings import (
    FitSettings,
    LossSettings,
    paper_settings,
    read_settings,
    with_preset,
)


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


def test_a_preset_sets_the_network_and_how_it_is_trained() -> None:
    settings = FitSettings(loss=LossSettings(variant="act"))
    paper = with_preset(settings, "paper")
    assert paper.encoder == PAPER
    assert (paper.optimiser.learning_rate, paper.optimiser.weight_decay) == (1e-4, 0.0)
    assert (paper.optimiser.batch, paper.optimiser.epochs) == (64, 100)
    assert paper.loss == settings.loss
    assert with_preset(paper, "default") == settings
    with pytest.raises(ConfigurationError, match="no preset `huge`"):
        with_preset(settings, "huge")


def test_the_published_programme_can_be_cut_short() -> None:
    assert paper_settings(None).optimiser.epochs == 100
    short = paper_settings(3)
    assert short.optimiser.epochs == 3
    assert short.encoder.noise == 1.0
    assert short.loss.emotion_weight == 0
