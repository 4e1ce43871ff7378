"""What `robustness` prints for people."""

from rich import box
from rich.console import Console
from rich.table import Column, Table

from .adaptation import Stage
from .robustness import Overall, Robustness, Shift, StagesOf
from .robustness_report import Mark, RobustnessReport

NOTHING = "–"


def show(output: Console, report: RobustnessReport) -> None:
    """Print a table for each stage of the baseline, the adapted one last, and the marks."""
    for stage in Stage:
        output.print(_table(report, stage))
    for mark in report.marks:
        output.print(_sentence(mark), highlight=False, markup=False, soft_wrap=True)


def _table(report: RobustnessReport, stage: Stage) -> Table:
    corpora = sorted({name for stages in report.conditions.values() for name in _at(stages, stage).corpus})
    columns = (
        *("clips", "unheard", "activation moves\nmean", "\n95 % up to", "\nsigned", "valence moves\nmean"),
        *("\n95 % up to", "UAR", "points lost", *(f"in {name}" for name in corpora)),
    )
    title = f"baseline {stage.value}: {_meaning(report, stage)}"
    table = Table(Column(no_wrap=True), *columns, title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for name, stages in report.conditions.items():
        found = _at(stages, stage)
        overall = found.overall
        table.add_row(
            name,
            str(overall.n),
            str(overall.unheard),
            *_shift(overall.activation),
            *_shift(overall.valence)[:2],
            NOTHING if overall.uar is None else f"{overall.uar:.3f}",
            *(_lost(one) for one in (overall, *(found.corpus[corpus] for corpus in corpora))),
        )
    return table


def _meaning(report: RobustnessReport, stage: Stage) -> str:
    match stage:
        case Stage.COLD:
            return "every clip the first of a stream"
        case Stage.ADAPTING:
            return f"after {report.adapting_s:g} s of speech under the condition, no clip twice"
        case Stage.ADAPTED:
            return (
                f"after {report.adapted_s:g} s of speech under the condition, clips played again if need be"
            )


def _at(stages: StagesOf, stage: Stage) -> Overall:
    found: Overall = getattr(stages, stage.value)
    return found


def _shift(shift: Shift | None) -> tuple[str, str, str]:
    if shift is None:
        return NOTHING, NOTHING, NOTHING
    return f"{shift.mean:.3f}", f"{shift.percentile_95:.3f}", f"{shift.signed:+.3f}"


def _lost(found: Robustness) -> str:
    return NOTHING if found.lost_points is None else f"{found.lost_points:+.1f}"


def _sentence(mark: Mark) -> str:
    verdict = "met" if mark.met else "NOT MET"
    return f"{verdict}: {mark.demand} is {mark.found:.3f}, at most {mark.most:g} is asked"
