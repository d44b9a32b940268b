"""The loops around the tiles of a contraction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from mapsto.compiler.contraction.access import Access, Operand
from mapsto.compiler.contraction.index import Index, least, most, number, value
from mapsto.compiler.contraction.plans import Plan
from mapsto.compiler.contraction.regions import Region
from mapsto.compiler.contraction.stage import Strips, block_of_strips, single_strip, strips_size, value_of
from mapsto.compiler.contraction.tile import Begin, Box, Finish, Job, Tile
from mapsto.ir.build import Builder
from mapsto.ir.loops import Buffer, Value

Scratch = Callable[[str, int], Buffer]
Indices = Mapping[str, Index]
Regions = Mapping[str, Region]


def write(
    b: Builder,
    plan: Plan,
    x: Operand,
    y: Operand,
    bounds: Mapping[str, tuple[Value, Value]],
    finish: Finish,
    begin: Begin | None = None,
    scratch: Scratch | None = None,
) -> None:
    """Writes the loops of a contraction.

    `bounds` limits letters that the plan was told of, or those of `chunks`. `finish(accumulator, place, lanes, mask)`
    is called for every finished accumulator, in the text and not in the loops: it writes what happens to it. Its lanes
    are turns of `plan.result`; one lane is a single number. `begin(place, lanes, mask)` gives what an accumulator
    starts with, 0 without it. `scratch(dtype, size)` gives work space.
    """
    if plan.swapped:
        x, y = y, x
    letters = plan.contraction.letters
    in_x = {letter.name: letter.x for letter in letters}
    in_y = {letter.name: letter.y for letter in letters}
    x_access = Access(x, in_x, in_x, plan.contraction.x_shift)
    y_access = Access(y, in_y, in_y, plan.contraction.y_shift)
    if all(letter.extent for letter in plan.contraction.outs):
        Nest(Job(b, plan, x_access, y_access, bounds, finish, begin), scratch).level(plan.nest, {}, {})


class Nest:
    """Writes the loops around tiles, from the outermost inwards, and the copies between them."""

    def __init__(self, job: Job, scratch: Scratch | None) -> None:
        self.job, self.b, self.plan = job, job.b, job.plan
        self.columns = self.rows = None
        if self.plan.stage_y:
            extent = self.plan.contraction.letter(self.plan.vector or "").extent
            width = self.plan.vectors * self.plan.lanes
            self.columns = self.strips(job.y, self.plan.vector or "", width, min(extent, width), scratch)
        if self.plan.block:
            name, width = self.plan.rows[0]
            self.rows = self.strips(job.x, name, width, self.plan.block, scratch)

    def strips(self, access: Access, letter: str, width: int, turns: int, scratch: Scratch | None) -> Strips:
        if scratch is None:
            raise ValueError("a plan that copies an operand needs work space")
        contraction, lanes = self.plan.contraction, self.plan.lanes
        buffer = scratch(contraction.dtype, strips_size(contraction, access, width, lanes, turns))
        return Strips(self.b, contraction, access, letter, width, lanes, buffer)

    def level(self, names: tuple[str, ...], at: Indices, regions: Regions) -> None:
        """The loops of the names, and the tiles within."""
        if not names:
            return self.tile(at, regions)
        name, left = names[0], names[1:]
        if name.endswith("'"):
            return self.blocks(name[:-1], left, at, regions)
        if name in self.plan.row_names or name == self.plan.vector:
            for region in self.plan.regions(name):
                self.tiles(name, region, left, at, regions)
            return None
        extent = self.plan.contraction.letter(name).extent
        if extent == 1 and name not in self.job.bounds:
            return self.level(left, {**at, name: 0}, regions)
        begin, end = self.job.bounds.get(name, (0, extent))
        with self.b.loop(begin, end) as turn:
            self.level(left, {**at, name: turn.index}, regions)

    def blocks(self, name: str, left: tuple[str, ...], at: Indices, regions: Regions) -> None:
        """Blocks of rows, of which operand x is copied."""
        outside, b = self.job, self.b
        low, high = outside.bounds.get(name, (0, self.plan.contraction.letter(name).extent))
        with b.loop(low, high, self.plan.block) as turn:
            begin = turn.index
            end = value(b, least(b, value_of(b, [(1, begin)], self.plan.block), high))
            assert self.rows is not None
            copy = block_of_strips(self.rows, at, begin, end)
            self.job = replace(outside, x=copy, bounds={**outside.bounds, name: (begin, end)})
            self.level(left, at, regions)
        self.job = outside

    def tiles(self, name: str, region: Region, left: tuple[str, ...], at: Indices, regions: Regions) -> None:
        """All tiles of a region: a loop; one alone has its place written in."""
        inner = {**regions, name: region}
        low, high = self.job.bounds.get(name, (0, region.stop))
        if region.single:
            start = self.b.const(region.start)
            if number(self.b, low) == 0 and (number(self.b, high) or 0) >= region.stop:
                return self.column(name, left, {**at, name: region.start}, inner)
            after = self.b.op("less_equal", value(self.b, low), start)
            before = self.b.op("less", start, value(self.b, high))
            with self.b.when(self.b.op("bit_and", after, before)):
                self.column(name, left, {**at, name: region.start}, inner)
            return None
        begin, end = most(self.b, low, region.start), least(self.b, high, region.stop)
        with self.b.loop(value(self.b, begin), value(self.b, end), region.step) as turn:
            self.column(name, left, {**at, name: turn.index}, inner)

    def column(self, name: str, left: tuple[str, ...], at: Indices, regions: Regions) -> None:
        """What stands in the loop over the tiles of a letter; for that in the lanes, first the copy of operand y."""
        if name != self.plan.vector or self.columns is None:
            return self.level(left, at, regions)
        outside = self.job
        self.job = replace(outside, y=single_strip(self.columns, at, regions[name].count * self.plan.lanes))
        self.level(left, at, regions)
        self.job = outside

    def tile(self, at: Indices, regions: Regions) -> None:
        rows = tuple(regions[name].count for name in self.plan.row_names)
        vector = None if self.plan.lane_sums else regions.get(self.plan.vector or "")
        box = Box(rows, vector.count, vector.valid) if vector else Box(rows, self.plan.vectors)
        Tile(self.job, box, at).write()
