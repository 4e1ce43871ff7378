"""What a model has to have before it is written: a complete card, finite numbers, the sizes that it tells."""

from collections.abc import Iterator
from math import isfinite

import torch

from cmlstream.models.affect import AffectModel
from cmlstream.models.contract import ModelCard
from cmlstream.models.egemaps import FEATURE_NAMES
from cmlstream.models.errors import ConfigurationError, ModelError

TEXTS = ("name", "version", "created", "licence", "description", "limits", "label_scale", "recipe")


def check_card(card: ModelCard) -> None:
    """Refuse a card that leaves open what a model is, whose data it is made of, or how good it is.

    Every text has to say something, every corpus its terms, every figure a number. "not stated", as a licence
    or as terms, is an answer: people fit to corpora of their own, and lose no archive for it.

    Raises:
        ConfigurationError: something is missing; the sentence names all of it.

    """
    lacking = [*_empty_texts(card), *_unknown_corpora(card), *_unknown_figures(card)]
    if lacking:
        raise ConfigurationError(
            f"The card of the model `{card.name}` lacks {', '.join(lacking)}: complete [card] in the "
            "settings of `fit` and fit again, which with its --checkpoint trains nothing twice."
        )


def check_numbers(model: AffectModel | torch.jit.ScriptModule, card: ModelCard) -> None:
    """Refuse weights or constants that are not finite, and sizes other than the card's.

    Raises:
        ModelError: there are some; the sentence names the first.

    """
    constants = {name: torch.tensor(getattr(model, name)) for name in ("temperature", "novelty_offset")}
    for name, tensor in (model.state_dict() | constants).items():
        wrong = int((~torch.isfinite(tensor)).sum())
        if wrong:
            raise ModelError(
                f"The model `{card.name}` holds numbers that are not finite ({wrong} in `{name}`): fit it "
                "again, with a lower `learning_rate` if training ran away."
            )
    sizes = (len(model.mean_F), model.head.emotion.weight.shape[1])
    if sizes != (len(card.feature_names), card.embedding_size):
        raise ModelError(
            f"The model `{card.name}` makes {sizes[0]} features an embedding of {sizes[1]}, its card says "
            f"{len(card.feature_names)} and {card.embedding_size}: fit it again."
        )


def check_hears(card: ModelCard) -> None:
    """Refuse a model of features that no archive can compute from audio.

    Raises:
        ConfigurationError: they are not those of the front end.

    """
    if card.feature_names != FEATURE_NAMES:
        raise ConfigurationError(
            f"The model `{card.name}` takes {len(card.feature_names)} features that an archive cannot "
            "compute from audio: write it as ONNX, which takes features (-o NAME.onnx)."
        )


def _empty_texts(card: ModelCard) -> Iterator[str]:
    return (f"`{name}`" for name in TEXTS if not getattr(card, name).strip())


def _unknown_corpora(card: ModelCard) -> Iterator[str]:
    if not card.corpora:
        yield "its corpora"
    for corpus in card.corpora:
        if not corpus.terms.strip():
            yield f"the terms of the corpus `{corpus.name}`"


def _unknown_figures(card: ModelCard) -> Iterator[str]:
    if not card.metrics:
        yield "figures of clips that it never saw"
    for name, value in card.metrics.items():
        if not isfinite(value):
            yield f"the figure `{name}` (it is {value})"
