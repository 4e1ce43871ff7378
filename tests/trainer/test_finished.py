from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from cmlstream.models import archive
from cmlstream.models.affect import AffectModel
from cmlstream.models.contract import ARCHIVE_FORMAT, ModelCard
from cmlstream.models.errors import ConfigurationError, ModelError
from cmlstream.trainer.finished import is_archive, read_finished, write_finished
from cmlstream.trainer.reference import batched, reference_audio
from tests.trainer.small_model import ENCODER, deaf_model, small_card, small_model, tampered


@pytest.fixture(scope="module")
def model() -> AffectModel:
    return small_model()


@pytest.fixture(scope="module")
def card(model: AffectModel) -> ModelCard:
    return small_card(model)


@pytest.fixture
def written(model: AffectModel, card: ModelCard, tmp_path: Path) -> Path:
    path = tmp_path / "checkpoints" / "model.pt"
    write_finished(path, model, ENCODER, card)
    return path


def test_a_finished_model_comes_back_bit_by_bit(model: AffectModel, card: ModelCard, written: Path) -> None:
    finished = read_finished(written)
    assert finished.card == card
    audio = batched(reference_audio())
    with torch.inference_mode():
        for name, one, other in zip(
            model(*audio)._fields, model(*audio), finished.model(*audio), strict=True
        ):
            assert torch.equal(one, other), name


def test_its_archive_will_be_of_this_programs_format(
    model: AffectModel, card: ModelCard, written: Path
) -> None:
    write_finished(written, model, ENCODER, msgspec.structs.replace(card, format=ARCHIVE_FORMAT - 1))
    assert read_finished(written).card == card


def test_nothing_else_is_left(written: Path) -> None:
    assert [path.name for path in written.parent.iterdir()] == ["model.pt"]


def test_a_later_model_takes_the_place_of_an_earlier(
    model: AffectModel, card: ModelCard, written: Path
) -> None:
    write_finished(written, tampered(model, 3.0), ENCODER, msgspec.structs.replace(card, name="later"))
    assert read_finished(written).card.name == "later"
    assert read_finished(written).model.head.emotion.weight[1, 2] == 3.0


def test_it_is_read_without_running_anything_in_it(written: Path) -> None:
    content = torch.load(written, weights_only=True)
    assert msgspec.json.decode(content["header"])["card"]["name"] == "tiny"
    assert not any(name.startswith("front_end") for name in content["weights"])


def test_a_model_of_other_features_comes_back(card: ModelCard, tmp_path: Path) -> None:
    names = ("energy", "tempo", "breath")
    deaf = deaf_model(names)
    write_finished(tmp_path / "deaf.pt", deaf, ENCODER, msgspec.structs.replace(card, feature_names=names))
    finished = read_finished(tmp_path / "deaf.pt")
    assert finished.card.feature_names == names
    rows = (torch.ones(2, 3), torch.zeros(2, 3), torch.ones(2, 3))
    assert torch.equal(finished.model.estimate(*rows).embedding_BD, deaf.estimate(*rows).embedding_BD)


def test_a_file_that_is_cut_off_is_damaged(written: Path) -> None:
    content = written.read_bytes()
    for share in (0, 0.01, 0.5, 0.99):
        written.write_bytes(content[: int(share * len(content))])
        with pytest.raises(ModelError, match=r"model\.pt is damaged: delete it"):
            read_finished(written)


def test_a_bit_that_fell_over_does_not_pass_for_a_weight(written: Path) -> None:
    content = bytearray(written.read_bytes())
    weights = torch.load(written, weights_only=True)["weights"]["encoder.layers.0.weight"]
    place = content.index(weights.numpy().tobytes()) + 40
    content[place] ^= 1
    written.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.pt is damaged"):
        read_finished(written)


def without_a_weight(content: dict[str, Any]) -> None:
    del content["weights"]["head.emotion.bias"]


def with_a_weight_too_many(content: dict[str, Any]) -> None:
    content["weights"]["head.emotion.more"] = torch.ones(1)


def with_a_weight_of_another_size(content: dict[str, Any]) -> None:
    content["weights"]["head.emotion.bias"] = torch.ones(5)


def without_weights(content: dict[str, Any]) -> None:
    content["weights"] = None


def of_another_format(content: dict[str, Any]) -> None:
    content["header"] = content["header"].replace('{"format":1', '{"format":99', 1)


def without_a_card(content: dict[str, Any]) -> None:
    content["header"] = '{"format":1}'


def with_another_header(content: dict[str, Any]) -> None:
    content["header"] = 7


def of_an_older_front_end(content: dict[str, Any]) -> None:
    content["reference_BF"][0, 3] *= 1.01


def of_training(content: dict[str, Any]) -> None:
    content.clear()
    content["identity"] = "abc"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (without_a_weight, "is damaged"),
        (with_a_weight_too_many, "is damaged"),
        (with_a_weight_of_another_size, "is damaged"),
        (without_weights, "is damaged"),
        (of_another_format, "has format 99 and this program reads 1: fit the model again"),
        (without_a_card, "has no readable header"),
        (with_another_header, "has no readable header"),
        (of_an_older_front_end, "fitted to features that this program computes otherwise"),
        (of_training, r"holds no finished model: name the model\.pt"),
    ],
)
def test_what_is_no_finished_model_is_one_sentence(
    written: Path, change: Callable[[dict[str, Any]], None], complaint: str
) -> None:
    content = torch.load(written, weights_only=True)
    change(content)
    torch.save(content, written)
    with pytest.raises(ModelError, match=complaint):
        read_finished(written)


def test_other_files_are_told_apart(model: AffectModel, card: ModelCard, written: Path) -> None:
    path = written.with_name("other.pt")
    with pytest.raises(ModelError, match=r"other\.pt cannot be read \(No such file"):
        read_finished(path)
    path.write_text("no checkpoint")
    with pytest.raises(ModelError, match="is damaged"):
        read_finished(path)
    assert not is_archive(path)
    assert not is_archive(written)
    archive.save(model, card, path)
    assert is_archive(path)
    with pytest.raises(ModelError, match="is an archive already"):
        read_finished(path)


def test_a_folder_that_takes_no_file_is_one_sentence(
    model: AffectModel, card: ModelCard, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"model\.pt cannot be written .* name another folder"):
        write_finished(tmp_path / "file" / "model.pt", model, ENCODER, card)
