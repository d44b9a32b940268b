"""The text of one tile: its accumulators, the loops of the sum around one step, and the step itself.

A tile is a box of rows times some vectors. Its accumulators stay in registers over the whole sum; a step reads what the
operands have at the place and adds one product to each. Whether an operand is broadcast, read as a vector or gathered
follows from how far a lane moves in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from mapsto.compiler.contraction.access import Access
from mapsto.compiler.contraction.guards import clipped, pieces
from mapsto.compiler.contraction.index import Index, affine, number, value
from mapsto.compiler.contraction.lanes import fold_all, transpose, up_to_power
from mapsto.compiler.contraction.letters import Guard
from mapsto.compiler.contraction.place import Place
from mapsto.compiler.contraction.plans import Plan
from mapsto.ir.build import Builder
from mapsto.ir.loops import INDEX, Type, Value

Position = tuple[int, ...]  # a step along every row letter of the tile, then the number of the vector
Sums = dict[Position, Value]
Begin = Callable[[Mapping[str, Value], int, Value | None], Value]
Finish = Callable[[Value, Mapping[str, Value], int, Value | None], None]


@dataclass(frozen=True)
class Job:
    """What is the same for all tiles: where it is written, the plan, the operands, and the caller's part."""

    b: Builder
    plan: Plan
    x: Access
    y: Access
    bounds: Mapping[str, tuple[Index, Index]]
    finish: Finish
    begin: Begin | None


@dataclass(frozen=True)
class Box:
    """The size of a tile: rows of every row letter, vectors, and lanes of the last vector (0: all)."""

    rows: tuple[int, ...]
    vectors: int
    valid: int = 0

    @property
    def positions(self) -> list[Position]:
        return list(product(*(range(count) for count in (*self.rows, self.vectors))))


