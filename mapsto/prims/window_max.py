"""The largest element of every window that slides over `x[n, *spatial, c]`, and where in the window it stands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mapsto.core.errors import ShapeError
from mapsto.core.spec import SHORT_NAMES, DType, Spec, is_float
from mapsto.ir.formula import Formula, Index, Literal, Load, Reduce, both, word
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import Case, fielded, prim
from mapsto.prims.kinds import Constant, Selection, case, operands
from mapsto.prims.precision import widened
from mapsto.prims.window import Window, WindowPick, number_type, row_by_row


def lowest(dtype: DType) -> Any:
    """The element that every other one of its type is at least as large as."""
    if is_float(dtype):
        return -math.inf
    return False if dtype.kind == "b" else int(np.iinfo(dtype).min)


@fielded
class Extremum(Window):
    """The largest element of every window, of those that exist; a window without any is an error."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    y_extent: tuple[int, ...]

    def result(self, x: Spec) -> DType:
        raise NotImplementedError

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        (x,) = inputs
        self.check_geometry(self.name, size=self.size, y_extent=self.y_extent)
        for axis, extent in enumerate(self.plane(self.name, x)):
            empty = np.flatnonzero(self.first_place(axis, extent) < 0)
            if len(empty):
                facts: dict[str, Any] = {"function": self.name, "number": int(empty[0]), "axis": axis}
                raise ShapeError("PRIM-09", **facts, operands=operands((x,), ("x",)), fix="pad less")
        return (Spec(self.result(x), (x.shape[0], *self.y_extent, x.shape[-1])),)

    def first_place(self, axis: int, extent: int) -> Any:
        """The first input place of every window along an axis; -1 where there is none."""
        d = self.dilation[axis]
        begin = np.arange(self.y_extent[axis]) * self.stride[axis] - self.before[axis]
        offset = np.maximum(0, -(begin // d))
        place = begin + offset * d
        return np.where((offset < self.size[axis]) & (place < extent), place, -1)

    def largest(self, o: Sequence[Formula], x: Spec) -> Formula:
        """The formula of the largest element of a window."""
        steps = [Index(extent) for extent in self.size]
        place, guard = self.input_place(o[1:-1], steps, x.shape[1:-1])
        bottom = Literal(lowest(x.dtype), "bool" if x.dtype.kind == "b" else "")
        value: Formula = Load(0, (o[0], *place, o[-1]), guard, bottom)
        for index in reversed(steps):
            value = Reduce("maximum", index, bottom, value)
        return value

    @classmethod
    def cases(cls) -> list[Case]:
        nan, inf = math.nan, math.inf
        special = [[[1.0], [nan], [2.0], [2.0], [-inf], [-inf], [nan], [nan]]]
        plane = (3, 2), (2, 1), (1, 2), (1, 0), (2, 3)
        line = (2,), (2,), (1,), (0,)
        return [
            case(cls(*plane), "f64[2,4,5,2]"),
            case(cls((2, 2), (2, 2), (1, 1), (0, 0), (2, 2)), "f64[1,5,4,3]"),
            case(cls((3,), (1,), (1,), (1,), (8,)), "f32[1,8,1]", special=(special,)),
            case(cls(*line, (2,)), "i64[1,5,1]", special=([[[3], [3], [-7], [2], [9]]],)),
            case(cls(*line, (2,)), "bool[1,4,1]", special=([[[False], [False], [False], [True]]],)),
            case(cls(*line, (0,)), "f32[2,0,1]"),
            case(cls(*line, (1,)), "f64[0,3,2]"),
            case(cls((2,), (3,), (1,), (0,), (3,)), "f64[1,8,1]"),  # gaps between windows
            case(cls((4,), (1,), (1,), (2,), (4,)), "f64[1,3,2]"),  # overlap, an even size, wide padding
            case(cls((2,), (1,), (2,), (1,), (3,)), "f64[2,3,1]"),
            case(cls((1,), (1,), (1,), (0,), (1,)), "f64[1,1,1]"),
            case(cls((1, 2, 2), (1, 1, 2), (1, 1, 1), (0, 1, 0), (2, 3, 1)), "f64[1,2,2,2,1]"),
        ]


@prim
class WindowArgMax(Extremum, Constant):
    """The number of the first NaN of every window, else of its first largest element: its offset in the window, row by
    row, in the smaller of u8 and i32 that holds it."""

    def result(self, x: Spec) -> DType:
        return number_type(self.size)

    def eval(self, *inputs: Any) -> Any:
        """Number the offsets from the last (1) to the first; of those that hit, the largest number is the first place.

        Small integers and no branches: two to four times as fast as writing under a mask. NaNs are looked for only if
        some window has one.
        """
        x = widened(inputs[0])
        plane = x.shape[1:-1]
        largest = WindowMax(self.size, self.stride, self.dilation, self.before, self.y_extent).eval(x)
        count = math.prod(self.size)
        numbers = np.zeros(largest.shape, np.min_scalar_type(count))
        spoiled = bool((largest != largest).any())
        for i, (_, xs, ys) in enumerate(self.meetings(plane, self.size, self.y_extent)):
            new = x[:, *xs]
            hit = new == largest[:, *ys]
            if spoiled:
                hit |= new != new
            np.maximum(numbers[:, *ys], hit * numbers.dtype.type(count - i), out=numbers[:, *ys])
        return (numbers.dtype.type(count) - numbers).astype(number_type(self.size), copy=False)

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        (x,) = inputs
        steps = [Index(extent) for extent in self.size]
        place, guard = self.input_place(o[1:-1], steps, x.shape[1:-1])
        largest = self.largest(o, x)
        own = Load(0, (o[0], *place, o[-1]), guard, Literal(lowest(x.dtype), "bool" if x.dtype.kind == "b" else ""))
        hit: Formula = word("equal", own, largest)
        if is_float(x.dtype):
            hit = word("select", word("isnan", largest), word("isnan", own), hit)
        counted = both(guard, hit)
        number = row_by_row(steps, self.size)
        last = Literal(math.prod(self.size) - 1, SHORT_NAMES[number_type(self.size)])  # some offset hits: no beyond
        value: Formula = word("select", hit if counted is None else counted, number, last)
        for index in reversed(steps):
            value = Reduce("minimum", index, last, value)
        return value


@prim
class WindowMax(Extremum, Selection):
    """The largest element of every window; NaN if there is one. The first one takes the derivative."""

    def result(self, x: Spec) -> DType:
        return x.dtype

    def eval(self, *inputs: Any) -> Any:
        (x,) = inputs
        wide = widened(x)
        out = np.full((x.shape[0], *self.y_extent, x.shape[-1]), lowest(x.dtype), wide.dtype)
        for _, xs, ys in self.meetings(x.shape[1:-1], self.size, self.y_extent):
            np.maximum(out[:, *ys], wide[:, *xs], out=out[:, *ys])
        return out.astype(x.dtype, copy=False)

    def chosen(self, outputs: Sequence[Var], x: Var) -> Var:
        return bind(WindowArgMax(self.size, self.stride, self.dilation, self.before, self.y_extent), x)

    def picking(self, out: str, x: Var) -> WindowPick:
        plane = x.spec.shape[1:-1]
        return WindowPick(out, self.size, self.stride, self.dilation, self.before, plane, self.y_extent)

    def gather(self, x: Var, chosen: Var) -> Var:
        return bind(self.picking("y", x), x, chosen)

    def scatter(self, g: Var, chosen: Var, x: Var) -> Var:
        return bind(self.picking("x", x), g, chosen)

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        return self.largest(o, inputs[0])
