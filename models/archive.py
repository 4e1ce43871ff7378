"""The archive: one TorchScript file that takes a waveform and returns affect, with its card inside.

This file alone scripts, saves, loads and checks archives.

Shapes: B batch, T samples, F features.
"""

import hashlib
import io
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from .affect import AffectModel, Outputs, prior_of
from .baseline import FeaturePrior
from .contract import ARCHIVE_FORMAT, EMOTIONS, FULL_SCALE, SAMPLE_RATE, Estimate, ModelCard, Samples
from .device import Device, device_of
from .egemaps.names import FEATURE_NAMES
from .errors import ModelError
from .inference import inference
from .regions import RegionFeatures

CARD = "card.json"


@dataclass(frozen=True, slots=True, eq=False)
class Archive:
    """A loaded model, ready to serve: numpy in, estimates out."""

    card: ModelCard
    script: torch.jit.ScriptModule
    sha256: str
    device: torch.device

    @property
    def prior(self) -> FeaturePrior:
        """The baseline that a stream starts from."""
        return prior_of(self.script)

    def features(self, pieces: Sequence[Samples]) -> NDArray[np.float32]:
        """The functionals of each piece of audio by itself, features_BF, in one call for all."""
        lengths_B = torch.tensor([len(piece) for piece in pieces])
        waveform_BT = np.zeros((len(pieces), int(lengths_B.max())), np.float32)
        for row, piece in enumerate(pieces):
            np.divide(piece, FULL_SCALE, out=waveform_BT[row, : len(piece)])
        with inference():
            features_BF = self.script.features(
                torch.from_numpy(waveform_BT).to(self.device), lengths_B.to(self.device)
            )
        found_BF: NDArray[np.float32] = features_BF.cpu().numpy()
        return found_BF

    def regions(self) -> RegionFeatures:
        """A new follower of regions with this archive's front end."""
        return RegionFeatures(self.script.front_end)

    def estimate(self, features_BF: ArrayLike, mean_BF: ArrayLike, deviation_BF: ArrayLike) -> list[Estimate]:
        """Affect from functionals, each row against the baseline of its own stream."""
        tensors = [
            torch.from_numpy(np.asarray(array, dtype=np.float32)).to(self.device)
            for array in (features_BF, mean_BF, deviation_BF)
        ]
        with inference():
            outputs = Outputs(*self.script.estimate(*tensors))
        return _estimates(Outputs(*(output.cpu() for output in outputs)))


def path_of(name: str) -> Path:
    """The archive of that name among those that ship, or else the file of that name."""
    return next((path for path in _shipped() if path.parent.name == name), Path(name))


def shipped_names() -> list[str]:
    """What the models that ship are called: the names of their folders."""
    return [path.parent.name for path in _shipped()]


def default_path() -> Path:
    """Where the model lies that is used unless another is named."""
    return path_of("default")


def _shipped() -> list[Path]:
    return sorted(Path(__file__).parent.glob("*/affect.pt"))


def script(module: nn.Module) -> torch.jit.ScriptModule:
    """Script a model or a part of one, ready for inference only."""
    with _without_deprecation():
        scripted: torch.jit.ScriptModule = torch.jit.script(module.eval().requires_grad_(False))
    return scripted


def save(model: AffectModel, card: ModelCard, path: Path) -> str:
    """Write the archive and its sidecar aside and rename them into place; return the SHA-256.

    The same weights and card give the same bytes.
    """
    buffer = io.BytesIO()
    with _without_deprecation():
        torch.jit.save(script(model), buffer, _extra_files={CARD: msgspec.json.encode(card)})
    content = _without_debug_records(buffer.getvalue())
    sha256 = hashlib.sha256(content).hexdigest()
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, content)
    _replace(_sidecar(path), f"{sha256}  {path.name}\n".encode())
    return sha256


