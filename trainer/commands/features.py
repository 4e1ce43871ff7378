"""`cmlstream-train features`."""

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
@role_option
@corpora_option
@cache_option
@one_sentence
def features(manifest: Path, role: str | None, corpora: str | None, cache: Path | None) -> None:
    """Compute the features of all clips of MANIFEST and keep them for `fit` and `evaluate`."""
    from cmlstream.trainer import console
    from cmlstream.trainer.manifest import read_manifest

    table = features_of(chosen(read_manifest(manifest), role, corpora), cache)
    console.note(f"{len(table.whole_N)} regions and windows of {len(table.clips)} clips")
