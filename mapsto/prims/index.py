"""Integer indices: where the extreme element is, taking elements by index, and adding them back in place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mapsto.core.errors import DTypeError, IndexRangeError, ShapeError
from mapsto.core.spec import BOOL, INT64, Shape, Spec, is_float, is_integer
from mapsto.ir.formula import Formula, Index, Literal, Load, Reduce, as_index, word
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import Case, fielded, prim
from mapsto.prims.kinds import SHARED, Constant, Multilinear, case, operands
from mapsto.prims.precision import rounded_term, wide_term, widened, working


@fielded
class Arg(Constant):
    """The index of the extreme element along an axis."""

    axis: int
    fold: ClassVar[str]

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        shape = inputs[0].shape
        if not 0 <= self.axis < len(shape):
            raise ShapeError("SHAPE-05", function=self.name, axis=self.axis, rank=len(shape))
        if shape[self.axis] == 0:
            raise ShapeError("SHAPE-06", function=self.name, what="extreme element")
        return (Spec(INT64, (*shape[: self.axis], *shape[self.axis + 1 :])),)

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        return (bind(type(self)(self.axis + 1), *inputs),), True

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        """The smallest index whose element is NaN, or else equals the extreme."""
        extent = inputs[0].shape[self.axis]
        first, second = Index(extent), Index(extent)
        load = [Load(0, (*o[: self.axis], index, *o[self.axis :])) for index in (first, second)]
        # Without a start of the input's own type, fold from the first element.
        begin = Load(0, (*o[: self.axis], as_index(0), *o[self.axis :]))
        extreme = Reduce(self.fold, first, begin, load[0])
        if is_float(inputs[0].dtype):
            hit = word("select", word("isnan", extreme), word("isnan", load[1]), word("equal", load[1], extreme))
        else:
            hit = word("equal", load[1], extreme)
        position = word("select", hit, second, Literal(extent, "i64"))
        return Reduce("minimum", second, Literal(extent, "i64"), position)

    @classmethod
    def cases(cls) -> list[Case]:
        nan = math.nan
        return [
            case(cls(0), "f64[3,4]"),
            case(cls(1), "f32[3,3]", special=([[1.0, nan, nan], [3.0, 3.0, -math.inf], [-0.0, 0.0, -1.0]],)),
            case(cls(0), "i64[4]", special=([2, 5, 5, 2],)),
            case(cls(1), "f32[0,2]"),
        ]


@prim
class ArgMax(Arg):
    """The index of the first NaN along an axis, else of the first largest element."""

    fold: ClassVar[str] = "maximum"

    def eval(self, *inputs: Any) -> Any:
        return np.argmax(widened(inputs[0]), self.axis)


@prim
class ArgMin(Arg):
    """The index of the first NaN along an axis, else of the first smallest element."""

    fold: ClassVar[str] = "minimum"

    def eval(self, *inputs: Any) -> Any:
        return np.argmin(widened(inputs[0]), self.axis)


@fielded
class Indexed(Multilinear):
    """An operand and an integer index whose first `batch_axes` axes belong together."""

    arity: ClassVar[int | None] = 2

    batch_axes: int

    def check(self, x: Spec, index: Spec) -> None:
        if not is_integer(index.dtype):
            raise DTypeError("DTYPE-04", function=self.name, wanted="an integer index", found=index)
        if not 0 <= self.batch_axes <= index.rank or x.shape[: self.batch_axes] != index.shape[: self.batch_axes]:
            rows = operands((x, index), ("x", "index"))
            raise ShapeError(
                "PRIM-04", function=self.name, count=self.batch_axes, operands=rows, fix="broadcast them first"
            )


@prim
class Take(Indexed):
    """`x[b…, n, r…]`, `index[b…, k…]` ↦ `x[b…, index, r…]` of shape `[b…, k…, r…]`.

    Indices run from 0 to n - 1; any other is an IndexRangeError.
    """

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        x, index = inputs
        self.check(x, index)
        if x.rank <= self.batch_axes:
            raise ShapeError("SHAPE-05", function=self.name, axis=self.batch_axes, rank=x.rank)
        return (Spec(x.dtype, (*index.shape, *x.shape[self.batch_axes + 1 :])),)

    def eval(self, *inputs: Any) -> Any:
        x, index = inputs
        check_range(index, x.shape[self.batch_axes])
        return x[(*grid(index.shape, self.batch_axes), index)]

    def transpose(self, i: int, g: Var, *inputs: Var) -> Var:
        x, index = inputs
        return bind(PutAdd(self.batch_axes, x.spec.shape[self.batch_axes]), g, index)

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        full = [x if has else SHARED["widen"](extent, x) for x, has in zip(inputs, batched, strict=True)]
        return (bind(Take(self.batch_axes + 1), *full),), True

    def ranges(self, inputs: Sequence[Spec]) -> tuple[tuple[int, int], ...]:
        return ((1, inputs[0].shape[self.batch_axes]),)

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        rank = inputs[1].rank
        where = Load(1, tuple(o[:rank]))
        return Load(0, (*o[: self.batch_axes], where, *o[rank:]))

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls(0), "f64[4,3]", "i64[5]", special=(np.arange(12.0).reshape(4, 3), [0, 3, 3, 1, 0])),
            case(cls(1), "f64[2,4]", "i64[2]", special=(np.arange(8.0).reshape(2, 4), [3, 1])),
            case(cls(1), "f32[2,3,2]", "i32[2,2]", special=(np.ones((2, 3, 2)), [[0, 2], [1, 1]])),
            case(cls(0), "f32[3]", "i64[0]"),
            case(cls(0), "f64[4,3]", "i64[]", special=(np.arange(12.0).reshape(4, 3), 2)),
        ]


@prim
class PutAdd(Indexed):
    """`g[b…, k…, r…]`, `index[b…, k…]` ↦ `x[b…, size, r…]`, the sums of what each place was given, in index order.

    It is `Take` transposed. Half floats are summed in float32.
    """

    size: int

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        g, index = inputs
        self.check(g, index)
        if g.dtype == BOOL:
            raise DTypeError("DTYPE-04", function=self.name, wanted="numbers", found=g, fix="cast it first: xp.astype")
        if g.shape[: index.rank] != index.shape:
            raise ShapeError("PRIM-05", function=self.name, given=g, index=index, fix="one value for every index")
        return (Spec(g.dtype, (*index.shape[: self.batch_axes], self.size, *g.shape[index.rank :])),)

    def eval(self, *inputs: Any) -> Any:
        g, index = inputs
        check_range(index, self.size)
        lead, rest = index.shape[: self.batch_axes], g.shape[index.ndim :]
        rows = np.arange(math.prod(lead)).reshape((*lead, *(1,) * (index.ndim - self.batch_axes)))
        out = np.zeros((math.prod(lead) * self.size, *rest), working(g.dtype))
        values = widened(g).reshape(index.size, *rest)
        np.add.at(out, (rows * self.size + index.astype(np.int64)).reshape(-1), values)
        return out.reshape(*lead, self.size, *rest).astype(g.dtype, copy=False)

    def transpose(self, i: int, g: Var, *inputs: Var) -> Var:
        return bind(Take(self.batch_axes), g, inputs[1])

    def ranges(self, inputs: Sequence[Spec]) -> tuple[tuple[int, int], ...]:
        return ((1, self.size),)

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        """Where every index stands alone in its row, no two meet: each place is given the value or nothing. Else a
        scattered fold: for every place, over all indices of the row in order, what is given where they name it."""
        g, index = inputs
        rows, place, rest = tuple(o[: self.batch_axes]), o[self.batch_axes], tuple(o[self.batch_axes + 1 :])
        turn, k = counted_through(index.shape[self.batch_axes :])
        here = word("equal", word("cast", Load(1, (*rows, *k)), dtype="i64"), place)
        value, nothing = Load(0, (*rows, *k, *rest)), Literal(0, "")
        if index.rank == self.batch_axes:
            return word("select", here, word("add", nothing, value), nothing)
        given = word("select", here, wide_term(value, g.dtype), nothing)
        return rounded_term(Reduce("add", turn, nothing, given), g.dtype)

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        full = [x if has else SHARED["widen"](extent, x) for x, has in zip(inputs, batched, strict=True)]
        return (bind(PutAdd(self.batch_axes + 1, self.size), *full),), True

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls(0, 4), "f64[5,3]", "i64[5]", special=(np.arange(15.0).reshape(5, 3), [0, 3, 3, 1, 0])),
            case(cls(1, 4), "f64[2]", "i64[2]", special=([1.0, 2.0], [3, 1])),
            case(cls(0, 3), "f32[0]", "i64[0]"),
            case(cls(0, 3), "f64[2,0,1]", "i64[2]", special=(np.zeros((2, 0, 1)), [2, 0])),
            case(cls(1, 3), "f64[0,2]", "i64[0,2]"),
            case(cls(0, 4), "f64[3]", "i64[]", special=([1.0, 2.0, 3.0], 2)),
            case(cls(0, 2), "f16[300]", "i64[300]", special=([0.1] * 300, [1] * 300)),
            case(cls(0, 2), "i8[3]", "i32[3]", special=([100, 100, 1], [0, 0, 1])),
        ]


@prim
class LastPut(Constant):
    """`index[b…, k…]` ↦ `i64[b…, size]`: for every place, the number of the last index that names it, -1 if none does.

    The numbers count row by row through the axes k. With it a scatter is a `Take`: of several updates of one place the
    last one stands, and only that one has a derivative.
    """

    batch_axes: int
    size: int

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        (index,) = inputs
        if not is_integer(index.dtype):
            raise DTypeError("DTYPE-04", function=self.name, wanted="an integer index", found=index)
        if not 0 <= self.batch_axes <= index.rank:
            raise ShapeError("SHAPE-05", function=self.name, axis=self.batch_axes, rank=index.rank)
        return (Spec(INT64, (*index.shape[: self.batch_axes], self.size)),)

    def eval(self, *inputs: Any) -> Any:
        (index,) = inputs
        check_range(index, self.size)
        lead = index.shape[: self.batch_axes]
        places = index.reshape(math.prod(lead), -1) if index.size else np.zeros((math.prod(lead), 0), np.int64)
        out = np.full((math.prod(lead), self.size), -1, np.int64)
        numbers = np.broadcast_to(np.arange(places.shape[1]), places.shape)
        np.maximum.at(out, (np.arange(len(places))[:, None], places), numbers)
        return out.reshape(*lead, self.size)

    def ranges(self, inputs: Sequence[Spec]) -> tuple[tuple[int, int], ...]:
        return ((0, self.size),)

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        """The largest number whose index names the place: a scattered fold."""
        rows, place = tuple(o[: self.batch_axes]), o[self.batch_axes]
        turn, k = counted_through(inputs[0].shape[self.batch_axes :])
        here = word("equal", word("cast", Load(0, (*rows, *k)), dtype="i64"), place)
        none = Literal(-1, "i64")
        return Reduce("maximum", turn, none, word("select", here, turn, none))

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        return (bind(LastPut(self.batch_axes + 1, self.size), *inputs),), True

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls(0, 4), "i64[5]", special=([0, 3, 3, 1, 0],)),
            case(cls(1, 4), "i32[2,3]", special=([[0, 0, 0], [3, 1, 3]],)),
            case(cls(0, 3), "u8[2,2]", special=([[2, 0], [0, 2]],)),
            case(cls(0, 3), "i64[]", special=(1,)),
            case(cls(0, 3), "i64[0]"),
            case(cls(1, 2), "i64[0,3]"),
        ]


def counted_through(shape: Shape) -> tuple[Index, tuple[Formula, ...]]:
    """One index that runs through all places of a shape, row by row, and the indices of the place that it is at."""
    turn = Index(math.prod(shape))
    strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    places = (turn // stride % extent for stride, extent in zip(strides, shape, strict=True))
    return turn, tuple(places) if turn.extent else tuple(as_index(0) for _ in shape)


def grid(shape: Shape, axes: int) -> tuple[Any, ...]:
    """Open index grids for the first axes of an index, shaped to broadcast with it."""
    return tuple(np.arange(shape[a]).reshape([-1 if a == b else 1 for b in range(len(shape))]) for a in range(axes))


def check_range(index: np.ndarray[Any, Any], extent: int) -> None:
    outside = (index < 0) | (index >= extent)
    if outside.any():
        raise IndexRangeError(
            "USE-04", index=int(index[outside][0]), extent=extent, fix=f"indices run 0 … {extent - 1}"
        )
