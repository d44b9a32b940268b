"""Sorting along an axis, with the places the elements came from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mapsto.ir.graph import Var, bind_all
from mapsto.ir.primitive import Case, prim
from mapsto.prims.kinds import case
from mapsto.prims.precision import widened
from mapsto.prims.rows import Along


@prim
class Sort(Along):
    """x ↦ its elements in ascending order along an axis, and the i64 index each had there.

    Equal elements keep their order, and NaNs come last.
    """

    axis: int

    def eval(self, *inputs: Any) -> Any:
        (x,) = inputs
        order = np.argsort(widened(x), self.axis, kind="stable")  # NumPy does not put the NaNs of bfloat16 last
        return np.take_along_axis(x, order, self.axis), order

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
            case(cls(0), "f64[1,2]"),
        ]
