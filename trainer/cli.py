"""`cmlstream-train`: parse, call, print. Heavy imports wait until a command needs them."""

import shlex
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

import click

from cmlstream.models.errors import CmlstreamError, ConfigurationError

if TYPE_CHECKING:
    from .manifest import Clip
    from .settings import FitSettings
    from .table import FeatureTable

P = ParamSpec("P")

FILE = click.Path(path_type=Path, dir_okay=False)
DIRECTORY = click.Path(path_type=Path, file_okay=False)


def _one_sentence(command: Callable[P, None]) -> Callable[P, None]:
    """Turn errors raised on purpose into a sentence and their exit code."""

    @wraps(command)
    def guarded(*arguments: P.args, **options: P.kwargs) -> None:
        try:
            command(*arguments, **options)
        except CmlstreamError as error:
            click.echo(f"cmlstream-train: {error}", err=True)
            sys.exit(error.exit_code)

    return guarded


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cmlstream")
def main() -> None:
    """Train, measure and export models of speech affect by continuous metric learning."""


manifest_argument = click.argument("manifest", type=FILE)
role_option = click.option("--role", default=None, help="Take only clips of this role.")
corpora_option = click.option("--corpora", default=None, help="Take only these corpora: A,B,C.")
cache_option = click.option("--cache", type=DIRECTORY, default=None, help="Where features are kept.")


@main.command()
@manifest_argument
@click.option("-o", "--output", type=FILE, required=True, help="The archive to write.")
@click.option("--config", type=FILE, default=None, help="Settings in TOML; options below take precedence.")
@click.option("--preset", type=click.Choice(["default", "paper"]), default=None, help="Size of the encoder.")
@click.option(
    "--variant", type=click.Choice(["none", "act", "val", "actval", "cluster", "elr"]), default=None,
    help="The metric loss.",
)  # fmt: skip
@click.option("--epochs", type=click.IntRange(min=1), default=None, help="At most so many passes a run.")
@click.option("--seed", type=int, default=4, show_default=True, help="Decides folds, weights and noise.")
@click.option(
    "--checkpoint", type=DIRECTORY, default=None, help="Leave checkpoints here and resume from them."
)
@role_option
@corpora_option
@cache_option
@_one_sentence
def fit(
    manifest: Path,
    output: Path,
    config: Path | None,
    preset: str | None,
    variant: str | None,
    epochs: int | None,
    seed: int,
    checkpoint: Path | None,
    role: str | None,
    corpora: str | None,
    cache: Path | None,
) -> None:
    """Fit a model to the clips of MANIFEST and write its archive.

    Clips of the role `transfer` are never fitted to: where the manifest has some, the finished model is
    measured on them.
    """
    import torch

    from . import console
    from .folds import check_speakers
    from .manifest import check_trainable, read_manifest
    from .recipe import Plan, fit_archive

    _make_room_for(output)
    torch.set_num_threads(1)  # the networks are small: more threads cost more than they bring
    settings = _settings(config, preset, variant, epochs)
    everything = read_manifest(manifest)
    transfer = [clip for clip in everything if clip.role == "transfer"]
    clips = [clip for clip in _chosen(everything, role, corpora) if clip.role != "transfer"]
    check_trainable(clips)
    check_speakers(clips)
    table = _features(clips, cache)
    plan = Plan(
        table=table,
        transfer=_features(transfer, cache) if transfer else None,
        settings=settings,
        seed=seed,
        checkpoints=checkpoint,
        command=shlex.join(["cmlstream-train", *sys.argv[1:]]),
    )
    with console.epochs() as report:
        outcome = fit_archive(plan, output, report)
    console.figures({"unseen speakers": outcome.unseen_speakers} | outcome.transfer)
    console.note(f"{output} written, SHA-256 {outcome.sha256}")


@main.command()
@manifest_argument
@role_option
@corpora_option
@cache_option
@_one_sentence
def features(manifest: Path, role: str | None, corpora: str | None, cache: Path | None) -> None:
    """Compute the features of all clips of MANIFEST and keep them for `fit` and `evaluate`."""
    from . import console
    from .manifest import read_manifest

    table = _features(_chosen(read_manifest(manifest), role, corpora), cache)
    console.note(f"{len(table.whole_N)} regions and windows of {len(table.clips)} clips")


@main.command()
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
@_one_sentence
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

    from . import console
    from .evaluation import evaluate as evaluation_of
    from .manifest import read_manifest
    from .table import Normalisation

    loaded = archive.load(archive.default_path() if model == "default" else Path(model), trust=trust_model)
    table = _features(_chosen(read_manifest(manifest), role, corpora), cache)
    result = evaluation_of(loaded, table, Normalisation(normalisation), seed)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(result))
    else:
        console.evaluation(result)


def _make_room_for(output: Path) -> None:
    """Make the output's folder before hours are spent on what goes there."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"{output} cannot be written ({error.strerror}): name another -o."
        ) from error


def _settings(
    config: Path | None, preset_name: str | None, variant: str | None, epochs: int | None
) -> "FitSettings":
    import msgspec

    from cmlstream.models.encoder import preset

    from .settings import FitSettings, read_settings

    settings = read_settings(config) if config else FitSettings()
    try:
        changes = {
            "encoder": preset(preset_name) if preset_name else settings.encoder,
            "loss": msgspec.structs.replace(settings.loss, variant=variant or settings.loss.variant),
            "optimiser": msgspec.structs.replace(
                settings.optimiser, epochs=epochs or settings.optimiser.epochs
            ),
        }
    except ValueError as error:
        raise ConfigurationError(f"The options make no sense: {error}.") from error
    return msgspec.structs.replace(settings, **changes)


def _chosen(clips: "Sequence[Clip]", role: str | None, corpora: str | None) -> "Sequence[Clip]":
    from .manifest import of_corpora, of_role

    if role:
        clips = of_role(clips, role)
    return of_corpora(clips, corpora.split(",")) if corpora else clips


def _features(clips: "Sequence[Clip]", cache: Path | None) -> "FeatureTable":
    from . import console
    from .features import default_cache, extract

    with console.clips(len(clips)) as on_clip:
        table, problems = extract(clips, cache or default_cache(), on_clip)
    for problem in problems:
        console.note(f"skipped: {problem.reason}")
    return table
