"""All tasks on all cores, and what came of them."""

import platform
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from time import monotonic

import msgspec
import torch

from cmlstream.trainer import history
from cmlstream.trainer.aside import written_aside
from cmlstream.trainer.losses import VARIANTS
from cmlstream.trainer.settings import FitSettings
from cmlstream.trainer.table import FeatureTable, Normalisation
from cmlstream.trainer.workers import on_all_cores

from . import baselines, networks, ours
from .baselines import BaselineOutcome, BaselineTask, baseline_task
from .gains import PLAIN, gains_of
from .judging import judge
from .marks import marks_of
from .networks import Outcome, Task, tasks_of
from .ours import OursOutcome, OursTask, Recipe, ours_tasks
from .protocol import SEEDS, all_splits
from .records import records_of
from .results import Results, Versions
from .tables import render

AnyTask = Task | BaselineTask | OursTask
AnyOutcome = Outcome | BaselineOutcome | OursOutcome


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What to reproduce, and what with."""

    table: FeatureTable
    settings: FitSettings
    """Of the paper's networks."""
    recipe: Recipe
    """Of ours."""
    device: torch.device
    command: str
    """What was typed."""
    versions: Versions
    """What it is computed with, as it begins: a checkout may go on meanwhile."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The results, and the curves of all runs."""

    results: Results
    curves: list[history.Line]


def tasks_for(plan: Plan) -> list[AnyTask]:
    """Everything there is to do, the longest first, so that no core is left with it alone at the end.

    Raises:
        CorpusError: the clips do not allow the protocols.

    """
    splits = all_splits(plan.table.clips)
    tasks: list[AnyTask] = list(tasks_of(plan.table, splits, plan.settings, plan.device))
    tasks += ours_tasks(plan.table, splits, plan.recipe, plan.device)
    tasks += [baseline_task(plan.table, splits, normalisation) for normalisation in Normalisation]
    return sorted(tasks, key=lambda task: -task.cost)


def reproduce(plan: Plan, tasks: Sequence[AnyTask], on_task: Callable[[AnyTask], None]) -> Found:
    """Work through all tasks; `on_task` is told of each as it is done."""
    began = monotonic()
    outcomes: list[AnyOutcome] = []
    for task, outcome in zip(tasks, on_all_cores(work, tasks), strict=True):
        outcomes.append(outcome)
        on_task(task)
    minutes = round((monotonic() - began) / 60, 2)
    trained = [outcome for outcome in outcomes if not isinstance(outcome, BaselineOutcome)]
    points = [point for outcome in trained for point in outcome.curves]
    results = _results(plan, outcomes, sum(task.networks for task in tasks), minutes)
    return Found(results, [history.line_of(point.run, point.progress) for point in points])


def work(task: AnyTask) -> AnyOutcome:
    """Do one task."""
    match task:
        case Task():
            return networks.run(task)
        case BaselineTask():
            return baselines.run(task)
        case OursTask():
            return ours.run(task)


def _results(plan: Plan, outcomes: Sequence[AnyOutcome], count: int, minutes: float) -> Results:
    heard = [one for outcome in outcomes if isinstance(outcome, OursOutcome) for one in outcome.heard]
    papers = [outcome for outcome in outcomes if not isinstance(outcome, OursOutcome)]
    measured = [one for outcome in papers for one in outcome.measured]
    chosen = [outcome for outcome in papers if isinstance(outcome, BaselineOutcome)]
    records = tuple(records_of([*measured, *judge(plan.table.clips, heard)]))
    return Results(
        command=plan.command,
        seeds=SEEDS,
        epochs=plan.settings.optimiser.epochs,
        ours=plan.recipe.settings,
        networks=count,
        minutes=minutes,
        versions=plan.versions,
        clips=dict(Counter(clip.language for clip in plan.table.clips)),
        choices=tuple(choice for outcome in chosen for choice in outcome.choices),
        records=records,
        gains=tuple(gains_of(measured, [variant for variant in VARIANTS if variant != PLAIN])),
        marks=tuple(marks_of(records)),
    )


def write(found: Found, folder: Path) -> None:
    """Leave `results.json`, `results.md` and the curves, each whole or not at all."""
    with written_aside(folder / "results.json") as file:
        file.write(msgspec.json.format(msgspec.json.encode(found.results), indent=1))
    with written_aside(folder / "results.md") as file:
        file.write(render(found.results).encode())
    history.write(folder / history.NAME, found.curves)


def versions() -> Versions:
    """What the figures are computed with."""
    return Versions(
        cmlstream=version("cmlstream"),
        commit=_commit(),
        python=platform.python_version(),
        torch=version("torch"),
        numpy=version("numpy"),
        scikit_learn=version("scikit-learn"),
        platform=f"{platform.system()} {platform.machine()}",
    )


def _commit() -> str:
    """The commit of a checkout, `+` where files differ from it; nothing where the program was installed."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return finished.stdout.strip()
