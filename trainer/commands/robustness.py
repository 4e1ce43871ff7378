"""`cmlstream-train robustness`."""

from pathlib import Path

import click

from cmlstream.models.errors import ConfigurationError

from .common import (
    DIRECTORY,
    Recordings,
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
@click.option("--noise", type=DIRECTORY, default=None, help="A folder of recordings of noise.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True,
    help="Of the order of each speaker's clips.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@role_option
@corpora_option
@corrections_option
@cache_option
@one_sentence
def robustness(
    manifest: Path,
    model: str,
    trust_model: bool,
    noise: Path | None,
    seed: int,
    as_json: bool,
    role: str | None,
    corpora: str | None,
    corrections: Path | None,
    cache: Path | None,
) -> None:
    """Measure what gain, noise, a telephone and a room do to a model's answers on the clips of MANIFEST.

    Each clip under each condition is held against the same clip as it was recorded, at three stages of a
    stream's baseline: cold, adapting (30 s of the speaker under this condition heard), adapted (5 minutes).
    """
    from cmlstream.models import archive
    from cmlstream.trainer import console
    from cmlstream.trainer.conditions import every_condition, recordings_in
    from cmlstream.trainer.features import default_cache
    from cmlstream.trainer.robustness_report import report_of

    loaded = archive.load(archive.path_of(model), trust=trust_model)
    source = material(manifest, cache, corrections)
    if not isinstance(source, Recordings):
        raise ConfigurationError(
            f"{manifest} holds ready-made features: name recordings, whose audio is changed."
        )
    # Those that give features: broken files are told and left out.
    clips = source.features_of(chosen(source.clips, role, corpora)).clips
    conditions = every_condition(recordings_in(noise) if noise else [])
    if not noise:
        console.note("without --noise FOLDER noise is left out")
    with console.clips(len(clips) * (1 + len(conditions))) as on_clip:
        result = report_of(loaded, clips, conditions, cache or default_cache(), seed, on_clip)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(result))
    else:
        from cmlstream.trainer.robustness_table import show

        show(console.output(), result)
