"""`cmlstream-train reproduce`."""

import shlex
import sys
from pathlib import Path

import click

from .common import (
    DIRECTORY,
    cache_option,
    chosen,
    corpora_option,
    make_room_for,
    manifest_argument,
    material,
    one_sentence,
)


@click.command()
@manifest_argument
@click.option(
    "-o", "--output", type=DIRECTORY, required=True,
    help="The folder for results.md, results.json and history.jsonl.",
)  # fmt: skip
@click.option(
    "--epochs", type=click.IntRange(min=1), default=None, help="Passes of each network, 100 as published."
)
@corpora_option
@cache_option
@one_sentence
def reproduce(
    manifest: Path, output: Path, epochs: int | None, corpora: str | None, cache: Path | None
) -> None:
    """Run the paper's protocol on MANIFEST: every variant of the loss, five folds, five seeds.

    Speakers shared as published and apart, one language to all others, one language left out, the source
    languages to those of the role `transfer`; each with features normalised in three ways, beside support
    vector machines on the raw features. Clips of the role `transfer` are never trained on.
    """
    import torch

    from cmlstream.trainer import console
    from cmlstream.trainer.reproduce import run
    from cmlstream.trainer.reproduce.progress import tasks_done
    from cmlstream.trainer.reproduce.protocol import check
    from cmlstream.trainer.settings import paper_settings

    make_room_for(output / "results.md")
    torch.set_num_threads(1)  # every core has a process of its own
    source = material(manifest, cache)
    clips = chosen(source.clips, None, corpora)
    check(clips)
    plan = run.Plan(
        table=source.features_of(clips),
        settings=paper_settings(epochs),
        device=torch.device("cuda" if torch.cuda.is_available() else "cpu"),
        command=shlex.join(["cmlstream-train", *sys.argv[1:]]),
    )
    tasks = run.tasks_for(plan)
    with tasks_done(tasks) as on_task:
        found = run.reproduce(plan, tasks, on_task)
    run.write(found, output)
    console.note(f"{output / 'results.md'} written: {found.results.networks} networks")
