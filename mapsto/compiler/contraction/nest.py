"""The loops around the tiles of a contraction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from mapsto.compiler.contraction.access import Access, Operand
from mapsto.compiler.contraction.index import Index, least, most, number, value
from mapsto.compiler.contraction.plan import Plan
from mapsto.compiler.contraction.regions import Region
from mapsto.compiler.contraction.stage import panel_size, stage_panel
from mapsto.compiler.contraction.tile import Begin, Box, Finish, Job, Tile
from mapsto.ir.build import Builder
from mapsto.ir.loops import Buffer, Value

Scratch = Callable[[str, int], Buffer]


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
    is called for every finished accumulator, in the text and not in the loops: it writes what happens to it.
    `begin(place, lanes, mask)` gives what an accumulator starts with, 0 without it. `scratch(dtype, size)` gives work space.
    """
    if plan.swapped:
        x, y = y, x
    letters = plan.contraction.letters
    in_x = {letter.name: letter.x for letter in letters}
    in_y = {letter.name: letter.y for letter in letters}
    job = Job(
        b,
        plan,
        Access(x, in_x, in_x, plan.contraction.x_shift),
        Access(y, in_y, in_y, plan.contraction.y_shift),
        bounds,
        finish,
        begin,
    )
    if all(letter.extent for letter in plan.contraction.outs):
        Nest(job, scratch).level(plan.nest, {}, {})


class Nest:
    """Writes the loops around tiles, from the outermost inwards, and the copies between them."""

    def __init__(self, job: Job, scratch: Scratch | None) -> None:
        self.job, self.b, self.plan = job, job.b, job.plan
        self.panel = None
        if self.plan.stage_y:
            if scratch is None:
                raise ValueError("a plan that copies an operand needs work space")
            self.panel = scratch(self.plan.contraction.dtype, panel_size(job))

    def level(self, names: tuple[str, ...], at: Mapping[str, Index], regions: Mapping[str, Region]) -> None:
        if not names:
            return self.tile(at, regions)
        name, left = names[0], names[1:]
        if name in self.plan.row_names or name == self.plan.vector:
            for region in self.plan.regions(name):
                self.tiles(name, region, left, at, regions)
            return None
        extent = self.plan.contraction.letter(name).extent
        begin, end = self.job.bounds.get(name, (0, extent))
        if extent == 1 and name not in self.job.bounds:
            return self.level(left, {**at, name: 0}, regions)
        with self.b.loop(begin, end) as turn:
            self.level(left, {**at, name: turn.index}, regions)

    def tiles(
        self, name: str, region: Region, left: tuple[str, ...], at: Mapping[str, Index], regions: Mapping[str, Region]
    ) -> None:
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

    def column(
        self, name: str, left: tuple[str, ...], at: Mapping[str, Index], regions: Mapping[str, Region]
    ) -> None:
        """What stands in the loop over the tiles of a letter; for that in the lanes, first the copy of its panel."""
        if name != self.plan.vector or self.panel is None:
            return self.level(left, at, regions)
        outside = self.job
        self.job = replace(outside, y=stage_panel(outside, self.panel, regions[name], at))
        self.level(left, at, regions)
        self.job = outside

    def tile(self, at: Mapping[str, Index], regions: Mapping[str, Region]) -> None:
        rows = tuple(regions[name].count for name in self.plan.row_names)
        vector = None if self.plan.lane_sums else regions.get(self.plan.vector or "")
        box = Box(rows, vector.count, vector.valid) if vector else Box(rows, self.plan.vectors)
        Tile(self.job, box, at).write()
