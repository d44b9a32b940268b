"""Running folds: arrays that are made along an axis, each element of the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mapsto.compiler.conditions import decided
from mapsto.compiler.evaluate import SIDE_BY_SIDE, Evaluator
from mapsto.compiler.lanes import lane_loops
from mapsto.compiler.nests import Nest, vector_axis
from mapsto.compiler.terms import rebuilt
from mapsto.core.spec import SHORT_NAMES, Spec
from mapsto.ir.formula import Formula, Index, Load
from mapsto.ir.loops import Value

FEW_LANES = 4  # along the axis of a run, one element waits for the other: as many runs side by side are worth a vector

Bounds = Mapping[Index, tuple[Value, Value]]


@dataclass(frozen=True, eq=False)
class Along:
    """The axis that a run goes along. `before` stands for the element made last, which at first is `start`."""

    axis: Index
    reverse: bool
    start: Formula
    before: Load

    def told(self, formula: Formula) -> Formula:
        """The formula for a reader: the element before stands where it does."""
        step = 1 if self.reverse else -1
        index = tuple(part + step if part is self.axis else part for part in self.before.index)
        return rebuilt(formula, lambda term: Load(self.before.input, index) if term is self.before else None)


class RunLoops:
    """Writes the loops of a run: those over other axes, vectors along one of these, and within them the run's own."""

    def __init__(self, ev: Evaluator, run: Along, formula: Formula, specs: Sequence[Spec], bounds: Bounds) -> None:
        self.ev, self.run, self.formula, self.bounds = ev, run, decided(formula), bounds
        self.array, self.domain = run.before.input, tuple(axis for axis in run.before.index if isinstance(axis, Index))
        self.dtype = SHORT_NAMES[specs[self.array].dtype]
        self.others = [axis for axis in self.domain if axis is not run.axis and axis.extent > 1]
        nest = Nest((self.array,), tuple(self.others), self.domain, (self.formula,))
        axis = vector_axis(nest, specs, ev.width)
        self.vector = axis if axis is not None and axis.extent >= FEW_LANES else None

    def write(self) -> None:
        ones = {axis: self.ev.b.const(0) for axis in self.domain if axis.extent == 1}
        wide = self.vector is not None and self.vector.extent >= SIDE_BY_SIDE * self.ev.width
        with self.ev.scope(ones), self.ev.widened(SIDE_BY_SIDE if wide else 1):
            self.level([axis for axis in self.others if axis is not self.vector])

    def level(self, outer: Sequence[Index]) -> None:
        """The loops over the other axes from the outermost on, the vector's within them."""
        ev = self.ev
        if outer:
            first, last = self.limits(outer[0])
            with ev.b.loop(first, last) as turn, ev.scope({outer[0]: turn.index}):
                self.level(outer[1:])
        elif self.vector is None:
            self.along()
        else:
            for turn in lane_loops(ev.b, *self.limits(self.vector), ev.width, []):
                with ev.scope({self.vector: turn.index}), ev.vectorised(self.vector, turn.mask):
                    self.along()

    def limits(self, axis: Index) -> tuple[Value | int, Value | int]:
        return self.bounds.get(axis, (0, axis.extent))

    def along(self) -> None:
        """The run itself; the last element is carried from turn to turn."""
        ev, b, run = self.ev, self.ev.b, self.run
        lanes = 1 if self.vector is None else ev.width
        start = b.splat(ev.value(run.start, self.dtype), lanes)
        with b.loop(0, run.axis.extent, 1, [start]) as turn:
            place = b.op("sub", b.const(run.axis.extent - 1), turn.index) if run.reverse else turn.index
            with ev.scope({run.axis: place}):
                ev.know(run.before, turn.carried[0])
                value = b.splat(ev.value(self.formula, self.dtype), lanes)
                ev.store(self.array, self.domain, value)
                turn.give(value)
