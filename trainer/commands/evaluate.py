"""`cmlstream-train evaluate`."""

from pathlib import Path

import click

from .common import (
    cache_option,
    chosen,
    corpora_option,
    corrections_option,
    manifest_argument,
    material,
    one_sentence,
    role_option,
)


@click.command()
@manifest_argument
@click.option(
    "--model", default="default", show_default=True, help="The name of a model that ships, or an archive."
)
@click.option("--trust-model", is_flag=True, help="Accept an archive without its .sha256.")
@click.option(
    "--normalisation", type=click.Choice(["causal", "corpus", "none"]), default="causal", show_default=True,
    help="Against what features are scored: a stream's running baseline, all of a corpus, the prior alone.",
)  # fmt: skip
@click.option(
    "--draws", type=click.IntRange(min=1), default=1000, show_default=True,
    help="How often speakers are drawn for the intervals.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True,
    help="Of the order of each speaker's clips, and of the draws.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@role_option
@corpora_option
@corrections_option
@cache_option
@one_sentence
def evaluate(
    manifest: Path,
    model: str,
    trust_model: bool,
    normalisation: str,
    draws: int,
    seed: int,
    as_json: bool,
    role: str | None,
    corpora: str | None,
    corrections: Path | None,
    cache: Path | None,
) -> None:
    """Measure a model on the clips of MANIFEST: recall, correlation, calibration.

    Every figure has its 95 % bootstrap interval over speakers beside it. Clips of classes that the model does
    not know are left out of recognition and counted. MANIFEST may be a table of ready-made features, too.
    """
    from cmlstream.models import archive
    from cmlstream.trainer import console
    from cmlstream.trainer.breakdown import check_labelled
    from cmlstream.trainer.breakdown import evaluate as evaluation_of
    from cmlstream.trainer.intervals import Bootstrap
    from cmlstream.trainer.table import Normalisation

    loaded = archive.load(archive.path_of(model), trust=trust_model)
    source = material(manifest, cache, corrections)
    clips = chosen(source.clips, role, corpora)
    check_labelled(clips)
    table = source.features_of(clips).of_features(loaded.card.feature_names)
    for name in sorted({clip.corpus for clip in clips} & {corpus.name for corpus in loaded.card.corpora}):
        console.note(f"the model was trained on {name}, and looks better there than it is")
    result = evaluation_of(loaded, table, Normalisation(normalisation), Bootstrap(draws, seed))
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(result))
    else:
        from cmlstream.trainer.display import show

        show(console.output(), result, len(clips) - len(table.clips))
