"""Nests ↦ loops of a kernel, and the memory of the arrays in them."""

from __future__ import annotations

from collections.abc import Sequence

from mapsto.compiler.evaluate import SIDE_BY_SIDE, Evaluator, Place
from mapsto.compiler.groups import Group
from mapsto.compiler.lanes import lane_loops
from mapsto.compiler.memory import ALIGNED
from mapsto.compiler.nests import Nest, nests_of, vector_axis
from mapsto.compiler.places import Places, places_of, write_places
from mapsto.compiler.side_by_side import side_by_side
from mapsto.compiler.squares import Squares, square_loops, squares_of
from mapsto.compiler.terms import folds, loads
from mapsto.core.spec import DTYPES, SHORT_NAMES, Spec
from mapsto.ir.build import Builder
from mapsto.ir.formula import Index, Load
from mapsto.ir.loops import Buffer, Value
from mapsto.target.host import Host


class NestWriter:
    """Writes nests into the kernel of a group. `lasting` are the arrays that something else reads."""

    def __init__(self, name: str, group: Group, specs: Sequence[Spec], lasting: set[int], host: Host) -> None:
        self.b = Builder(name)
        self.group, self.specs, self.lasting, self.host = group, specs, lasting, host
        self.made = {array for member in group.members for array in (member.stage.array, member.slots)}
        self.inner = {number for number in group.writes() if number not in lasting}
        self.buffers: dict[int, Buffer] = {}
        self.scratch = 0
        self.lanes = host.vector_bytes // 4
        self.ev = Evaluator(self.b, self.place, specs, self.lanes)
        self.first_row: Value | None = None
        self.block = group.per_chunk
        self.passed_on: set[int] = set()  # what a nest reads that another one has made

    # memory

    def place(self, number: int) -> Place:
        """Where an array is: in memory or, if nobody else reads it, in the work space, a block's rows."""
        spec = self.specs[number]
        if number not in self.buffers:
            dtype = SHORT_NAMES[spec.dtype]
            if number in self.inner:
                self.buffers[number] = self.work_space(dtype, self.block * (spec.size // self.group.rows), f"t{number}")
            else:
                role = "out" if number in self.made else "in"
                self.buffers[number] = self.b.buffer(f"a{number}", dtype, spec.size, role)
        base = ()
        if number in self.inner and self.first_row is not None:
            base = ((-(spec.size // self.group.rows), self.first_row),)
        return Place(self.buffers[number], spec, base)

    def work_space(self, dtype: str, size: int, name: str = "") -> Buffer:
        """A buffer of so many elements that every thread has for itself."""
        buffer = self.b.buffer(name or f"w{len(self.b.buffers)}", dtype, size, "scratch", self.scratch)
        self.scratch += -(-size * DTYPES[dtype].itemsize // ALIGNED) * ALIGNED
        return buffer

    # loops

    def write_nests(self, nest: Nest, rows: Index | None, bounds: tuple[Value, Value] | None = None) -> None:
        """Write a nest in the parts that `nests_of` cuts it into; its rows run within bounds."""
        for one in nests_of(nest, self.specs, rows):
            self.write_nest(one, rows, {} if rows is None or bounds is None else {rows: bounds})

    def write_nest(self, nest: Nest, rows: Index | None, bounds: dict[Index, tuple[Value, Value]]) -> None:
        """Write one nest: choose the axis of the vectors, which is innermost, then the loops around it."""
        places = places_of(nest, self.specs, rows, self.lanes)
        if places is not None and self.in_memory(places.array):
            outer = [one for one in nest.axes if one not in (places.vector, places.few)]
            return self.level([nest], outer, places, bounds, frozenset())
        axis = vector_axis(nest, self.specs, self.lanes)
        squares = squares_of(nest, self.specs, axis, self.lanes)
        inner = (axis,) if squares is None else (axis, squares.other)
        together = side_by_side(nest, {axis, rows, *bounds}) if squares is None else [nest]
        outer = [one for one in together[0].axes if one not in inner]
        skip = frozenset(made_within(nest))
        long_folds = any(fold.index.extent >= self.lanes for fold in folds(*nest.formulas))
        wide = SIDE_BY_SIDE if axis is not None and long_folds else 1
        while axis is not None and wide > 1 and axis.extent < wide * self.lanes:
            wide //= 2
        with self.ev.widened(wide):
            self.level(together, outer, squares or axis, bounds, skip)

    def level(
        self,
        nests: Sequence[Nest],
        outer: Sequence[Index],
        vector: Index | Squares | Places | None,
        bounds: dict[Index, tuple[Value, Value]],
        skip: frozenset[int],
    ) -> None:
        """The loops from the outermost axis on; the vector's, or that over squares, is the innermost."""
        ev = self.ev
        formulas = [formula for nest in nests for formula in nest.formulas]
        ev.settle(*(vector.formulas if isinstance(vector, Places) else formulas), skip=skip)
        if outer:
            first, last = bounds.get(outer[0], (0, outer[0].extent))
            with self.b.loop(first, last) as turn, ev.scope({outer[0]: turn.index}):
                self.level(nests, outer[1:], vector, bounds, skip)
            return
        if vector is None:
            return self.body(nests, skip)
        if isinstance(vector, Places):
            return write_places(ev, vector, bounds)
        if isinstance(vector, Squares):
            for _ in square_loops(ev, vector, bounds, self.work_space):
                self.body(nests, skip)
            return None
        first, last = bounds.get(vector, (0, vector.extent))
        for turn in lane_loops(self.b, first, last, ev.width, []):
            with ev.scope({vector: turn.index}), ev.vectorised(vector, turn.mask):
                self.body(nests, skip)

    def body(self, nests: Sequence[Nest], skip: frozenset[int]) -> None:
        """What is done innermost: compute the element of every array, and store what is read from memory."""
        ev = self.ev
        with ev.scope():
            for nest in nests:
                ev.fold_together(*nest.formulas, skip=skip)
                for array, formula in zip(nest.arrays, nest.formulas, strict=True):
                    value = ev.value(formula, SHORT_NAMES[self.specs[array].dtype])
                    ev.know(Load(array, nest.index), value)
                    if self.in_memory(array):
                        ev.store(array, nest.index, value)

    def in_memory(self, array: int) -> bool:
        """Whether anything reads an array from memory: others, or stages of the group in another nest."""
        return array not in self.inner or not self.group.flat or array in self.passed_on


def made_within(nest: Nest) -> set[int]:
    """The arrays of a nest that others of it read."""
    made = set(nest.arrays)
    pairs = zip(nest.arrays, nest.formulas, strict=True)
    return {load.input for array, formula in pairs for load in loads(formula) if load.input in made - {array}}
