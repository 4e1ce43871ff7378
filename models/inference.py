"""How scripted modules are run."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.jit import optimized_execution  # type: ignore[attr-defined]


@contextmanager
def inference() -> Iterator[None]:
    """Run without gradients, and without TorchScript's optimiser, also as a decorator.

    The optimiser watches the first calls and recompiles on the second, for seconds; it makes ours no faster.
    """
    with torch.inference_mode(), optimized_execution(False):
        yield
