from pathlib import Path

import msgspec
import pytest
import torch

from cmlstream.models import archive
from cmlstream.models.affect import AffectModel, Calibration
from cmlstream.models.affect import prior_of as prior_of_model
from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.errors import CmlstreamError
from cmlstream.trainer.export import card_of, export, reference_audio, whole_model
from cmlstream.trainer.fitting import Network
from cmlstream.trainer.settings import CardSettings, FitSettings
from cmlstream.trainer.table import prior_of
from tests.trainer.corpus import invented_table

CARD = CardSettings(name="tiny", version="7", licence="CC0", terms={"corpus0": "CC0"})


@pytest.fixture(scope="module")
def model() -> AffectModel:
    torch.manual_seed(0)
    return whole_model(Network(88, FitSettings()), prior_of(invented_table()), Calibration(1.3, 2.0, 0.5))


def test_the_card_says_all_that_is_known(model: AffectModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(86_400 * 365))
    card = card_of(model, invented_table(), CARD, {"unseen_speakers_uar": 0.5}, "cmlstream-train fit x")
    assert card.created == "1971-01-01"
    assert (card.name, card.version, card.licence) == ("tiny", "7", "CC0")
    assert card.recipe == "cmlstream-train fit x"
    assert card.embedding_size == 16
    assert card.parameters == 88 * 128 + 128 + 128 * 64 + 64 + 64 * 16 + 16 + 16 * 4 + 4
    assert [(corpus.name, corpus.clips, corpus.terms) for corpus in card.corpora] == [
        ("corpus0", 60, "CC0"),
        ("corpus1", 60, "not stated"),
    ]
    assert card.corpora[0].speech_s == pytest.approx(60 * 2.0)
    for warning in ("acted", "Article 5(1)(f)", "must be told"):
        assert warning in card.limits


def test_reference_audio_is_a_whole_number_of_samples_in_range() -> None:
    waveform_BT, lengths_B = reference_audio()
    assert waveform_BT.shape == (3, 3 * SAMPLE_RATE)
    assert lengths_B.max() == 3 * SAMPLE_RATE
    assert waveform_BT.abs().max() <= 1
    assert torch.equal(waveform_BT, reference_audio()[0])


@pytest.mark.slow
def test_an_exported_archive_loads(model: AffectModel, tmp_path: Path) -> None:
    card = card_of(model, invented_table(), CARD, {}, "none")
    sha256 = export(model, card, tmp_path / "tiny.pt")
    loaded = archive.load(tmp_path / "tiny.pt")
    assert loaded.sha256 == sha256
    assert loaded.card == card


class TwoFacedFrontEnd(torch.nn.Module):
    """Answers otherwise when it is scripted."""

    def forward(self, waveform_BT: torch.Tensor, lengths_B: torch.Tensor) -> torch.Tensor:
        level_B1 = waveform_BT.square().mean(1, keepdim=True) + lengths_B[:, None]
        if torch.jit.is_scripting():
            level_B1 = level_B1 * 1.01
        return level_B1.repeat(1, 88)


def test_a_model_that_scripting_changes_is_not_written(model: AffectModel, tmp_path: Path) -> None:
    prior = prior_of_model(model)
    two_faced = AffectModel(TwoFacedFrontEnd(), prior, model.encoder, model.head, Calibration())
    card = card_of(model, invented_table(), CARD, {}, "none")
    with pytest.raises(CmlstreamError, match="Scripting changed `features_BF`"):
        export(two_faced, msgspec.structs.replace(card, name="two-faced"), tmp_path / "two-faced.pt")
    assert list(tmp_path.iterdir()) == []
