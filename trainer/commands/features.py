"""`cmlstream-train features`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import (
    FILE,
    cache_option,
    chosen,
    corpora_option,
    make_room_for,
    manifest_argument,
    material,
    one_sentence,
    role_option,
)

if TYPE_CHECKING:
    from cmlstream.trainer.table import FeatureTable


@click.command()
@manifest_argument
@click.option(
    "-o", "--output", type=FILE, default=None,
    help="Write them as a table, too: a row per clip, its longest region of speech; .csv or .parquet.",
)  # fmt: skip
@role_option
@corpora_option
@cache_option
@one_sentence
def features(
    manifest: Path, output: Path | None, role: str | None, corpora: str | None, cache: Path | None
) -> None:
    """Compute the features of all clips of MANIFEST and keep them for `fit` and `evaluate`.

    Clips that are kept already are not computed again, so an interrupted run goes on where it stopped. Files
    that are broken are told and left out. MANIFEST may be a table of ready-made features (CSV or Parquet),
    which is checked.
    """
    from cmlstream.trainer import console
    from cmlstream.trainer.feature_files import check_output, write_features

    if output is not None:
        check_output(output)
        make_room_for(output)
    source = material(manifest, cache)
    clips = chosen(source.clips, role, corpora)
    table = source.features_of(clips)
    if output is not None:
        write_features(table, output, manifest.parent)
        console.note(f"{output} written")
    console.note(_summary(table, len(clips)))


def _summary(table: "FeatureTable", clips: int) -> str:
    regions = int(table.whole_N.sum())
    minutes = table.speech_s_N[table.whole_N].sum() / 60
    return (
        f"{len(table.clips)} of {clips} clips have features: {regions} regions of speech, {minutes:.1f} min, "
        f"and {len(table.whole_N) - regions} windows; {clips - len(table.clips)} skipped"
    )
