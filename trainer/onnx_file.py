"""A model's encoder and heads as ONNX: features and a baseline to affect, for any program that runs ONNX.

Shapes: B batch, F features.
"""

import hashlib
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from cmlstream.models import archive
from cmlstream.models.affect import AffectModel
from cmlstream.models.contract import ModelCard
from cmlstream.models.errors import ConfigurationError

from .agreement import check_same
from .aside import written_aside
from .completeness import check_card, check_numbers

if TYPE_CHECKING:
    from onnx import ModelProto

INPUTS = ("features", "baseline_mean", "baseline_deviation")
OUTPUTS = ("activation", "valence", "emotion", "embedding", "confidence", "novelty")

OPERATORS = 17
"""The set of operators that is used: no runtime since 2022 lacks any, and the model needs no newer ones."""

REFERENCE_ROWS = 16


class _Estimates(nn.Module):
    """A model from its features on, as the file has it: named tensors in, named tensors out."""

    def __init__(self, model: AffectModel | torch.jit.ScriptModule) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, features_BF: Tensor, mean_BF: Tensor, deviation_BF: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """The outputs in the order of `OUTPUTS`."""
        found = self.model.estimate(features_BF, mean_BF, deviation_BF)
        return (
            found.activation_B,
            found.valence_B,
            found.emotion_BE,
            found.embedding_BD,
            found.confidence_B,
            found.novelty_B,
        )


def write_onnx(model: AffectModel | torch.jit.ScriptModule, card: ModelCard, path: Path) -> str:
    """Check a model, trained or of an archive, and write it as ONNX; returns the file's SHA-256.

    Inputs, float32 `[batch, F]`: `features` under the card's names and, of each row's stream,
    `baseline_mean` and `baseline_deviation`. Outputs: `activation`, `valence`, `confidence` and `novelty`
    `[batch]`, `emotion` (a probability for each of `emotions`) and `embedding` `[batch, ...]`. The file's
    metadata hold `card`, `feature_names`, `emotions`, `label_scale` and, for a stream's beginning,
    `prior_mean` and `prior_deviation`: all JSON but the scale.

    Raises:
        ConfigurationError: the library `onnx` is absent, the card is incomplete, or `path` cannot be written.
        ModelError: the model holds numbers that are not finite, or other sizes than its card says.
        CmlstreamError: the file would answer otherwise than the model.

    """
    _check_installed()
    check_card(card)
    check_numbers(model, card)
    scripted = archive.script(_Estimates(model))
    converted = _converted(scripted, len(card.feature_names))
    _tell(converted, model, card)
    _check_answers(scripted, converted, model)
    content = converted.SerializeToString(deterministic=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_aside(path) as file:
            file.write(content)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written ({error.strerror}): name another -o.") from error
    return hashlib.sha256(content).hexdigest()


def _check_installed() -> None:
    try:
        import_module("onnx")
    except ImportError as error:
        raise ConfigurationError(
            "ONNX needs the package `onnx`: install it with `pip install 'cmlstream[onnx]'`."
        ) from error


def _converted(scripted: torch.jit.ScriptModule, features: int) -> "ModelProto":
    import onnx

    example = tuple(torch.ones(2, features) for _ in INPUTS)
    # The exporter for scripted modules: the newer one needs a source that an archive no longer has, and two
    # libraries more.
    with TemporaryDirectory() as folder, _without_deprecation():
        file = Path(folder) / "model.onnx"
        torch.onnx.export(
            scripted,
            example,
            file,
            dynamo=False,
            opset_version=OPERATORS,
            input_names=INPUTS,
            output_names=OUTPUTS,
            dynamic_axes={name: {0: "batch"} for name in (*INPUTS, *OUTPUTS)},
        )
        return onnx.load(file)


def _tell(converted: "ModelProto", model: AffectModel | torch.jit.ScriptModule, card: ModelCard) -> None:
    """Put what the file says of itself into its metadata."""
    import onnx

    values = {
        "card": card,
        "feature_names": card.feature_names,
        "emotions": card.emotions,
        "prior_mean": model.mean_F.tolist(),
        "prior_deviation": model.deviation_F.tolist(),
    }
    texts = {name: msgspec.json.encode(value).decode() for name, value in values.items()}
    onnx.helper.set_model_props(converted, texts | {"label_scale": card.label_scale})
    onnx.checker.check_model(converted, full_check=True)


def _check_answers(
    scripted: torch.jit.ScriptModule, converted: "ModelProto", model: AffectModel | torch.jit.ScriptModule
) -> None:
    """Hold the file's answers to features around the prior, some of them absurd, against the model's."""
    inputs = _reference_features(model.mean_F, model.deviation_F)
    with torch.inference_mode():
        expected = dict(zip(OUTPUTS, scripted(*inputs.values()), strict=True))
    check_same("Converting to ONNX", expected, _answers(converted, inputs))


def _reference_features(mean_F: Tensor, deviation_F: Tensor) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(20220314)
    noise_KBF = torch.randn(3, REFERENCE_ROWS, len(mean_F), generator=generator)
    features_BF = mean_F + deviation_F * 2 * noise_KBF[0]
    features_BF[0, 0], features_BF[1, -1], features_BF[2, 0] = torch.nan, torch.inf, -1e30
    baseline = (mean_F + deviation_F * 0.5 * noise_KBF[1], deviation_F * (0.3 * noise_KBF[2]).exp())
    return dict(zip(INPUTS, (features_BF, *baseline), strict=True))


def _answers(converted: "ModelProto", inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What the reference implementation of ONNX makes of a file."""
    from onnx.reference import ReferenceEvaluator

    # It computes both branches of its sigmoid and then takes the one that did not overflow.
    with np.errstate(over="ignore", invalid="ignore"):
        found = ReferenceEvaluator(converted).run(
            list(OUTPUTS), {name: tensor.numpy() for name, tensor in inputs.items()}
        )
    return {name: torch.from_numpy(np.asarray(array)) for name, array in zip(OUTPUTS, found, strict=True)}


@contextmanager
def _without_deprecation() -> Iterator[None]:
    """The exporter is deprecated, as TorchScript is, and the only one that takes what an archive holds."""
    with warnings.catch_warnings():
        for message in (
            "You are using the legacy TorchScript-based ONNX export",
            "The feature will be removed",
        ):
            warnings.filterwarnings("ignore", message=message, category=DeprecationWarning)
        yield
