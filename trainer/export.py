"""From a fitted network to an archive with its card; refused unless it holds what an archive promises.

Shapes: B batch, T samples, F features.
"""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from torch import Tensor, nn

from cmlstream.models import archive
from cmlstream.models.affect import AffectModel, Calibration
from cmlstream.models.baseline import FeaturePrior
from cmlstream.models.contract import ARCHIVE_FORMAT, EMOTIONS, SAMPLE_RATE, CorpusCard, ModelCard
from cmlstream.models.egemaps import FEATURE_NAMES, FrontEnd
from cmlstream.models.errors import ConfigurationError

from .agreement import check_scripted, check_streamed
from .completeness import check_card, check_hears, check_numbers
from .network import Network
from .settings import CardSettings
from .table import FeatureTable

WINDOW_S = 3.0
HOP_MS = 250

LABEL_SCALE = "activation and valence in [-1, 1]: (label - 3) / 2 of labels on the scale 1..5"

LIMITS = (
    "Trained on acted speech. It estimates the affect that a voice expresses as listeners would judge it, "
    "not what a person feels, and it is often wrong, above all for languages, microphones and ways of "
    "speaking unlike those of training. Never decide about a person by it. Inferring emotions of people at "
    "work or in education is prohibited in the EU (AI Act, Regulation (EU) 2024/1689, Article 5(1)(f)); "
    "people must be told that they are analysed."
)


class Deaf(nn.Module):
    """Stands where a front end would, in a model of features that no front end computes."""

    def forward(self, waveform_BT: Tensor, lengths_B: Tensor) -> Tensor:
        """Refuse audio."""
        raise RuntimeError("this model takes features, not audio")


def front_end_for(feature_names: Sequence[str]) -> nn.Module:
    """What computes these features from audio, or tells that nothing here does."""
    return FrontEnd() if tuple(feature_names) == FEATURE_NAMES else Deaf()


def whole_model(
    network: Network,
    prior: FeaturePrior,
    calibration: Calibration,
    feature_names: Sequence[str] = FEATURE_NAMES,
) -> AffectModel:
    """The network between its front end and its calibration, not scripted yet."""
    front_end = front_end_for(feature_names)
    return AffectModel(front_end, prior, network.autoencoder.encoder, network.head, calibration).eval()


def without_front_end(network: Network, prior: FeaturePrior) -> AffectModel:
    """A model for features that are at hand, before calibration."""
    return AffectModel(Deaf(), prior, network.autoencoder.encoder, network.head, Calibration()).eval()


def export(model: AffectModel, card: ModelCard, path: Path) -> str:
    """Check and write an archive; returns its SHA-256. What stood there stays, unless all is well.

    Raises:
        ConfigurationError: the card is incomplete, the features are not those of the front end, or `path`
            cannot be written.
        ModelError: the model holds numbers that are not finite, or other sizes than its card says.
        CmlstreamError: the scripted model answers otherwise than the one that was trained, or to audio in
            pieces otherwise than to all of it at once.

    """
    check_hears(card)
    check_card(card)
    check_numbers(model, card)
    scripted = archive.script(model)
    check_scripted(model, scripted)
    check_streamed(scripted)
    try:
        return archive.save(model, card, path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written ({error.strerror}): name another -o.") from error


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
        feature_set="eGeMAPSv02" if table.feature_names == FEATURE_NAMES else "ready-made",
        feature_names=table.feature_names,
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
