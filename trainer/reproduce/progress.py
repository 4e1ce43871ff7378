"""The bar over tasks: its time left weighs what each of them costs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from cmlstream.trainer import console

from .run import AnyTask


def remaining_s(done: float, total: float, elapsed_s: float, since_s: float) -> float | None:
    """Seconds left when `done` of `total` took `elapsed_s`, `since_s` ago; None where nothing is done."""
    if not done:
        return None
    return max(elapsed_s * (total - done) / done - since_s, 0.0)


class TimeLeft(ProgressColumn):
    """Time left, from all of the time so far: tasks are too few for a running speed."""

    def __init__(self) -> None:
        super().__init__()
        self._done = 0.0
        self._began_s = self._latest_s = monotonic()

    def render(self, task: Task) -> Text:
        """Hours, minutes and seconds."""
        now_s = monotonic()
        if task.completed != self._done:
            self._done, self._latest_s = task.completed, now_s
        elapsed_s, since_s = self._latest_s - self._began_s, now_s - self._latest_s
        left_s = remaining_s(self._done, task.total or 0.0, elapsed_s, since_s)
        return Text("-:--:--" if left_s is None else str(timedelta(seconds=round(left_s))))


@contextmanager
def tasks_done(tasks: Sequence[AnyTask]) -> Iterator[Callable[[AnyTask], None]]:
    """A bar over tasks, silent in a pipe; yields what to call after each."""
    networks = sum(task.networks for task in tasks)
    trained = 0
    columns = (TextColumn("{task.description}"), BarColumn(), TimeLeft())
    with Progress(*columns, console=console.ERRORS, disable=not console.ERRORS.is_terminal) as bar:
        shown = bar.add_task(f"0 of {networks} networks", total=sum(task.cost for task in tasks))

        def on_task(task: AnyTask) -> None:
            nonlocal trained
            trained += task.networks
            bar.update(shown, advance=task.cost, description=f"{trained} of {networks} networks")

        yield on_task
