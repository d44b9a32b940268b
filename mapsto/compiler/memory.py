"""Where arrays lie that live only within a run: one arena, in which an array takes the place of those that are gone."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ALIGNED = 64


@dataclass(frozen=True)
class Life:
    """An array's bytes, the phase that makes it, and the last one that reads it."""

    array: int
    nbytes: int
    first: int
    last: int


def arranged(lives: Sequence[Life]) -> tuple[Mapping[int, int], int]:
    """Offsets of arrays in an arena, and its size; no two arrays that live at the same time overlap.

    The largest are placed first, each as low as it fits.

    >>> offsets, size = arranged([Life(0, 100, 0, 1), Life(1, 50, 2, 3), Life(2, 10, 1, 2)])
    >>> dict(offsets), size
    ({0: 0, 1: 0, 2: 128}, 192)
    """
    placed: list[tuple[int, int, Life]] = []
    offsets: dict[int, int] = {}
    for life in sorted(lives, key=lambda life: (-life.nbytes, life.array)):
        start = 0
        for begin, end, other in placed:  # from low to high
            together = life.first <= other.last and other.first <= life.last
            if together and begin < start + life.nbytes and start < end:
                start = end
        size = -(-max(life.nbytes, 1) // ALIGNED) * ALIGNED
        insort(placed, (start, start + size, life), key=lambda entry: entry[0])
        offsets[life.array] = start
    return offsets, max((end for _, end, _ in placed), default=0)
