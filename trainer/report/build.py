"""The page of a model, put together."""

from importlib.metadata import version

from cmlstream.models.contract import ModelCard

from .answers import Answers
from .content import Page, Section, Sheet
from .drivers import drivers
from .latent import latent
from .measured import confusions, figures, reliability
from .pairs import pairs


def page_of(
    answers: Answers, manifest: str, without_features: int, training: Section, transfer: Section
) -> Page:
    """Everything about a model and the clips that it is shown on, named by their manifest."""
    card, evaluation = answers.archive.card, answers.evaluation
    return Page(
        title=f"{card.name} {card.version}",
        description=card.description,
        limits=card.limits,
        facts=tuple(_facts(answers, manifest).items()),
        sections=(
            _card(card),
            figures(evaluation, without_features),
            reliability(evaluation.overall),
            confusions(evaluation),
            latent(answers),
            pairs(answers),
            drivers(answers),
            training,
            transfer,
        ),
    )


def _facts(answers: Answers, manifest: str) -> dict[str, str]:
    card, clips, bootstrap = answers.archive.card, answers.clips, answers.bootstrap
    corpora, speakers = len({clip.corpus for clip in clips}), len({clip.speaker for clip in clips})
    return {
        "Licence": card.licence,
        "Made": card.created,
        "SHA-256": answers.archive.sha256,
        "Size": f"{card.parameters:,} weights, an embedding of {card.embedding_size}, {card.feature_set}",
        "Scale": card.label_scale,
        "Recipe": card.recipe,
        "Shown on": f"{manifest}: clips {len(clips)}, speakers {speakers}, corpora {corpora}",
        "Intervals": f"95 %, {bootstrap.draws} draws of speakers, seed {bootstrap.seed}",
        "Program": f"cmlstream {version('cmlstream')}",
    }


def _card(card: ModelCard) -> Section:
    corpora = tuple(
        (each.name, each.language, str(each.clips), f"{each.speech_s / 60:.0f}", each.terms)
        for each in card.corpora
    )
    sheets = [Sheet("Trained on", ("corpus", "language", "clips", "minutes", "terms"), corpora)]
    if card.metrics:
        rows = tuple((name.replace("_", " "), f"{value:g}") for name, value in card.metrics.items())
        sheets.append(Sheet("Figures on its card, of clips that it never saw", ("figure", "value"), rows))
    sentences = (
        "What the model says of itself. Where the sections below show it on corpora of this list, it may "
        "have been trained on the same clips: it looks better there than it is.",
    )
    return Section("card", "Card and terms", sentences, sheets=tuple(sheets))
