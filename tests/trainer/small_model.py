"""A model of the real parts with weights of chance, its card, and bad copies of it."""

from copy import deepcopy

import numpy as np
import torch

from cmlstream.models.affect import AffectModel, Calibration
from cmlstream.models.baseline import FeaturePrior
from cmlstream.models.contract import ModelCard
from cmlstream.models.egemaps import FrontEnd
from cmlstream.models.encoder import EncoderSettings
from cmlstream.trainer.export import card_of, whole_model
from cmlstream.trainer.network import initial_network
from cmlstream.trainer.reference import batched, reference_audio
from cmlstream.trainer.settings import CardSettings, FitSettings
from cmlstream.trainer.table import FeatureTable
from tests.trainer.corpus import invented_table

ENCODER = EncoderSettings(hidden=(12,), latent=4, dropout=0.2)
CARD = CardSettings(name="tiny", version="7", licence="CC0", terms={"corpus0": "CC0"})
FIGURES = {"unseen_speakers_uar": 0.5}


def small_model() -> AffectModel:
    """Its prior lies around the reference audio, so that scores are neither zero nor at their limit."""
    features_BF = FrontEnd()(*batched(reference_audio())).double().numpy()
    prior = FeaturePrior(features_BF.mean(0), features_BF.std(0) + 0.1 * np.abs(features_BF).mean(0) + 0.01)
    features = len(prior.mean_F)
    network = initial_network(features, FitSettings(encoder=ENCODER), seed=5)
    linear_F = tuple(np.linspace(-0.2, 0.2, features).tolist())
    square_F = tuple(np.linspace(-0.02, 0.01, features).tolist())
    return whole_model(network, prior, Calibration(1.3, linear_F, square_F, 0.25))


def small_card(model: AffectModel, table: FeatureTable | None = None) -> ModelCard:
    return card_of(model, table or invented_table(), CARD, FIGURES, "cmlstream-train fit x")


def deaf_model(names: tuple[str, ...]) -> AffectModel:
    """A model of other features, which somebody computed."""
    settings = FitSettings(encoder=ENCODER)
    prior = FeaturePrior(np.arange(len(names)), np.ones(len(names)))
    return whole_model(initial_network(len(names), settings, 6), prior, Calibration(0.7), names)


def tampered(model: AffectModel, value: float) -> AffectModel:
    """A copy with one weight of the head set to `value`."""
    copy = deepcopy(model)
    with torch.no_grad():
        copy.head.emotion.weight[1, 2] = value
    return copy
