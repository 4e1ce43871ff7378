"""TensorBoard, where it is installed: the scalars of each run in a folder of its own."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from math import isnan
from pathlib import Path

from cmlstream.models.errors import ConfigurationError

from .ensemble import Progress
from .fitting import Report


@contextmanager
def scalars(folder: Path) -> Iterator[Report]:
    """Yield what to tell of each run and epoch; TensorBoard reads `folder`.

    Raises:
        ConfigurationError: TensorBoard is not installed.

    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ConfigurationError(
            "--tensorboard needs the package `tensorboard`: "
            "install it with `pip install 'cmlstream[tensorboard]'`."
        ) from error
    with ExitStack() as open_writers:
        writers: dict[str, SummaryWriter] = {}

        def tell(run: str, progress: Progress) -> None:
            if run not in writers:
                writers[run] = open_writers.enter_context(SummaryWriter(folder / run.replace(" ", "-")))
            for name, value in (
                ("loss", progress.loss),
                ("reconstruction", progress.reconstruction),
                ("metric", progress.metric),
                ("score", progress.score),
            ):
                if not isnan(value):
                    writers[run].add_scalar(name, value, progress.epoch)

        yield tell
