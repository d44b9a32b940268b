"""The schedule of a contraction as data: the letter in the lanes, the rows of the tile, the loops around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from mapsto.compiler.contraction.guards import interior
from mapsto.compiler.contraction.letters import Contraction, Guard
from mapsto.compiler.contraction.merge import Group
from mapsto.compiler.contraction.regions import Region, row_regions, vector_regions


@dataclass(frozen=True)
class Plan:
    """How a contraction is done. Operand y is the one with vectors; `swapped` says that it was the caller's x.

    vector    the letter in the lanes; a summed one if `lane_sums`; None: numbers one by one
    rows      letters of the tile, and how many steps of each
    vectors   how many vectors of the letter in the lanes
    nest      loops around the tile, the outermost first, those over tiles included
    sums      loops of the sum, the innermost last
    unrolled  those of them that are written out turn by turn
    turned    a letter of the rows that is brought into the lanes in the end: the result's neighbours are along it
    stage_y   whether a copy of operand y in the order of use is made in work space, for a column of tiles at a time
    block     if not 0, a copy of operand x is made too, for so many rows at a time; the loop over these blocks is the
              name of the rows with a prime in `nest`
    """

    contraction: Contraction
    names: tuple[str, ...]
    groups: tuple[Group, ...]
    swapped: bool
    lanes: int
    vector: str | None
    lane_sums: bool
    rows: tuple[tuple[str, int], ...]
    vectors: int
    nest: tuple[str, ...]
    sums: tuple[str, ...]
    unrolled: tuple[str, ...] = ()
    turned: str | None = None
    stage_y: bool = False
    block: int = 0

    @property
    def result(self) -> str | None:
        """The letter along the lanes of finished sums; None: they are single numbers."""
        return self.turned or (None if self.lane_sums else self.vector)

    @cached_property
    def row_names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.rows)

    @cached_property
    def lane_guards(self) -> tuple[Guard, ...]:
        """Borders along the lanes."""
        return self.contraction.guards_of(self.vector) if self.vector is not None else ()

    @cached_property
    def clips(self) -> Mapping[str, tuple[Guard, ...]]:
        """Borders that bound a summed letter at run time: the last one of theirs, in the order of the loops."""
        found: dict[str, tuple[Guard, ...]] = {}
        for guard in self.contraction.guards:
            if guard in self.lane_guards or any(name in self.row_names for name in guard.names):
                continue
            last = [name for name in self.sums if name in guard.names][-1]
            found[last] = (*found.get(last, ()), guard)
        return found

    def regions(self, name: str) -> tuple[Region, ...]:
        """The tiles along one of the tile's own letters."""
        extent = self.contraction.letter(name).extent
        if name == self.vector:
            return vector_regions(extent, self.lanes, self.vectors)
        inside = (0, extent)
        for guard in self.contraction.guards_of(name):
            other = next(letter for letter in guard.names if letter != name)
            low, high = interior(guard, name, other, extent, self.contraction.letter(other).extent)
            inside = (max(inside[0], low), min(inside[1], high))
        return row_regions(extent, dict(self.rows)[name], inside)

    def order(self, positions: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
        """The places of a tile in the order of a step: the operand with more elements changes slowest, and so needs one
        register at a time."""
        steps = {name: place for place, (name, _) in enumerate(self.rows)}

        def element(position: tuple[int, ...], operand: str) -> int:
            names = {name: position[place] for name, place in steps.items()}
            if self.vector is not None:
                names[self.vector] = position[-1] * self.lanes
            return sum(getattr(self.contraction.letter(name), operand) * step for name, step in names.items())

        first, second = sorted("xy", key=lambda operand: -len({element(position, operand) for position in positions}))
        return sorted(positions, key=lambda position: (element(position, first), element(position, second)))
