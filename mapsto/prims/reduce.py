"""Reductions over axes: sum, product, maximum, minimum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mapsto.core.errors import ShapeError
from mapsto.core.spec import Shape, Spec, is_float
from mapsto.ir.formula import Formula, Index, Literal, Load, Reduce
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import Case, Primitive, fielded, prim
from mapsto.prims.cumulative import CumProd
from mapsto.prims.elementwise import mul, numbers_only
from mapsto.prims.index import ArgMax, ArgMin, PutAdd, Take
from mapsto.prims.kinds import SHARED, Multilinear, Selection, case
from mapsto.prims.layout import Broadcast
from mapsto.prims.precision import rounded_term, wide_term, widened
from mapsto.prims.rows import rows_last


@fielded
class Reduction(Primitive):
    """Fold `axes` away."""

    axes: tuple[int, ...]
    fold: ClassVar[str]

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        shape = inputs[0].shape
        if any(not 0 <= axis < len(shape) for axis in self.axes) or len(set(self.axes)) < len(self.axes):
            raise ShapeError("SHAPE-05", function=self.name, axis=self.axes, rank=len(shape))
        return (Spec(inputs[0].dtype, kept(shape, self.axes), inputs[0].weak),)

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        return (bind(type(self)(tuple(axis + 1 for axis in self.axes)), *inputs),), True

    def start(self, x: Spec) -> Formula:
        """What an empty fold gives."""
        raise NotImplementedError

    def element(self, x: Spec, index: tuple[Formula, ...]) -> Formula:
        """What is folded."""
        return Load(0, index)

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        folded = {axis: Index(inputs[0].shape[axis]) for axis in self.axes}
        outer = iter(o)
        index = tuple(folded[axis] if axis in folded else next(outer) for axis in range(inputs[0].rank))
        value = self.element(inputs[0], index)
        for axis in reversed(self.axes):
            value = Reduce(self.fold, folded[axis], self.start(inputs[0]), value)
        return value

    def flops(self, inputs: Sequence[Spec], outputs: Sequence[Spec]) -> int:
        return inputs[0].size if is_float(inputs[0].dtype) else 0


class Total(Reduction):
    """A fold of numbers by adding or multiplying; half floats in float32, rounded once."""

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        numbers_only(self.name, inputs[0])
        return super().type(*inputs)

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        return rounded_term(super().at(o, inputs), inputs[0].dtype)

    def element(self, x: Spec, index: tuple[Formula, ...]) -> Formula:
        return wide_term(Load(0, index), x.dtype)


def kept(shape: Shape, axes: tuple[int, ...]) -> Shape:
    return tuple(extent for axis, extent in enumerate(shape) if axis not in axes)


@prim
class Sum(Total, Multilinear):
    """Σ over axes; 0 over an empty one."""

    fold: ClassVar[str] = "add"

    def eval(self, *inputs: Any) -> Any:
        wide = widened(inputs[0])
        return np.sum(wide, self.axes, dtype=wide.dtype).astype(inputs[0].dtype, copy=False)

    def transpose(self, i: int, g: Var, *inputs: Var) -> Var:
        shape = inputs[0].spec.shape
        return bind(Broadcast(shape, tuple(axis for axis in range(len(shape)) if axis not in self.axes)), g)

    def start(self, x: Spec) -> Formula:
        return Literal(0, "")

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls((0,)), "f64[3,4]"),
            case(cls((0, 2)), "f64[2,3,4]"),
            case(cls((1,)), "f32[2,0]"),
            case(cls(()), "f64[3]"),
            case(cls((0,)), "i64[4]"),
            case(cls((0,)), "f32[3]", special=([math.inf, math.nan, 1.0],)),
            case(cls((0,)), "f16[300]", special=([0.1] * 300,)),
            case(cls((0,)), "f64[1,2]"),
        ]


def sum_over(x: Var, axes: tuple[int, ...]) -> Var:
    return bind(Sum(axes), x) if axes else x


@prim
class Prod(Total):
    """Π over axes; 1 over an empty one.

    The derivative by one element is the product of those before and those after it, so that it is right at zeros and
    at every order.
    """

    fold: ClassVar[str] = "mul"

    def eval(self, *inputs: Any) -> Any:
        wide = widened(inputs[0])
        return np.prod(wide, self.axes, dtype=wide.dtype).astype(inputs[0].dtype, copy=False)

    def others(self, x: Var) -> Var:
        """For every element, the product of the elements that are folded with it."""
        rows, undo = rows_last(x, self.axes)
        before, after = (CumProd(rows.spec.rank - 1, reverse) for reverse in (False, True))
        products = (run.previous(bind(run, rows), 1.0) for run in (before, after))
        return undo(mul(*products))

    def jvp(self, outputs: Sequence[Var], inputs: Sequence[Var], tangents: Sequence[Var | None]) -> list[Var | None]:
        t = tangents[0]
        return [None if t is None else sum_over(mul(t, self.others(inputs[0])), self.axes)]

    def vjp(self, outputs: Sequence[Var], inputs: Sequence[Var], cotangents: Sequence[Var | None]) -> list[Var | None]:
        g = cotangents[0]
        if g is None:
            return [None]
        return [mul(Sum(self.axes).transpose(0, g, inputs[0]), self.others(inputs[0]))]

    def start(self, x: Spec) -> Formula:
        return Literal(1, "")

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls((0,)), "f64[3,4]"),
            case(cls((0, 2)), "f64[2,2,3]"),
            case(cls((1,)), "f64[3,3]", special=([[0.0, 2.0, 3.0], [0.0, 4.0, 0.0], [1.0, 5.0, 0.0]],)),
            case(cls(()), "f64[2]"),
            case(cls((1,)), "f32[2,0]"),
            case(cls((0,)), "i64[4]"),
            case(cls((0,)), "f32[2,3]", special=([[math.inf, math.nan, -0.0], [0.0, 1.0, 1e-40]],)),
        ]


class Extreme(Reduction, Selection):
    """The largest or smallest element; the first one takes the derivative. An empty axis is an error."""

    arg: ClassVar[type[ArgMax] | type[ArgMin]]

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        specs = super().type(*inputs)
        if any(inputs[0].shape[axis] == 0 for axis in self.axes):
            raise ShapeError("SHAPE-06", function=self.name, what="extreme element")
        return specs

    def chosen(self, outputs: Sequence[Var], x: Var) -> Var:
        rows, _ = rows_last(x, self.axes)
        return bind(self.arg(rows.spec.rank - 1), rows)

    def gather(self, x: Var, chosen: Var) -> Var:
        rows, _ = rows_last(x, self.axes)
        return bind(Take(rows.spec.rank - 1), rows, chosen)

    def scatter(self, g: Var, chosen: Var, x: Var) -> Var:
        rows, undo = rows_last(x, self.axes)
        return undo(bind(PutAdd(rows.spec.rank - 1, rows.spec.shape[-1]), g, chosen))

    def start(self, x: Spec) -> Formula:
        if is_float(x.dtype):
            return Literal(-math.inf if self.fold == "maximum" else math.inf, "")
        if x.dtype.kind == "b":
            return Literal(self.fold != "maximum", "bool")
        info = np.iinfo(x.dtype)
        return Literal(int(info.min if self.fold == "maximum" else info.max), "")

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls((0,)), "f64[3,4]"),
            case(cls((0, 2)), "f64[2,3,4]"),
            case(cls((1,)), "f32[0,2]"),
            case(cls((1,)), "f32[3,3]", special=([[1.0, math.nan, 2.0], [3.0, 3.0, -math.inf], [-0.0, 0.0, -1.0]],)),
            case(cls((0,)), "i64[4]"),
            case(cls((0,)), "bool[3]", special=([True, False, True],)),
        ]


@prim
class Max(Extreme):
    """The largest element over axes; NaN if there is one."""

    fold: ClassVar[str] = "maximum"
    arg: ClassVar[type[ArgMax] | type[ArgMin]] = ArgMax

    def eval(self, *inputs: Any) -> Any:
        return np.max(inputs[0], self.axes)


@prim
class Min(Extreme):
    """The smallest element over axes; NaN if there is one."""

    fold: ClassVar[str] = "minimum"
    arg: ClassVar[type[ArgMax] | type[ArgMin]] = ArgMin

    def eval(self, *inputs: Any) -> Any:
        return np.min(inputs[0], self.axes)


SHARED["sum"] = sum_over
