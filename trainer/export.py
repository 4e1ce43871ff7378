"""From a fitted network to an archive with its card; refused unless scripting changed nothing.

Shapes: B batch, T samples.
"""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from torch import nn

from cmlstream.models import archive
from cmlstream.models.affect import AffectModel, Calibration
from cmlstream.models.baseline import FeaturePrior
from cmlstream.models.contract import ARCHIVE_FORMAT, EMOTIONS, SAMPLE_RATE, CorpusCard, ModelCard
from cmlstream.models.egemaps import FEATURE_NAMES, FrontEnd
from cmlstream.models.errors import CmlstreamError

from .fitting import Network
from .settings import CardSettings
from .table import FeatureTable

WINDOW_S = 3.0
HOP_MS = 250

TOLERANCE = 1e-4

LABEL_SCALE = "activation and valence in [-1, 1]: (label - 3) / 2 of labels on the scale 1..5"

LIMITS = (
    "Trained on acted speech. It estimates the affect that a voice expresses as listeners would judge it, "
    "not what a person feels, and it is often wrong, above all for languages, microphones and ways of "
    "speaking unlike those of training. Never decide about a person by it. Inferring emotions of people at "
    "work or in education is prohibited in the EU (AI Act, Regulation (EU) 2024/1689, Article 5(1)(f)); "
    "people must be told that they are analysed."
)


def whole_model(network: Network, prior: FeaturePrior, calibration: Calibration) -> AffectModel:
    """The network between the front end and its calibration, not scripted yet."""
    return AffectModel(FrontEnd(), prior, network.autoencoder.encoder, network.head, calibration).eval()


def without_front_end(network: Network, prior: FeaturePrior) -> AffectModel:
    """A model for features that are at hand, before calibration."""
    identity = nn.Identity()
    return AffectModel(identity, prior, network.autoencoder.encoder, network.head, Calibration()).eval()


def export(model: AffectModel, card: ModelCard, path: Path) -> str:
    """Check and write an archive; returns its SHA-256.

    Raises:
        CmlstreamError: the scripted model answers otherwise than the one that was trained.

    """
    waveform_BT, lengths_B = reference_audio()
    with torch.inference_mode():
        eager = model(waveform_BT, lengths_B)
        scripted = archive.script(model)(waveform_BT, lengths_B)
    for name, one, other in zip(eager._fields, eager, scripted, strict=True):
        if not torch.allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE):
            difference = float((one - other).abs().max())
            raise CmlstreamError(
                f"Scripting changed `{name}` by {difference:.2g} on the reference audio: nothing was written."
            )
    return archive.save(model, card, path)


def reference_audio() -> tuple[torch.Tensor, torch.Tensor]:
    """Three generated waveforms of 1, 2 and 3 s: gliding harmonics in noise, noise alone, a pulsing tone."""
    generator = np.random.default_rng(20220314)
    seconds_T = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    noise_BT = generator.normal(0, 0.003, (3, len(seconds_T)))
    cycles_T = np.cumsum(140 + 40 * np.sin(2 * np.pi * 0.7 * seconds_T)) / SAMPLE_RATE
    voice_T = sum(np.sin(2 * np.pi * harmonic * cycles_T) / harmonic for harmonic in range(1, 20))
    pulse_T = np.sin(2 * np.pi * 220 * seconds_T) * (np.sin(2 * np.pi * 4 * seconds_T) > 0)
    waveform_BT = noise_BT + np.stack([0.2 * voice_T, 0.0 * seconds_T, 0.3 * pulse_T])
    lengths_B = torch.tensor([3 * SAMPLE_RATE, 2 * SAMPLE_RATE, SAMPLE_RATE])
    return torch.from_numpy(waveform_BT.clip(-1, 0.9999).astype(np.float32)), lengths_B


def card_of(
    model: AffectModel,
    table: FeatureTable,
    settings: CardSettings,
    metrics: dict[str, float],
    recipe: str,
) -> ModelCard:
    """Everything an archive says of itself."""
    return ModelCard(
        format=ARCHIVE_FORMAT,
        name=settings.name,
        version=settings.version,
        created=_today(),
        licence=settings.licence,
        description=settings.description,
        limits=LIMITS,
        sample_rate=SAMPLE_RATE,
        window_s=WINDOW_S,
        hop_ms=HOP_MS,
        feature_set="eGeMAPSv02",
        feature_names=FEATURE_NAMES,
        emotions=EMOTIONS,
        embedding_size=model.head.emotion.in_features,
        label_scale=LABEL_SCALE,
        parameters=sum(
            parameter.numel() for part in (model.encoder, model.head) for parameter in part.parameters()
        ),
        corpora=tuple(_corpora(table, settings.terms)),
        metrics=metrics,
        recipe=recipe,
    )


def _corpora(table: FeatureTable, terms: dict[str, str]) -> Sequence[CorpusCard]:
    corpus_N = table.per_row([clip.corpus for clip in table.clips])
    cards = []
    for name in sorted({clip.corpus for clip in table.clips}):
        clips = [clip for clip in table.clips if clip.corpus == name]
        speech_s = table.speech_s_N[(corpus_N == name) & table.whole_N].sum()
        cards.append(
            CorpusCard(
                name=name,
                language=clips[0].language,
                clips=len(clips),
                speech_s=round(float(speech_s), 1),
                terms=terms.get(name, "not stated"),
            )
        )
    return cards


def _today() -> str:
    # SOURCE_DATE_EPOCH is the convention by which a build is made again byte for byte.
    moment = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    return datetime.fromtimestamp(moment, UTC).date().isoformat()
