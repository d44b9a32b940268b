"""How long a tile takes, as far as a glance at it tells: what the choice of a plan goes by.

Counted in cycles of a core that does two multiply-adds and two loads a cycle, with four cycles from one sum to the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, prod

from mapsto.compiler.contraction.letters import Letter

LATENCY = 4.0
TURN = 0.5  # of a loop, besides its step
FINISH = 3.0  # what becomes of one accumulator
TILE = 20.0
FOLD = 12.0  # lanes to one number
GATHER = 2.0  # a lane
TRANSPOSED = 0.4  # an element, copied into another order
COPIED = 0.1


@dataclass(frozen=True)
class Sizes:
    """A candidate: letters and counts of the rows, the letter in the lanes, lanes, vectors."""

    rows: tuple[tuple[Letter, int], ...]
    vector: Letter | None
    lanes: int
    vectors: int

    @property
    def sums(self) -> int:
        return prod(count for _, count in self.rows) * self.vectors

    def loads(self, operand: str) -> int:
        """Different elements or vectors of an operand in one step."""
        moving = [count for letter, count in self.rows if getattr(letter, operand)]
        in_lanes = self.vector is not None and getattr(self.vector, operand)
        return prod(moving) * (self.vectors if in_lanes else 1)

    @property
    def registers(self) -> int:
        """The accumulators, the operand that stays during a step, and one element of the other."""
        x, y = self.loads("x"), self.loads("y")
        stays = 1 if self.sums == max(x, y) and min(x, y) == 1 else min(x, y)
        return self.sums + stays + 1


def step_cycles(sizes: Sizes, staged: Mapping[str, bool]) -> float:
    """One step of the sum in a tile."""
    cycles = 0.0
    for operand in "xy":
        each = 1.0
        if sizes.vector is not None and not staged[operand] and getattr(sizes.vector, operand) not in (0, 1):
            each = GATHER * sizes.lanes
        cycles += sizes.loads(operand) * each / 2
    return max(sizes.sums / 2, cycles, LATENCY) + TURN


def parts(extent: int, count: int) -> list[tuple[int, int]]:
    """How many tiles of which size.

    >>> parts(15, 4)
    [(3, 4), (1, 3)]
    """
    full, left = divmod(extent, count)
    return [(number, size) for number, size in ((full, count), (1, left)) if number and size]


def tiles_cycles(sizes: Sizes, steps: float, folds: bool, staged: Mapping[str, bool]) -> float:
    """All tiles of the rows and vectors, for one turn of the loops around them."""
    choices: list[Sequence[tuple[int, int]]] = [parts(letter.extent, count) for letter, count in sizes.rows]
    if sizes.vector is not None and not folds:
        choices.append(parts(ceil(sizes.vector.extent / sizes.lanes), sizes.vectors))
    total, each = 0.0, combinations(choices)
    for number, counts in each:
        rows = tuple((letter, count) for (letter, _), count in zip(sizes.rows, counts, strict=False))
        vectors = counts[-1] if sizes.vector is not None and not folds else sizes.vectors
        smaller = Sizes(rows, sizes.vector, sizes.lanes, vectors)
        after = smaller.sums * (FINISH + (FOLD if folds else 0)) + TILE
        total += number * (steps * step_cycles(smaller, staged) + after)
    return total


def combinations(choices: Sequence[Sequence[tuple[int, int]]]) -> list[tuple[int, tuple[int, ...]]]:
    """How often every combination of sizes occurs.

    >>> combinations([[(3, 4), (1, 3)], [(2, 8)]])
    [(6, (4, 8)), (2, (3, 8))]
    """
    found: list[tuple[int, tuple[int, ...]]] = [(1, ())]
    for choice in choices:
        found = [(often * number, (*sizes, size)) for often, sizes in found for number, size in choice]
    return found
