"""`cmlstream-train evaluate`."""

from pathlib import Path

import click

from .common import (
    cache_option,
    chosen,
    corpora_option,
    features_of,
    manifest_argument,
    one_sentence,
    role_option,
)


@click.command()
@manifest_argument
@click.option("--model", default="default", show_default=True, help="`default` or an archive.")
@click.option("--trust-model", is_flag=True, help="Accept an archive without its .sha256.")
@click.option(
    "--normalisation", type=click.Choice(["causal", "corpus", "none"]), default="causal", show_default=True,
    help="Against what features are scored: a stream's running baseline, all of a corpus, the prior alone.",
)  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="Of the order of each speaker's clips.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@role_option
@corpora_option
@cache_option
@one_sentence
def evaluate(
    manifest: Path,
    model: str,
    trust_model: bool,
    normalisation: str,
    seed: int,
    as_json: bool,
    role: str | None,
    corpora: str | None,
    cache: Path | None,
) -> None:
    """Measure a model on the clips of MANIFEST: recall, correlation, calibration."""
    from cmlstream.models import archive
    from cmlstream.trainer import console
    from cmlstream.trainer.evaluation import evaluate as evaluation_of
    from cmlstream.trainer.manifest import read_manifest
    from cmlstream.trainer.table import Normalisation

    loaded = archive.load(archive.default_path() if model == "default" else Path(model), trust=trust_model)
    table = features_of(chosen(read_manifest(manifest), role, corpora), cache)
    result = evaluation_of(loaded, table, Normalisation(normalisation), seed)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(result))
    else:
        console.evaluation(result)
