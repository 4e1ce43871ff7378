"""Checkpoints of an ensemble: written aside and renamed, and refused where they are of other members.

Shapes: M members, P parameters.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from torch import Tensor

from cmlstream.models.errors import ModelError

from .members import Member
from .settings import FitSettings
from .torch_file import load, save
from .training import TrainingSet


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Everything that training needs to go on as if nothing had happened."""

    weights_MP: Tensor
    averaged_MP: Tensor
    best_MP: Tensor
    optimiser: dict[str, Any]
    best_scores: list[float]
    best_epochs: list[int]
    epochs: list[int]


def write(path: Path, identity: str, state: State) -> None:
    """Leave a checkpoint, aside first, so that an interruption cannot spoil the one before."""
    values = {field.name: getattr(state, field.name) for field in fields(state)}
    save(path, {"identity": identity, **values})


def read(path: Path, identity: str) -> State:
    """What a checkpoint holds.

    Raises:
        ModelError: it is damaged, or belongs to members with other settings, seeds or clips.

    """
    held = load(path)
    if not isinstance(held, dict) or held.pop("identity", None) != identity:
        raise ModelError(
            f"The checkpoint {path} is of another run (its settings, seed or clips differ): "
            "name another directory, or delete it."
        )
    return State(**held)


def identity_of(members: Sequence[Member], settings: FitSettings) -> str:
    """What decides how an ensemble is trained, as a hash.

    Epochs and patience are left out: they may be raised to train for longer.
    """
    optimiser = msgspec.structs.replace(settings.optimiser, epochs=1, patience=1)
    digest = hashlib.sha256(repr((settings.encoder, optimiser)).encode())
    content = cache(_content)
    for member in members:
        digest.update(repr((member.name, member.loss, member.seed)).encode())
        digest.update(content(member.data))
    return digest.hexdigest()


def _content(data: TrainingSet) -> bytes:
    digest = hashlib.sha256()
    for tensor in (data.scores_KNF, *data.targets.tensors):
        digest.update(tensor.numpy().tobytes())
    return digest.digest()
