"""`cmlstream-train report`."""

from pathlib import Path

import click

from .common import (
    DIRECTORY,
    FILE,
    cache_option,
    chosen,
    corpora_option,
    corrections_option,
    make_room_for,
    manifest_argument,
    material,
    one_sentence,
    role_option,
)


@click.command()
@manifest_argument
@click.option(
    "-o", "--output", type=DIRECTORY, required=True, help="The folder for report.html and the pictures."
)
@click.option(
    "--model", default="default", show_default=True, help="The name of a model that ships, or an archive."
)
@click.option("--trust-model", is_flag=True, help="Accept an archive without its .sha256.")
@click.option("--history", type=FILE, default=None, help="The history.jsonl of fit or reproduce: curves.")
@click.option("--results", type=FILE, default=None, help="The results.json of reproduce: transfer.")
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
@role_option
@corpora_option
@corrections_option
@cache_option
@one_sentence
def report(
    manifest: Path,
    output: Path,
    model: str,
    trust_model: bool,
    history: Path | None,
    results: Path | None,
    normalisation: str,
    draws: int,
    seed: int,
    role: str | None,
    corpora: str | None,
    corrections: Path | None,
    cache: Path | None,
) -> None:
    """Show a model on the clips of MANIFEST: one self-contained page, its pictures beside it.

    The figures are those of `evaluate` for the same options. Neither audio nor names of clips or speakers are
    on the page.
    """
    import torch

    from cmlstream.models import archive
    from cmlstream.trainer import console
    from cmlstream.trainer.breakdown import check_labelled
    from cmlstream.trainer.intervals import Bootstrap
    from cmlstream.trainer.report.answers import answers_of
    from cmlstream.trainer.report.build import page_of
    from cmlstream.trainer.report.curves import curves
    from cmlstream.trainer.report.folder import PAGE, check_folder, write
    from cmlstream.trainer.report.transfer import transfer
    from cmlstream.trainer.table import Normalisation

    check_folder(output)
    make_room_for(output)
    torch.set_num_threads(1)  # the networks are small: more threads cost more than they bring
    loaded = archive.load(archive.path_of(model), trust=trust_model)
    training = curves(history)
    languages = transfer(results, Normalisation(normalisation))
    source = material(manifest, cache, corrections)
    clips = chosen(source.clips, role, corpora)
    check_labelled(clips)
    table = source.features_of(clips).of_features(loaded.card.feature_names)
    answers = answers_of(loaded, table, Normalisation(normalisation), Bootstrap(draws, seed))
    without_features = len(clips) - len(table.clips)
    write(page_of(answers, manifest.name, without_features, training, languages), output)
    console.note(f"{output / PAGE} written")
