from pathlib import Path

import msgspec
import pytest
import torch

from cmlstream.models import archive
from cmlstream.models.affect import AffectModel, Calibration
from cmlstream.models.contract import ModelCard
from cmlstream.models.errors import CmlstreamError, ConfigurationError, ModelError
from cmlstream.trainer.export import card_of, export, whole_model
from cmlstream.trainer.network import Network
from cmlstream.trainer.settings import FitSettings
from cmlstream.trainer.table import prior_of
from tests.trainer.corpus import invented_table
from tests.trainer.small_model import CARD, deaf_model, small_card, small_model, tampered
from tests.trainer.test_agreement import Impatient, TwoFaced, with_front_end


@pytest.fixture(scope="module")
def model() -> AffectModel:
    return small_model()


@pytest.fixture(scope="module")
def card(model: AffectModel) -> ModelCard:
    return small_card(model)


def test_the_card_says_all_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(86_400 * 365))
    model = whole_model(Network(88, FitSettings()), prior_of(invented_table()), Calibration())
    card = card_of(model, invented_table(), CARD, {"unseen_speakers_uar": 0.5}, "cmlstream-train fit x")
    assert card.created == "1971-01-01"
    assert (card.name, card.version, card.licence) == ("tiny", "7", "CC0")
    assert card.recipe == "cmlstream-train fit x"
    assert card.feature_set == "eGeMAPSv02"
    assert card.embedding_size == 16
    assert card.parameters == 88 * 128 + 128 + 128 * 64 + 64 + 64 * 16 + 16 + 16 * 4 + 4
    assert [(corpus.name, corpus.clips, corpus.terms) for corpus in card.corpora] == [
        ("corpus0", 60, "CC0"),
        ("corpus1", 60, "not stated"),
    ]
    assert card.corpora[0].speech_s == pytest.approx(60 * 2.0)
    for warning in ("acted", "Article 5(1)(f)", "must be told"):
        assert warning in card.limits


def test_the_card_of_other_features_names_them() -> None:
    table = invented_table().of_features(invented_table().feature_names[:3])
    card = small_card(deaf_model(table.feature_names), table)
    assert card.feature_names == table.feature_names
    assert card.feature_set == "ready-made"


def test_an_exported_archive_loads(model: AffectModel, card: ModelCard, tmp_path: Path) -> None:
    sha256 = export(model, card, tmp_path / "folder" / "tiny.pt")
    loaded = archive.load(tmp_path / "folder" / "tiny.pt")
    assert loaded.sha256 == sha256
    assert loaded.card == card


def refused_models(model: AffectModel, card: ModelCard) -> list[tuple[AffectModel, ModelCard, type, str]]:
    names = ("energy", "tempo")
    deaf_card = msgspec.structs.replace(card, feature_names=names)
    return [
        (with_front_end(model, TwoFaced()), card, CmlstreamError, "Scripting changed"),
        (with_front_end(model, Impatient()), card, CmlstreamError, "Streaming changed"),
        (tampered(model, torch.nan), card, ModelError, "not finite"),
        (model, msgspec.structs.replace(card, recipe=""), ConfigurationError, "lacks `recipe`"),
        (deaf_model(names), deaf_card, ConfigurationError, "an archive cannot compute"),
    ]


def test_what_is_refused_leaves_what_was_there(model: AffectModel, card: ModelCard, tmp_path: Path) -> None:
    path, sidecar = tmp_path / "mine.pt", tmp_path / "mine.pt.sha256"
    path.write_text("the model before")
    sidecar.write_text("its hash")
    for bad, its_card, error, complaint in refused_models(model, card):
        with pytest.raises(error, match=complaint):
            export(bad, its_card, path)
        assert sorted(tmp_path.iterdir()) == [path, sidecar]
        assert path.read_text() + sidecar.read_text() == "the model beforeits hash"


def test_what_cannot_be_written_is_one_sentence(model: AffectModel, card: ModelCard, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"mine\.pt cannot be written \(.+\): name another -o"):
        export(model, card, tmp_path / "file" / "mine.pt")


def test_a_model_of_other_features_takes_those_and_no_audio() -> None:
    deaf = archive.script(deaf_model(("energy", "tempo")))
    found = deaf.estimate(*(torch.ones(3, 2),) * 3)
    assert found.emotion_BE.sum(1).tolist() == pytest.approx([1, 1, 1])
    with pytest.raises(torch.jit.Error, match="takes features, not audio"):
        deaf(torch.zeros(1, 16_000), torch.tensor([16_000]))