def load(path: Path, *, trust: bool = False, device: Device = "cpu") -> Archive:
    """Read, check and prepare an archive.

    `trust` accepts an archive that has no sidecar; one that contradicts its sidecar is never accepted.

    Raises:
        ConfigurationError: the device is a GPU and there is none.
        ModelError: there is no such file, its hash differs or is missing, it is no archive, or its card
            does not fit this program.

    """
    chosen = device_of(device)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"The model {path} cannot be read ({error.strerror}): name an archive.") from error
    sha256 = hashlib.sha256(content).hexdigest()
    _check_hash(path, sha256, trust=trust)
    extra = {CARD: ""}
    try:
        with _without_deprecation():
            scripted: torch.jit.ScriptModule = torch.jit.load(
                io.BytesIO(content), map_location=chosen, _extra_files=extra
            )
    except RuntimeError as error:
        raise ModelError(
            f"The model {path} is not a whole TorchScript archive: fetch or export it again."
        ) from error
    card = _read_card(path, extra[CARD])
    return Archive(card, scripted.eval(), sha256, chosen)


class _FormatOnly(msgspec.Struct):
    format: int


def _read_card(path: Path, text: str | bytes) -> ModelCard:
    again = "export it again with this version's cmlstream-train"
    try:
        found = msgspec.json.decode(text, type=_FormatOnly).format
        if found != ARCHIVE_FORMAT:
            raise ModelError(
                f"The model {path} has format {found} and this program reads {ARCHIVE_FORMAT}: {again}."
            )
        card = msgspec.json.decode(text, type=ModelCard)
    except msgspec.DecodeError as error:
        raise ModelError(f"The model {path} has no readable card ({error}): {again}.") from error
    if card.sample_rate != SAMPLE_RATE:
        raise ModelError(f"The model {path} works at {card.sample_rate} Hz, not {SAMPLE_RATE}: {again}.")
    if card.feature_names != FEATURE_NAMES:
        raise ModelError(f"The model {path} was trained on other features ({card.feature_set}): {again}.")
    if card.emotions != EMOTIONS:
        raise ModelError(f"The model {path} names other emotions ({', '.join(card.emotions)}): {again}.")
    return card


def _check_hash(path: Path, sha256: str, *, trust: bool) -> None:
    try:
        expected = _sidecar(path).read_text().split(maxsplit=1)[0]
    except FileNotFoundError:
        if trust:
            return
        raise ModelError(
            f"The model {path} has no {_sidecar(path).name} beside it: "
            "put it there, or pass --trust-model if you know where the file comes from."
        ) from None
    except (IndexError, UnicodeDecodeError):
        expected = "unreadable"
    if expected != sha256:
        raise ModelError(
            f"The model {path} has SHA-256 {sha256[:12]}… and {_sidecar(path).name} says {expected[:12]}…: "
            "it was changed or damaged, fetch it again."
        )


def _estimates(outputs: Outputs) -> list[Estimate]:
    """One estimate a row; a column leaves torch at once, which takes as long as one of its numbers."""
    return [
        Estimate(
            activation, valence, tuple(emotion_E), embedding_D, confidence, novelty, features_F, scores_F
        )
        for (
            activation,
            valence,
            emotion_E,
            confidence,
            novelty,
            embedding_D,
            features_F,
            scores_F,
        ) in zip(
            outputs.activation_B.tolist(),
            outputs.valence_B.tolist(),
            outputs.emotion_BE.tolist(),
            outputs.confidence_B.tolist(),
            outputs.novelty_B.tolist(),
            outputs.embedding_BD.numpy(),
            outputs.features_BF.numpy(),
            outputs.scores_BF.numpy(),
            strict=True,
        )
    ]


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _replace(path: Path, content: bytes) -> None:
    aside = path.with_name(path.name + ".part")
    aside.write_bytes(content)
    aside.replace(path)


def _without_debug_records(archive: bytes) -> bytes:
    """Leave out the records that hold source lines and paths of the machine that exported."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as whole, zipfile.ZipFile(buffer, "w") as lean:
        for record in whole.infolist():
            if not record.filename.endswith(".debug_pkl"):
                lean.writestr(zipfile.ZipInfo(record.filename), whole.read(record))
    return buffer.getvalue()


@contextmanager
def _without_deprecation() -> Iterator[None]:
    """TorchScript is deprecated upstream and still the only format that a bare torch and C++ both run."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*torch\.jit\.\w+.* is deprecated")
        yield
