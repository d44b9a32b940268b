"""Sorting along an axis, with the places the elements came from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mapsto.core.errors import ShapeError
from mapsto.core.spec import INT64, Spec
from mapsto.ir.graph import Var, bind, bind_all
from mapsto.ir.primitive import Case, prim
from mapsto.prims.index import PutAdd, Take
from mapsto.prims.kinds import Selection, case
from mapsto.prims.reduce import rows_last


@prim
class Sort(Selection):
    """x ↦ its elements in ascending order along an axis, and the i64 index each had there.

    Equal elements keep their order, and NaNs come last.
    """

    axis: int

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        (x,) = inputs
        if not 0 <= self.axis < x.rank:
            raise ShapeError("SHAPE-05", function=self.name, axis=self.axis, rank=x.rank)
        return x, Spec(INT64, x.shape)

    def eval(self, *inputs: Any) -> Any:
        (x,) = inputs
        order = np.argsort(x, self.axis, kind="stable")
        return np.take_along_axis(x, order, self.axis), order

    def chosen(self, outputs: Sequence[Var], x: Var) -> Var:
        return rows_last(outputs[1], (self.axis,))[0]

    def gather(self, x: Var, chosen: Var) -> Var:
        rows, undo = rows_last(x, (self.axis,))
        return undo(bind(Take(rows.spec.rank - 1), rows, chosen))

    def scatter(self, g: Var, chosen: Var, x: Var) -> Var:
        rows, undo = rows_last(g, (self.axis,))
        return undo(bind(PutAdd(rows.spec.rank - 1, rows.spec.shape[-1]), rows, chosen))

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        return bind_all(Sort(self.axis + 1), *inputs), True

    @classmethod
    def cases(cls) -> list[Case]:
        rows = [[2.0, math.nan, -0.0, 0.0], [math.inf, 1.0, 1.0, -math.inf], [math.nan, 3.0, math.nan, 1e-40]]
        return [
            case(cls(0), "f64[4,3]"),
            case(cls(1), "f64[2,4]"),
            case(cls(1), "f32[3,4]", special=(rows,)),
            case(cls(0), "i64[5]", special=([3, 1, 3, 2, 1],)),
            case(cls(0), "bool[3]", special=([True, False, True],)),
            case(cls(1), "f32[2,0]"),
        ]
