"""Estimates that mean something on the map and among the named features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from cmlstream.models.contract import EMOTIONS
from cmlstream.models.egemaps.names import FEATURE_NAMES
from cmlstream.stream.events import Message, encode
from cmlstream.stream.forms import Features

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.stream.synthetic import SyntheticSession

SIZE = 16
"""Dimensions of an embedding."""

CLUSTERS = 4


def clustered(rng: np.random.Generator, count: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return vectors in four clusters and the number of the cluster of each."""
    plane = np.linalg.qr(rng.normal(size=(SIZE, 2)))[0]
    centres = np.array([[4, 1], [-4, 1], [1, 3], [-1, -3]]) @ plane.T
    of = rng.integers(CLUSTERS, size=count)
    return centres[of] + 0.35 * rng.normal(size=(count, SIZE)), of


def estimated(session: SyntheticSession, embedding: NDArray[np.float64], emotion: str) -> Message:
    """Return the session's next rolling estimate, with this embedding and likeliest emotion."""
    shares = {name: 0.7 if name == emotion else 0.1 for name in EMOTIONS}
    return changed(session.affect(), embedding=tuple(embedding.tolist()), emotion=shares)


def changed(message: Message, features: Features | None = None, **fields: Any) -> Message:
    event = msgspec.structs.replace(message.event, **fields)
    return Message(event, encode(event), message.session_ms, features or message.features)


def features_of(**changes: tuple[float, float]) -> Features:
    """Return the 88 at their usual, but for the `changes`: value and score by how a name begins."""
    pairs = np.zeros((2, len(FEATURE_NAMES)), dtype=np.float32)
    pairs[0] = 1
    for start, pair in changes.items():
        pairs[:, next(index for index, name in enumerate(FEATURE_NAMES) if name.startswith(start))] = pair
    return Features(FEATURE_NAMES, pairs)
