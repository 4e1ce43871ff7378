"""The training loop: denoising autoencoders with the metric loss and an emotion head, many at once.

One model is an ensemble of one, the folds of a fit are one of five, the rows of a table one of hundreds.
Members share the shape of the network and the optimiser's settings; clips, loss and seed are each one's own,
and what becomes of a member does not depend on who trains beside it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from .checkpoint import identity_of, read, write
from .ensemble import Ensemble, Fitted, Progress
from .members import Member
from .processes import own_file, shared_out
from .settings import FitSettings

CPU = torch.device("cpu")

Report = Callable[[str, Progress], None]
"""Told the name of a member and how it stands, after each epoch."""


def fit(
    members: Sequence[Member],
    settings: FitSettings,
    checkpoint: Path | None,
    on_epoch: Report,
    device: torch.device = CPU,
) -> list[Fitted]:
    """Train all members; deterministic for their seeds, and resumed where a checkpoint was left.

    Of `settings` the encoder and the optimiser count; the loss is each member's own. Under `torchrun` every
    process trains its share of the members and gets the results of all.

    Raises:
        ModelError: the checkpoint is damaged or of other members.

    """
    mine = checkpoint and own_file(checkpoint)
    return shared_out(members, lambda share: _fit(share, settings, mine, on_epoch, device))


def _fit(
    members: Sequence[Member],
    settings: FitSettings,
    checkpoint: Path | None,
    on_epoch: Report,
    device: torch.device,
) -> list[Fitted]:
    ensemble = Ensemble(members, settings, device)
    identity = identity_of(members, settings) if checkpoint else ""
    if checkpoint and checkpoint.exists():
        ensemble.restore(read(checkpoint, identity))
    while alive := ensemble.alive:
        progress = ensemble.train_one_epoch(alive)
        for number, stands in zip(alive, progress, strict=True):
            on_epoch(members[number].name, stands)
        if checkpoint:
            write(checkpoint, identity, ensemble.state())
    return ensemble.fitted()
