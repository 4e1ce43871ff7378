"""`cmlstream-train fit`."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cmlstream.models.errors import ConfigurationError

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
    recipe_of,
    role_option,
)

if TYPE_CHECKING:
    from cmlstream.trainer.ensemble import Progress
    from cmlstream.trainer.fitting import Report
    from cmlstream.trainer.settings import FitSettings


@click.command()
@manifest_argument
@click.option("-o", "--output", type=FILE, required=True, help="The archive to write.")
@click.option("--config", type=FILE, default=None, help="Settings in TOML; options below take precedence.")
@click.option(
    "--preset", type=click.Choice(["default", "paper"]), default=None, help="Network and optimiser."
)
@click.option(
    "--variant", type=click.Choice(["none", "act", "val", "actval", "cluster", "elr"]), default=None,
    help="The metric loss.",
)  # fmt: skip
@click.option("--epochs", type=click.IntRange(min=1), default=None, help="At most so many passes a run.")
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=4, show_default=True,
    help="Decides folds, weights and noise.",
)  # fmt: skip
@click.option(
    "--checkpoint", type=DIRECTORY, default=None, help="Leave checkpoints here and resume from them."
)
@click.option("--tensorboard", type=DIRECTORY, default=None, help="Write the curves here for TensorBoard.")
@role_option
@corpora_option
@corrections_option
@cache_option
@one_sentence
def fit(
    manifest: Path,
    output: Path,
    config: Path | None,
    preset: str | None,
    variant: str | None,
    epochs: int | None,
    seed: int,
    checkpoint: Path | None,
    tensorboard: Path | None,
    role: str | None,
    corpora: str | None,
    corrections: Path | None,
    cache: Path | None,
) -> None:
    """Fit a model to the clips of MANIFEST and write its archive.

    Clips of the role `transfer` are never fitted to: where the manifest has some, the finished model is
    measured on them. Under `torchrun --no-python` every process trains its share of the networks.
    """
    import torch

    from cmlstream.trainer import console, processes
    from cmlstream.trainer.features import default_cache
    from cmlstream.trainer.finished import NAME
    from cmlstream.trainer.manifest import check_trainable
    from cmlstream.trainer.ready_made import check_servable
    from cmlstream.trainer.recipe import Plan, fit_archive

    make_room_for(output)
    torch.set_num_threads(1)  # the networks are small: more threads cost more than they bring
    settings = _settings(config, preset, variant, epochs)
    source = material(manifest, cache, corrections)
    transfer = [clip for clip in source.clips if clip.role == "transfer"]
    clips = [clip for clip in chosen(source.clips, role, corpora) if clip.role != "transfer"]
    check_trainable(clips)
    with processes.together(), _listeners(checkpoint, tensorboard) as report:
        with processes.first_then_others():
            table = source.features_of(clips)
            takes = source.takes_of(clips, settings.material.takes)
            transferred = source.features_of(transfer) if transfer else None
        check_servable(table)
        if checkpoint:
            make_room_for(checkpoint / NAME, "--checkpoint")
        if tensorboard:
            make_room_for(tensorboard / "curves", "--tensorboard")
        plan = Plan(
            table=table,
            takes=takes,
            transfer=transferred,
            settings=settings,
            seed=seed,
            checkpoints=checkpoint,
            command=recipe_of(sys.argv[1:]),
            device=processes.device(),
            cache=cache or default_cache(),
        )
        outcome = fit_archive(plan, output, report)
        if processes.rank() == 0:
            console.figures(outcome.unseen | outcome.transfer)
            console.note(f"{output} written, SHA-256 {outcome.sha256}")


@contextmanager
def _listeners(checkpoint: Path | None, tensorboard: Path | None) -> Iterator["Report"]:
    """Everyone who is told of an epoch: the terminal, the curves beside the checkpoints, TensorBoard."""
    from cmlstream.trainer import board, console, processes
    from cmlstream.trainer.history import History

    with ExitStack() as stack:
        told: list[Report] = []
        if processes.rank() == 0:
            told.append(stack.enter_context(console.epochs()))
        if checkpoint:
            told.append(History(checkpoint).add)
        if tensorboard:
            told.append(stack.enter_context(board.scalars(tensorboard)))

        def report(run: str, progress: "Progress") -> None:
            for tell in told:
                tell(run, progress)

        yield report


def _settings(
    config: Path | None, preset_name: str | None, variant: str | None, epochs: int | None
) -> "FitSettings":
    import msgspec

    from cmlstream.trainer.settings import FitSettings, read_settings, with_preset

    settings = read_settings(config) if config else FitSettings()
    settings = with_preset(settings, preset_name) if preset_name else settings
    try:
        changes = {
            "loss": msgspec.structs.replace(settings.loss, variant=variant or settings.loss.variant),
            "optimiser": msgspec.structs.replace(
                settings.optimiser, epochs=epochs or settings.optimiser.epochs
            ),
        }
    except ValueError as error:
        raise ConfigurationError(f"The options make no sense: {error}.") from error
    return msgspec.structs.replace(settings, **changes)
