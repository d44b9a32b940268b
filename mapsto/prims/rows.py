"""Several axes as one last axis and back, and what picks elements along an axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from mapsto.core.errors import ShapeError
from mapsto.core.spec import INT64, Spec
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import fielded
from mapsto.prims.index import PutAdd, Take
from mapsto.prims.kinds import Selection
from mapsto.prims.layout import Reshape, Transpose


def rows_last(x: Var, axes: tuple[int, ...]) -> tuple[Var, Callable[[Var], Var]]:
    """Bring `axes` together as one last axis, `x[…, m]`; also the way back."""
    shape = x.spec.shape
    rest = tuple(axis for axis in range(len(shape)) if axis not in axes)
    order = (*rest, *axes)
    moved = bind(Transpose(order), x)
    split = moved.spec.shape

    def undo(rows: Var) -> Var:
        back = tuple(order.index(axis) for axis in range(len(shape)))
        return bind(Transpose(back), bind(Reshape(split), rows))

    flat = (*(shape[axis] for axis in rest), math.prod(shape[axis] for axis in axes))
    return bind(Reshape(flat), moved), undo


@fielded
class Along(Selection):
    """x ↦ an array of the same shape, each element of which stood somewhere along `axis` in x, and where: i64."""

    axis: int

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        (x,) = inputs
        if not 0 <= self.axis < x.rank:
            raise ShapeError("SHAPE-05", function=self.name, axis=self.axis, rank=x.rank)
        return x, Spec(INT64, x.shape)

    def chosen(self, outputs: Sequence[Var], x: Var) -> Var:
        return rows_last(outputs[1], (self.axis,))[0]

    def gather(self, x: Var, chosen: Var) -> Var:
        rows, undo = rows_last(x, (self.axis,))
        return undo(bind(Take(rows.spec.rank - 1), rows, chosen))

    def scatter(self, g: Var, chosen: Var, x: Var) -> Var:
        rows, undo = rows_last(g, (self.axis,))
        return undo(bind(PutAdd(rows.spec.rank - 1, rows.spec.shape[-1]), rows, chosen))
