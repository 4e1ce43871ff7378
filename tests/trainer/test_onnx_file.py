import hashlib
import sys
import tempfile
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from torch import Tensor

from cmlstream.models import archive
from cmlstream.models.affect import AffectModel, Calibration
from cmlstream.models.affect import prior_of as prior_of_model
from cmlstream.models.archive import Archive
from cmlstream.models.contract import ModelCard
from cmlstream.models.encoder import AffectHead
from cmlstream.models.errors import CmlstreamError, ConfigurationError, ModelError
from cmlstream.trainer.onnx_file import OUTPUTS, write_onnx
from tests.signals import speech_like
from tests.trainer.small_model import ENCODER, deaf_model, small_card, small_model, tampered


@pytest.fixture(scope="module")
def model() -> AffectModel:
    return small_model()


@pytest.fixture(scope="module")
def card(model: AffectModel) -> ModelCard:
    return small_card(model)


@pytest.fixture(scope="module")
def loaded(model: AffectModel, card: ModelCard, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    path = tmp_path_factory.mktemp("archive") / "tiny.pt"
    archive.save(model, card, path)
    return archive.load(path)


@pytest.fixture(scope="module")
def written(loaded: Archive, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    write_onnx(loaded.script, loaded.card, path)
    return path


def run(path: Path, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    file = onnx.load(path)
    found = ReferenceEvaluator(file).run(None, inputs)
    names = [output.name for output in file.graph.output]
    return dict(zip(names, found, strict=True))


@pytest.mark.parametrize("voices", [1, 3])
def test_it_answers_as_the_archive(loaded: Archive, written: Path, voices: int) -> None:
    features_BF = loaded.features([speech_like(1.0 + 0.5 * seed, seed) for seed in range(voices)])
    mean_BF = np.linspace(0.9, 1.1, voices)[:, None] * loaded.prior.mean_F
    deviation_BF = np.linspace(1.0, 1.5, voices)[:, None] * loaded.prior.deviation_F
    found = run(
        written,
        features=features_BF,
        baseline_mean=mean_BF.astype(np.float32),
        baseline_deviation=deviation_BF.astype(np.float32),
    )
    expected = loaded.estimate(features_BF, mean_BF, deviation_BF)
    for name in OUTPUTS:
        attribute = "embedding_D" if name == "embedding" else name
        values = np.array([getattr(estimate, attribute) for estimate in expected])
        np.testing.assert_allclose(found[name], values, rtol=1e-5, atol=1e-5, err_msg=name)
    assert len(found["novelty"]) == voices


def test_the_answers_are_not_all_the_same(loaded: Archive, written: Path) -> None:
    features_BF = loaded.features([speech_like(1.5, 0), speech_like(1.5, 1, pitch_hz=250.0)])
    found = run(
        written,
        features=features_BF,
        baseline_mean=np.tile(loaded.prior.mean_F, (2, 1)).astype(np.float32),
        baseline_deviation=np.tile(loaded.prior.deviation_F, (2, 1)).astype(np.float32),
    )
    assert all(np.abs(np.diff(found[name], axis=0)).max() > 1e-4 for name in OUTPUTS)


def test_it_says_what_it_is(card: ModelCard, loaded: Archive, written: Path) -> None:
    file = onnx.load(written)
    told = {entry.key: entry.value for entry in file.metadata_props}
    assert msgspec.json.decode(told["card"], type=ModelCard) == card
    assert msgspec.json.decode(told["feature_names"]) == list(card.feature_names)
    assert msgspec.json.decode(told["emotions"]) == ["anger", "happiness", "neutral", "sadness"]
    assert told["label_scale"] == card.label_scale
    np.testing.assert_allclose(msgspec.json.decode(told["prior_mean"]), loaded.prior.mean_F)
    np.testing.assert_allclose(msgspec.json.decode(told["prior_deviation"]), loaded.prior.deviation_F)
    assert len(told) == 6


def test_inputs_and_outputs_have_names_and_shapes(written: Path) -> None:
    def shapes(values: list[onnx.ValueInfoProto]) -> dict[str, list[str | int]]:
        return {
            value.name: [side.dim_param or side.dim_value for side in value.type.tensor_type.shape.dim]
            for value in values
        }

    graph = onnx.load(written).graph
    assert shapes(graph.input) == {
        "features": ["batch", 88],
        "baseline_mean": ["batch", 88],
        "baseline_deviation": ["batch", 88],
    }
    assert shapes(graph.output) == {
        "activation": ["batch"],
        "valence": ["batch"],
        "emotion": ["batch", 4],
        "embedding": ["batch", 4],
        "confidence": ["batch"],
        "novelty": ["batch"],
    }


def test_a_trained_model_and_its_archive_give_the_same_bytes(
    model: AffectModel, card: ModelCard, written: Path, tmp_path: Path
) -> None:
    sha256 = write_onnx(model, card, tmp_path / "folder" / "other.onnx")
    assert sha256 == hashlib.sha256(written.read_bytes()).hexdigest()
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["other.onnx"]


def test_it_tells_nothing_of_the_machine_that_wrote_it(written: Path) -> None:
    content = written.read_bytes()
    assert str(Path(archive.__file__).parents[1]).encode() not in content
    assert tempfile.gettempdir().encode() not in content
    assert b"site-packages" not in content


def test_a_model_of_other_features_can_be_written(card: ModelCard, tmp_path: Path) -> None:
    names = ("energy", "tempo", "breath")
    deaf = deaf_model(names)
    write_onnx(deaf, msgspec.structs.replace(card, feature_names=names), tmp_path / "deaf.onnx")
    row_BF = np.float32([[1.0, 2.0, -1.0]])
    found = run(
        tmp_path / "deaf.onnx",
        features=row_BF,
        baseline_mean=np.zeros_like(row_BF),
        baseline_deviation=np.ones_like(row_BF),
    )
    expected = deaf.estimate(torch.from_numpy(row_BF), torch.zeros(1, 3), torch.ones(1, 3))
    np.testing.assert_allclose(found["embedding"], expected.embedding_BD.detach(), atol=1e-6)


class Capricious(AffectHead):
    """Answers as chance has it."""

    def forward(self, embedding_BD: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        chance_B = torch.rand_like(embedding_BD[:, 0])
        return self.emotion(embedding_BD), chance_B, chance_B


def test_what_is_refused_leaves_what_was_there(model: AffectModel, card: ModelCard, tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    path.write_text("the model before")
    capricious = AffectModel(
        model.front_end, prior_of_model(model), model.encoder, Capricious(ENCODER.latent), Calibration()
    )
    for bad, its_card, error, complaint in (
        (capricious, card, CmlstreamError, "Converting to ONNX changed `activation`"),
        (tampered(model, torch.inf), card, ModelError, "not finite"),
        (model, msgspec.structs.replace(card, metrics={}), ConfigurationError, "lacks figures"),
    ):
        with pytest.raises(error, match=complaint):
            write_onnx(bad, its_card, path)
        assert list(tmp_path.iterdir()) == [path]
        assert path.read_text() == "the model before"


def test_without_its_library_a_sentence_names_it(
    model: AffectModel, card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ConfigurationError, match=r"needs the package `onnx`.*'cmlstream\[onnx\]'"):
        write_onnx(model, card, tmp_path / "mine.onnx")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_one_sentence(model: AffectModel, card: ModelCard, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"mine\.onnx cannot be written \(.+\): name another -o"):
        write_onnx(model, card, tmp_path / "file" / "mine.onnx")
