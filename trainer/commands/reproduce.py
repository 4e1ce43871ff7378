"""`cmlstream-train reproduce`."""

import sys
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
    recipe_of,
)


@click.command()
@manifest_argument
@click.option(
    "-o", "--output", type=DIRECTORY, required=True,
    help="The folder for results.md, results.json and history.jsonl.",
)  # fmt: skip
@click.option("--config", type=FILE, default=None, help="Settings of ours in TOML, as `fit` takes them.")
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    default=None,
    help="Passes of each of the paper's networks, 100 as published.",
)
@corpora_option
@corrections_option
@cache_option
@one_sentence
def reproduce(
    manifest: Path,
    output: Path,
    config: Path | None,
    epochs: int | None,
    corpora: str | None,
    corrections: Path | None,
    cache: Path | None,
) -> None:
    """Run the paper's protocol and ours on MANIFEST: every variant of the loss, five folds, five seeds.

    Speakers shared as published and apart, one language to all others, one language left out, the source
    languages to those of the role `transfer`; each with features normalised in three ways, beside support
    vector machines on the raw features. Clips of the role `transfer` are never trained on.

    Ours is what `fit` makes of the settings, trained to their last epoch: for one language left out and for
    the role `transfer`, with its confidence, and with what the model must reach.
    """
    import torch

    from cmlstream.trainer import console
    from cmlstream.trainer.reproduce import run
    from cmlstream.trainer.reproduce.ours import Recipe
    from cmlstream.trainer.reproduce.progress import tasks_done
    from cmlstream.trainer.reproduce.protocol import check
    from cmlstream.trainer.settings import FitSettings, paper_settings, read_settings

    versions = run.versions()
    make_room_for(output / "results.md")
    torch.set_num_threads(1)  # every core has a process of its own
    settings = read_settings(config) if config else FitSettings()
    source = material(manifest, cache, corrections)
    clips = chosen(source.clips, None, corpora)
    check(clips)
    sources = [clip for clip in clips if clip.role == "source"]
    plan = run.Plan(
        table=source.features_of(clips),
        settings=paper_settings(epochs),
        recipe=Recipe(settings, source.takes_of(sources, settings.material.takes)),
        device=torch.device("cuda" if torch.cuda.is_available() else "cpu"),
        command=recipe_of(sys.argv[1:]),
        versions=versions,
    )
    tasks = run.tasks_for(plan)
    with tasks_done(tasks) as on_task:
        found = run.reproduce(plan, tasks, on_task)
    run.write(found, output)
    console.note(f"{output / 'results.md'} written: {found.results.networks} networks")
