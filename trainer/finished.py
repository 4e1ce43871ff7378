"""A finished model as a checkpoint: all that an archive or an ONNX file is made of.

Shapes: B batch, F features.
"""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from cmlstream.models.affect import AffectModel, Calibration
from cmlstream.models.archive import CARD
from cmlstream.models.baseline import FeaturePrior
from cmlstream.models.contract import ARCHIVE_FORMAT, ModelCard
from cmlstream.models.egemaps import FEATURE_NAMES
from cmlstream.models.encoder import AffectHead, Encoder, EncoderSettings
from cmlstream.models.errors import ConfigurationError, ModelError
from cmlstream.models.inference import inference

from .export import front_end_for
from .reference import batched, reference_audio
from .torch_file import DAMAGE, damaged, load, save

FORMAT = 1
"""Version of what a checkpoint holds; another number is refused."""

NAME = "model.pt"
"""What it is called in the folder of a fit's checkpoints."""

FRONT_END = "front_end."
"""Its tensors are not kept: they come with the program."""

DRIFT = 1e-3
"""Features of the reference audio may differ by this, and by this share of them, between two machines."""


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """A model that was fitted, and what is to be known of it."""

    model: AffectModel
    card: ModelCard


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is no tensor."""

    format: int
    encoder: EncoderSettings
    temperature: float
    novelty_offset: float
    card: ModelCard


class _FormatOnly(msgspec.Struct):
    format: int


def write_finished(path: Path, model: AffectModel, encoder: EncoderSettings, card: ModelCard) -> None:
    """Leave a model with all that `export` needs, whether or not it would pass there.

    Raises:
        ConfigurationError: `path` cannot be written.

    """
    header = _Header(FORMAT, encoder, model.temperature, model.novelty_offset, card)
    content = {
        "header": msgspec.json.encode(header).decode(),
        "weights": {name: tensor for name, tensor in model.state_dict().items() if _is_kept(name)},
        "reference_BF": _reference_features(model, card),
    }
    try:
        save(path, content)
    except OSError as error:
        raise ConfigurationError(
            f"The checkpoint {path} cannot be written ({error.strerror}): name another folder."
        ) from error


def read_finished(path: Path) -> Finished:
    """The model that a checkpoint holds, ready to be exported.

    Raises:
        ModelError: there is none, it is damaged, of another format, of a training that goes on, or was fitted
            to features that this program computes otherwise.

    """
    content = _content(path)
    header = _header_of(path, content)
    model = _empty_model(header)
    try:
        missing, unknown = model.load_state_dict(content["weights"], strict=False)
    except (KeyError, RuntimeError, TypeError) as error:
        raise damaged(path) from error
    if unknown or any(_is_kept(name) for name in missing):
        raise damaged(path)
    _check_front_end(path, content, model, header.card)
    # The archive is this program's, whichever wrote the checkpoint.
    return Finished(model, msgspec.structs.replace(header.card, format=ARCHIVE_FORMAT))


def is_archive(path: Path) -> bool:
    """Whether a file is an archive, which a checkpoint is not."""
    try:
        with zipfile.ZipFile(path) as records:
            return any(name.endswith(f"/extra/{CARD}") for name in records.namelist())
    except (OSError, *DAMAGE):
        return False


def _empty_model(header: _Header) -> AffectModel:
    """A model of the right shape, whose weights and prior are still to be filled in."""
    names = header.card.feature_names
    return AffectModel(
        front_end_for(names),
        FeaturePrior([0.0] * len(names), [1.0] * len(names)),
        Encoder(len(names), header.encoder),
        AffectHead(header.encoder.latent),
        Calibration(temperature=header.temperature, novelty_offset=header.novelty_offset),
    ).eval()


def _is_kept(name: str) -> bool:
    return not name.startswith(FRONT_END)


def _reference_features(model: AffectModel, card: ModelCard) -> Tensor:
    """What the front end makes of the reference audio; no rows where the model has none."""
    if card.feature_names != FEATURE_NAMES:
        return torch.zeros(0, len(card.feature_names))
    with inference():
        return model.features(*batched(reference_audio()))


def _check_front_end(path: Path, content: Mapping[str, Any], model: AffectModel, card: ModelCard) -> None:
    expected_BF, found_BF = content.get("reference_BF"), _reference_features(model, card)
    if not isinstance(expected_BF, Tensor) or expected_BF.shape != found_BF.shape:
        raise damaged(path)
    if not torch.allclose(expected_BF, found_BF, rtol=DRIFT, atol=DRIFT):
        raise ModelError(
            f"The model of the checkpoint {path} was fitted to features that this program computes "
            "otherwise: fit it again."
        )


def _content(path: Path) -> Mapping[str, Any]:
    """What lies in the file, as far as this program writes such files."""
    if is_archive(path):
        raise ModelError(f"{path} is an archive already: copy it, with its .sha256.")
    try:
        content = load(path)
    except OSError as error:
        raise ModelError(
            f"The checkpoint {path} cannot be read ({error.strerror}): name the {NAME} that "
            "`fit --checkpoint` leaves."
        ) from error
    if not isinstance(content, dict) or "header" not in content:
        raise ModelError(
            f"{path} holds no finished model: name the {NAME} that `fit --checkpoint` leaves at its end."
        )
    return content


def _header_of(path: Path, content: Mapping[str, Any]) -> _Header:
    try:
        found = msgspec.json.decode(content["header"], type=_FormatOnly).format
        if found != FORMAT:
            raise ModelError(
                f"The checkpoint {path} has format {found} and this program reads {FORMAT}: "
                "fit the model again."
            )
        return msgspec.json.decode(content["header"], type=_Header)
    except (msgspec.DecodeError, TypeError) as error:
        raise ModelError(
            f"The checkpoint {path} has no readable header ({error}): fit the model again."
        ) from error
