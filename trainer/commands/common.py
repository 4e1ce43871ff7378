"""What several commands share: options, errors as sentences, and the clips and features they begin with."""

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, ParamSpec

import click

from cmlstream.models.errors import CmlstreamError, ConfigurationError

if TYPE_CHECKING:
    from cmlstream.trainer.conditions import Condition
    from cmlstream.trainer.manifest import Clip
    from cmlstream.trainer.table import FeatureTable

P = ParamSpec("P")

FILE = click.Path(path_type=Path, dir_okay=False)
DIRECTORY = click.Path(path_type=Path, file_okay=False)

TRAIN_EXTRA = ("jinja2", "matplotlib", "scipy", "sklearn")
"""What `cmlstream` by itself does without."""

WHEREABOUTS = ("--cache", "--checkpoint", "--tensorboard")
"""Options that say where things are kept on a machine, and change nothing in what is made."""

manifest_argument = click.argument("manifest", type=FILE)
role_option = click.option("--role", default=None, help="Take only clips of this role.")
corpora_option = click.option("--corpora", default=None, help="Take only these corpora: A,B,C.")
cache_option = click.option("--cache", type=DIRECTORY, default=None, help="Where features are kept.")
corrections_option = click.option(
    "--corrections", type=FILE, default=None, help="Classes that a corpus names wrongly, in TOML."
)


def one_sentence(command: Callable[P, None]) -> Callable[P, None]:
    """Turn errors raised on purpose into a sentence and their exit code."""

    @wraps(command)
    def guarded(*arguments: P.args, **options: P.kwargs) -> None:
        try:
            command(*arguments, **options)
        except CmlstreamError as error:
            _refuse(error)
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if package not in TRAIN_EXTRA:
                raise
            _refuse(
                ConfigurationError(
                    f"This command needs the package `{package}`: "
                    "install it with `pip install 'cmlstream[train]'`."
                )
            )

    return guarded


def _refuse(error: CmlstreamError) -> NoReturn:
    click.echo(f"cmlstream-train: {error}", err=True)
    sys.exit(error.exit_code)


def recipe_of(arguments: Sequence[str]) -> str:
    """The command as it was typed, without where this machine keeps things: it is published with a model."""
    told, left = [], iter(arguments)
    for argument in left:
        option, equals, _ = argument.partition("=")
        if option not in WHEREABOUTS:
            told.append(argument)
        elif not equals:
            next(left, None)
    return shlex.join(["cmlstream-train", *told])


def make_room_for(output: Path, option: str = "-o") -> None:
    """Make the folder of what an option names, before hours are spent on what goes there."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"{output} cannot be written ({error.strerror}): name another {option}."
        ) from error


def chosen(clips: "Sequence[Clip]", role: str | None, corpora: str | None) -> "Sequence[Clip]":
    """The clips of a role and of some corpora, separated by commas."""
    from cmlstream.trainer.manifest import of_corpora, of_role

    if role:
        clips = of_role(clips, role)
    return of_corpora(clips, corpora.split(",")) if corpora else clips


@dataclass(frozen=True, slots=True, eq=False)
class Recordings:
    """A manifest: clips whose features are computed when they are asked for."""

    clips: "Sequence[Clip]"
    cache: Path | None

    def features_of(self, clips: "Sequence[Clip]") -> "FeatureTable":
        """The features of some of the clips; labels that they contradict are told."""
        from cmlstream.trainer import console
        from cmlstream.trainer.plausibility import doubts

        table = features_of(clips, self.cache)
        for doubt in doubts(table):
            console.note(doubt)
        return table

    def takes_of(self, clips: "Sequence[Clip]", count: int) -> "tuple[FeatureTable, ...]":
        """The features of some of the clips heard so often once more, under other conditions."""
        from cmlstream.trainer.takes import in_take, take

        return tuple(
            features_of([in_take(clip, number) for clip in clips], self.cache, take(number))
            for number in range(1, count + 1)
        )


@dataclass(frozen=True, slots=True, eq=False)
class ReadyMade:
    """A table of features that somebody computed: nothing is left to do but to choose."""

    table: "FeatureTable"

    @property
    def clips(self) -> "Sequence[Clip]":
        """A clip for each row."""
        return self.table.clips

    def features_of(self, clips: "Sequence[Clip]") -> "FeatureTable":
        """The features of some of the clips."""
        return self.table.of_clips(clips)

    def takes_of(self, clips: "Sequence[Clip]", count: int) -> "tuple[FeatureTable, ...]":
        """None: there is no audio to hear once more."""
        return ()


def material(manifest: Path, cache: Path | None, corrections: Path | None = None) -> Recordings | ReadyMade:
    """What MANIFEST names: recordings, or ready-made features; checked, corrected, and told about."""
    from cmlstream.trainer import console
    from cmlstream.trainer.columns import unknown
    from cmlstream.trainer.corrections import corrected, read_corrections
    from cmlstream.trainer.manifest import read_manifest
    from cmlstream.trainer.ready_made import holds_features, read_features
    from cmlstream.trainer.sheets import opened

    wrong = read_corrections(corrections) if corrections else {}
    if holds_features(manifest):
        ready_made = read_features(manifest)
        for sentence in ready_made.notes:
            console.note(sentence)
        table = ready_made.table
        return ReadyMade(replace(table, clips=tuple(corrected(table.clips, wrong))))
    clips = corrected(read_manifest(manifest), wrong)
    with opened(manifest) as sheet:
        unused = unknown(sheet.columns)
    if unused:
        console.note(f"columns of {manifest} that nothing is made of: {', '.join(unused)}")
    return Recordings(clips, cache)


def features_of(
    clips: "Sequence[Clip]", cache: Path | None, condition: "Condition | None" = None
) -> "FeatureTable":
    """The features of clips, with a progress bar and a line for each clip that gives none."""
    from cmlstream.trainer import console
    from cmlstream.trainer.conditions import CLEAN
    from cmlstream.trainer.features import default_cache, extract

    try:
        with console.clips(len(clips)) as on_clip:
            table, problems = extract(clips, cache or default_cache(), on_clip, condition or CLEAN)
    except KeyboardInterrupt:
        console.note("interrupted: what is computed is kept, and the same command goes on from there")
        raise
    for problem in problems:
        console.note(f"skipped: {problem.reason}")
    return table
