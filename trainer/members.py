"""Members of an ensemble, and what chance deals each of them in an epoch.

Members that share clips, seed and epoch are dealt the same pieces, batches and noise: a deck. All of it comes
from the seed and the epoch's number, so neither who trains beside a member nor an interruption changes it.

Shapes: D decks, S steps, B batch, C clips, R rows of all training sets, F features.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
import torch
from torch import Tensor

from .losses import Targets
from .network import Network, Stack
from .settings import LossSettings
from .training import TrainingSet

FEWEST_CLIPS = 8
"""A smaller last batch is left out of its epoch: its slope would be mostly chance."""

Judge = Callable[[Network], float]


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One network to train: its name, its clips, what it is asked for and what it takes its chance from.

    `judge` scores its averaged network on speakers held back: the best epoch is kept, and the member stops
    when `patience` epochs brought nothing better. Without it the member trains to the end and keeps that.
    """

    name: str
    data: TrainingSet
    loss: LossSettings
    seed: int
    judge: Judge | None = None


class Pool:
    """The rows and labels of all training sets of some members, each kept once, on one device.

    The last row and the last clip are empty: they fill up short batches.
    """

    def __init__(self, members: Sequence[Member], device: torch.device) -> None:
        self.sets = list({id(member.data): member.data for member in members}.values())
        number_of = {id(data): number for number, data in enumerate(self.sets)}
        self.set_of_member = [number_of[id(member.data)] for member in members]
        self.features = self.sets[0].scores_KNF.shape[2]
        rows = [data.scores_KNF.flatten(0, 1) for data in self.sets]
        self.first_row = np.cumsum([0, *map(len, rows)])
        self.first_clip = np.cumsum([0, *(len(data.table.clips) for data in self.sets)])
        self._scores_RF = torch.cat([*rows, torch.zeros(1, self.features)]).to(device)
        self._targets = _joined([data.targets for data in self.sets], device)

    def clean(self, rows_DB: Tensor) -> Tensor:
        """The standard scores of rows, `DBF`."""
        return self._scores_RF.index_select(0, rows_DB.flatten()).view(*rows_DB.shape, -1)

    def known(self, clips_DB: Tensor) -> Targets:
        """What is known of clips."""
        return self._targets.at(clips_DB)

    def present(self, clips_DB: Tensor) -> Tensor:
        """False where a short batch is filled up."""
        return clips_DB != int(self.first_clip[-1])


def _joined(targets: Sequence[Targets], device: torch.device) -> Targets:
    def column(name: str, empty: float) -> Tensor:
        known = torch.cat([getattr(target, name) for target in targets])
        return torch.cat([known, torch.tensor([empty]).to(known.dtype)]).to(device)

    return Targets(
        activation_B=column("activation_B", nan),
        valence_B=column("valence_B", nan),
        emotion_B=column("emotion_B", -1),
        group_B=column("group_B", 0),
        groups=max(target.groups for target in targets),
    )


class Deck:
    """What one epoch deals to members of one training set and seed."""

    def __init__(self, pool: Pool, number: int, seed: int, epoch: int, batch: int) -> None:
        data = pool.sets[number]
        chance = seed + 1_000_003 * (epoch + 1)
        self._generator = torch.Generator().manual_seed(chance)
        draws, rows, _ = data.scores_KNF.shape
        first_row = pool.first_row[number] + (epoch % draws) * rows
        row_C = torch.from_numpy(first_row + data.sample(np.random.default_rng(chance)))
        order_C = torch.randperm(len(row_C), generator=self._generator)
        order_SB, filled = _batches(order_C, batch)
        self.row_SB = torch.where(filled, pool.first_row[-1], row_C[order_SB])
        self.clip_SB = torch.where(filled, pool.first_clip[-1], pool.first_clip[number] + order_SB)

    def __len__(self) -> int:
        return len(self.row_SB)

    def noise(self, features: int) -> Tensor:
        """The next batch's input noise, `BF`, of deviation 1."""
        return torch.randn((self.row_SB.shape[1], features), generator=self._generator)

    def masks(self, stack: Stack) -> list[Tensor]:
        """The next batch's dropout."""
        return stack.masks(self.row_SB.shape[1], self._generator)


def _batches(order_C: Tensor, batch: int) -> tuple[Tensor, Tensor]:
    """Places of clips in batches, `SB`, and where the last one is filled up."""
    left = len(order_C) % batch
    if 0 < left < min(FEWEST_CLIPS, batch) and len(order_C) > batch:
        order_C = order_C[:-left]
    missing = -len(order_C) % batch
    filled = torch.arange(len(order_C) + missing) >= len(order_C)
    return torch.nn.functional.pad(order_C, (0, missing)).view(-1, batch), filled.view(-1, batch)
