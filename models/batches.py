"""Which rows share a call: padding costs time, and so does every call."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def grouped(lengths: Sequence[int], call: int) -> list[list[int]]:
    """Put rows of similar length together: the places of `lengths`, the shortest first, in groups.

    A group has the longest row set the length of all, and never more than `call` of padding: what costs as
    much as one more call.

    >>> grouped([30, 31, 200, 29], call=10)
    [[3, 0, 1], [2]]
    """
    groups: list[list[int]] = []
    total = 0
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        length = lengths[place]
        if groups and length * len(groups[-1]) - total <= call:
            groups[-1].append(place)
            total += length
        else:
            groups.append([place])
            total = length
    return groups