class Tile:
    """Writes one tile. `at`: the indices of the loops around it, the tile's own first rows and lane included."""

    def __init__(self, job: Job, box: Box, at: Mapping[str, Index]) -> None:
        self.job, self.b, self.plan, self.box, self.at = job, job.b, job.plan, box, dict(at)
        self.row_names = [name for name, _ in self.plan.rows]
        self.type = Type(self.plan.contraction.dtype, self.plan.lanes)
        self.loaded: dict[object, Value] = {}

    def write(self) -> None:
        sums = {position: self.first(position) for position in self.box.positions}
        sums = self.sum_over(self.plan.sums, self.box.positions, sums, {})
        if self.plan.lane_sums:
            sums = self.one_vector(sums)
        if self.plan.turned is not None:
            self.finish_turned(sums)
        elif self.plan.lane_sums:
            one = Type(self.type.dtype)
            for position, total in sums.items():
                folded = self.b.op("fold_add", total, type=one) if self.type.lanes > 1 else total
                self.finish(folded, self.steps(position, in_lanes=False), None, late=True)
        else:
            for position, total in sums.items():
                self.finish(total, self.steps(position), self.tail(position[-1]))

    # the two ends of a sum

    def first(self, position: Position) -> Value:
        """What an accumulator begins with. Where lanes change places in the end, the caller's part comes then."""
        if self.job.begin is None or self.plan.lane_sums or self.plan.turned is not None:
            return self.b.const(0, self.type)
        return self.job.begin(self.place(self.steps(position)), self.plan.lanes, self.tail(position[-1]))

    def place(self, steps: Mapping[str, int]) -> Place:
        return Place(self.b, self.plan.names, self.plan.groups, self.at, steps)

    def finish(self, total: Value, steps: Mapping[str, int], mask: Value | None, late: bool = False) -> None:
        """Hand a finished sum to the caller; `late`: it has not begun with the caller's part."""
        place, lanes = self.place(steps), total.type.lanes
        if late and self.job.begin is not None:
            total = self.b.op("add", self.job.begin(place, lanes, mask), total)
        self.job.finish(total, place, lanes, mask)

    def one_vector(self, sums: Sums) -> Sums:
        """The lanes are parts of one sum, and so are the vectors of a row: these are added in order."""
        found: Sums = {}
        for row in dict.fromkeys(position[:-1] for position in sums):
            parts = [sums[(*row, vector)] for vector in range(self.box.vectors)]
            while len(parts) > 1:
                pairs = [self.b.op("add", *parts[i : i + 2]) for i in range(0, len(parts) - 1, 2)]
                parts = pairs + parts[2 * len(pairs) :]
            found[(*row, 0)] = parts[0]
        return found

    def finish_turned(self, sums: Sums) -> None:
        """Rows become lanes: the result's neighbours are along a letter of the rows."""
        b, name = self.b, self.plan.turned
        axis = self.row_names.index(name or "")
        for position in [position for position in sums if position[axis] == 0]:
            rows = [sums[(*position[:axis], row, *position[axis + 1 :])] for row in range(self.box.rows[axis])]
            steps = self.steps(position, in_lanes=not self.plan.lane_sums)
            if self.plan.lane_sums:
                total = fold_all(b, up_to_power(rows, self.plan.lanes))
                self.finish(total, steps, self.some(len(rows), total.type.lanes), late=True)
                continue
            columns = transpose(b, [*rows, *[rows[-1]] * (self.plan.lanes - len(rows))])
            valid = self.box.valid if position[-1] == self.box.vectors - 1 else 0
            for lane, column in enumerate(columns[: valid or self.plan.lanes]):
                there = {**steps, self.plan.vector or "": steps[self.plan.vector or ""] + lane}
                self.finish(column, there, self.some(len(rows), self.plan.lanes), late=True)

    # the loops of the sum

    def sum_over(self, names: Sequence[str], positions: list[Position], sums: Sums, at: dict[str, Index]) -> Sums:
        """Loops over the summed letters that are left, each cut where other rows of the tile meet the border."""
        if not positions:
            return sums
        if not names:
            return self.step(positions, sums, {**self.at, **at})
        name, left = names[0], names[1:]
        if name == self.plan.vector:
            return self.sum_lanes(name, positions, sums, at)
        sums = dict(sums)
        for begin, end, valid in self.pieces(name, positions):
            if valid:
                sums |= self.turns(name, self.reach(name, at, begin, end), list(valid), left, sums, at)
        return sums

    def pieces(self, name: str, positions: list[Position]) -> Sequence[tuple[int, int, tuple[Position, ...]]]:
        """Ranges of a summed letter, with the places of the tile that have a term there."""
        extent = self.plan.contraction.letter(name).extent
        borders = [
            (guard, row, place)
            for guard in self.plan.contraction.guards_of(name)
            for place, row in enumerate(self.row_names)
            if guard.coefficient(row) and number(self.b, self.at[row]) is not None
        ]
        if not borders:
            return [(0, extent, tuple(positions))]

        def exists(position: Position, turn: int) -> bool:
            """Whether a row has a term at this turn, as far as the borders within the tile go."""
            for guard, row, place in borders:
                at = (number(self.b, self.at[row]) or 0) + position[place]
                if not 0 <= guard.coefficient(row) * at + guard.coefficient(name) * turn + guard.shift < guard.extent:
                    return False
            return True

        def valid(turn: int) -> tuple[Position, ...]:
            return tuple(position for position in positions if exists(position, turn))

        return pieces(extent, valid)

    def reach(self, name: str, at: Mapping[str, Index], begin: Index, end: Index) -> tuple[Index, Index]:
        """The caller's bounds, and those of the borders that the letters further out decide."""
        known = {**self.at, **at}
        if name in self.job.bounds:
            begin, end = self.job.bounds[name]
        for guard in self.plan.clips.get(name, ()):
            begin, end = clipped(self.b, guard, name, known, begin, end)
        return begin, end

    def turns(
        self,
        name: str,
        reach: tuple[Index, Index],
        positions: list[Position],
        left: Sequence[str],
        sums: Sums,
        at: dict[str, Index],
    ) -> Sums:
        """A loop of one summed letter; none, where it turns once or is unrolled."""
        begin, end = number(self.b, reach[0]), number(self.b, reach[1])
        if begin is not None and end is not None and (end - begin <= 1 or name in self.plan.unrolled):
            for turn in range(begin, end):
                sums = self.sum_over(left, positions, sums, {**at, name: turn})
            return sums
        with self.body(reach[0], reach[1], 1, positions, sums) as turn:
            turn.sums = self.sum_over(left, positions, turn.sums, {**at, name: turn.index})
        return turn.sums

    def sum_lanes(self, name: str, positions: list[Position], sums: Sums, at: dict[str, Index]) -> Sums:
        """The innermost loop where the lanes are turns of a summed letter; what is left is one step with a mask."""
        extent, lanes = self.plan.contraction.letter(name).extent, self.plan.lanes
        step = lanes * self.box.vectors
        full = extent // step * step
        if full == step:
            sums = self.step(positions, sums, {**self.at, **at, name: 0})
        elif full:
            with self.body(0, full, step, positions, sums) as turn:
                turn.sums = self.step(positions, turn.sums, {**self.at, **at, name: turn.index})
            sums = turn.sums
        if full < extent:
            left = extent - full
            some = [position for position in positions if position[-1] * lanes < left]
            sums = sums | self.step(some, sums, {**self.at, **at, name: full}, left)
        return sums

    def body(self, begin: Index, end: Index, step: int, positions: list[Position], sums: Sums) -> Body:
        return Body(self, value(self.b, begin), value(self.b, end), step, positions, sums)

    # one step

    def step(self, positions: list[Position], sums: Sums, at: Mapping[str, Index], left: int = 0) -> Sums:
        """One product more in every accumulator. `left`: elements that are left of a summed letter in the lanes."""
        b, found = self.b, dict(sums)
        x_at, y_at = self.job.x.offset(b, at), self.job.y.offset(b, at)
        for position in self.plan.order(positions):
            mask = self.mask(position, at, left)
            x = self.read(self.job.x, x_at, position, mask)
            y = self.read(self.job.y, y_at, position, mask)
            found[position] = b.op("mul_add", x, y, found[position])
        return found

    def read(self, access: Access, at: tuple[Value, int], position: Position, mask: Value | None) -> Value:
        """What an operand has at a place of the tile, in all lanes; each element of a body is read once."""
        (offset, shift), b, lanes = at, self.b, self.plan.lanes
        moves = access.near.get(self.plan.vector or "", 0)
        shift += access.step(self.steps(position))
        if not moves:
            mask = None
        key = (id(access), offset, shift, mask)
        if key not in self.loaded:
            if moves in (0, 1) or lanes == 1:
                found = b.load(access.operand.buffer, offset, lanes if moves else 1, shift=shift, mask=mask)
            else:
                places = b.op("mul", b.lanes(Type("i64", lanes)), b.const(moves, Type("i64", lanes)))
                places = b.op("add", b.splat(offset, lanes), places)
                found = b.load(access.operand.buffer, places, shift=shift, mask=mask)
            if access.operand.read is not None:
                found = access.operand.read(found)
                if mask is not None:  # lanes that do not count are 0: of 1 / x there they would be infinite
                    found = b.op("select", mask, found, b.const(0, found.type))
            self.loaded[key] = b.splat(b.cast(found, self.type.dtype), lanes)
        return self.loaded[key]

    def steps(self, position: Position, in_lanes: bool = True) -> dict[str, int]:
        """How far a place of the tile is from its first, by letters."""
        steps = dict(zip(self.row_names, position[:-1], strict=True))
        if self.plan.vector is not None and in_lanes:
            steps[self.plan.vector] = position[-1] * self.plan.lanes
        return steps

    # masks

    def some(self, valid: int, lanes: int) -> Value | None:
        """The first lanes of a vector, if not all are meant."""
        if valid >= lanes:
            return None
        type = Type("i32", lanes)
        return self.b.op("less", self.b.lanes(type), self.b.const(valid, type))

    def tail(self, vector: int) -> Value | None:
        """The lanes of a vector of the tile that exist, if not all do."""
        last = vector == self.box.vectors - 1
        return self.some(self.box.valid if last and self.box.valid else self.plan.lanes, self.plan.lanes)

    def mask(self, position: Position, at: Mapping[str, Index], left: int) -> Value | None:
        if self.plan.lane_sums:
            return self.some(left - position[-1] * self.plan.lanes, self.plan.lanes) if left else None
        found = self.tail(position[-1])
        for guard in self.plan.lane_guards:
            inside = self.lanes_inside(guard, position, at)
            found = inside if found is None else self.b.op("bit_and", found, inside)
        return found

    def lanes_inside(self, guard: Guard, position: Position, at: Mapping[str, Index]) -> Value:
        """A border along the lanes: which of them have a term."""
        b, type = self.b, INDEX if self.plan.lanes == 1 else Type("i64", self.plan.lanes)
        steps = self.steps(position)
        shift = guard.shift + sum(guard.coefficient(name) * step for name, step in steps.items())
        first, shift = affine(b, [(coefficient, at[name]) for name, coefficient in guard.terms], shift)
        base = b.affine([(1, first)], shift)
        places = b.op("mul", b.lanes(type), b.const(guard.coefficient(self.plan.vector or ""), type))
        places = b.op("add", b.splat(base, type.lanes), places)
        low = b.op("less_equal", b.const(0, type), places)
        return b.op("bit_and", low, b.op("less", places, b.const(guard.extent, type)))


class Body:
    """A loop that carries the accumulators of some places; inside and after it, `sums` are the present ones."""

    def __init__(self, tile: Tile, begin: Value, end: Value, step: int, positions: list[Position], sums: Sums) -> None:
        self.tile, self.positions, self.outside = tile, positions, sums
        self.loop = tile.b.loop(begin, end, step, [sums[position] for position in positions])

    def __enter__(self) -> Body:
        self.turn = self.loop.__enter__()
        self.kept, self.tile.loaded = self.tile.loaded, {}
        self.index, self.sums = self.turn.index, dict(zip(self.positions, self.turn.carried, strict=True))
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self.turn.give(*(self.sums[position] for position in self.positions))
            self.loop.__exit__(None, None, None)
            self.sums = self.outside | dict(zip(self.positions, self.turn.results, strict=True))
        self.tile.loaded = self.kept
