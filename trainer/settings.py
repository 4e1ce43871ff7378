"""How a model is fitted: nested, validated settings, read from TOML."""

from pathlib import Path
from typing import Literal

import msgspec

from cmlstream.models.encoder import DEFAULT, PAPER, EncoderSettings, preset
from cmlstream.models.errors import ConfigurationError

from .losses import Variant


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise ValueError(sentence)


class LossSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the network is asked for: log(MSE + metric) + emotion_weight * cross entropy."""

    variant: Variant = "actval"
    pairs: Literal["all", "corpus", "speaker"] = "all"
    """Which pairs of clips the metric compares: within a speaker it is blind to what differs between them."""
    emotion_weight: float = 1.0
    label_smoothing: float = 0.1

    def __post_init__(self) -> None:
        """Refuse weights that make no loss."""
        _require(self.emotion_weight >= 0, "`emotion_weight` must not be negative")
        _require(0 <= self.label_smoothing < 1, "`label_smoothing` must lie in [0, 1)")


class OptimiserSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the loss is brought down."""

    epochs: int = 60
    patience: int = 15
    """Epochs without improvement on held-out speakers after which a run stops."""
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    averaging: float = 0.99
    """Share of the running average of the weights that a step keeps; the average is what is exported."""

    def __post_init__(self) -> None:
        """Refuse counts and rates that cannot train."""
        _require(self.epochs >= 1 and self.patience >= 1, "`epochs` and `patience` must be at least 1")
        _require(self.batch >= 2, "`batch` must be at least 2: a pair needs two clips")
        _require(self.learning_rate > 0, "`learning_rate` must be positive")
        _require(self.weight_decay >= 0, "`weight_decay` must not be negative")
        _require(0 <= self.averaging < 1, "`averaging` must lie in [0, 1)")


class ValidationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is held back, and how often the stream's adaptation is drawn anew."""

    by: Literal["speaker", "language"] = "speaker"
    """By speaker, a fold stops when its held-out speakers are judged no better. By language, each is left out
    once, every fold trains to its end, and confidence is calibrated for languages that no training heard."""
    folds: int = 5
    """How many, by speaker."""
    draws: int = 6
    """Random orders of each speaker's clips that training normalises by, one an epoch in turn."""

    def __post_init__(self) -> None:
        """Refuse too few folds to hold anybody back."""
        _require(self.folds >= 3, "`folds` must be at least 3")
        _require(self.draws >= 1, "`draws` must be at least 1")


class MaterialSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is trained on beside the clips as they were recorded."""

    takes: int = 2
    """How often each recording is heard once more: in other rooms, noise, lines and at other levels."""

    def __post_init__(self) -> None:
        """Refuse less than nothing."""
        _require(self.takes >= 0, "`takes` must not be negative")


class CardSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the card says that the data cannot tell."""

    name: str = "custom"
    version: str = "1"
    licence: str = "not stated"
    description: str = "Trained with cmlstream-train."
    terms: dict[str, str] = {}
    """The terms of each corpus, by its name in the manifest."""

    def __post_init__(self) -> None:
        """Refuse a card that could not be exported once hours were spent."""
        for name in ("name", "version", "licence", "description"):
            _require(getattr(self, name).strip() != "", f"`{name}` of the card must not be empty")
        _require(all(text.strip() for text in self.terms.values()), "`terms` of the card must not be empty")


class FitSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that decides what a fit makes of a manifest and a seed."""

    encoder: EncoderSettings = DEFAULT
    loss: LossSettings = LossSettings()
    optimiser: OptimiserSettings = OptimiserSettings()
    material: MaterialSettings = MaterialSettings()
    validation: ValidationSettings = ValidationSettings()
    card: CardSettings = CardSettings()


PAPER_OPTIMISER = OptimiserSettings(
    epochs=100, patience=100, batch=64, learning_rate=1e-4, weight_decay=0.0, averaging=0.0
)
"""Adam, as published: no decay, no average, no early stop."""

PAPER_LOSS = LossSettings(pairs="all", emotion_weight=0.0, label_smoothing=0.0)
"""The metric loss alone, over all pairs: what is learned of classes is read from the latent afterwards."""


def with_preset(settings: FitSettings, name: str) -> FitSettings:
    """The settings with the encoder and the optimiser of a preset, `paper` or `default`.

    Raises:
        ConfigurationError: the name is neither.

    """
    optimiser = PAPER_OPTIMISER if name == "paper" else OptimiserSettings()
    return msgspec.structs.replace(settings, encoder=preset(name), optimiser=optimiser)


def paper_settings(epochs: int | None) -> FitSettings:
    """The published programme, for so many epochs if not for its own."""
    optimiser = msgspec.structs.replace(PAPER_OPTIMISER, epochs=epochs or PAPER_OPTIMISER.epochs)
    return FitSettings(encoder=PAPER, loss=PAPER_LOSS, optimiser=optimiser)


def read_settings(path: Path) -> FitSettings:
    """Settings from a TOML file; what it leaves out keeps its default.

    Raises:
        ConfigurationError: the file cannot be read, is no TOML, or has an unknown option or a wrong value.

    """
    try:
        return msgspec.toml.decode(path.read_bytes(), type=FitSettings)
    except OSError as error:
        raise ConfigurationError(f"The settings {path} cannot be read ({error.strerror}).") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The settings {path} make no sense: {error}.") from error
