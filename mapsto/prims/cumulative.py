"""Running along an axis: sums, products, linear recurrences, and the largest or smallest element so far."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from mapsto.core.errors import DTypeError, ShapeError
from mapsto.core.spec import SHORT_NAMES, DType, Spec, is_float
from mapsto.ir.formula import Formula, Literal, Load, Run, as_index, word
from mapsto.ir.graph import Var, bind, bind_all
from mapsto.ir.primitive import Case, Primitive, fielded, prim
from mapsto.prims.elementwise import add, constant_like, mul, numbers_only
from mapsto.prims.kinds import SHARED, Multilinear, case, operands
from mapsto.prims.layout import Concat, Slice
from mapsto.prims.precision import rounded_term, wide_term, widened, working
from mapsto.prims.rows import Along

SPECIAL = [[1.0, math.inf, -math.inf, 2.0, 3.0], [0.5, -0.0, math.nan, 1.0, 1e-40], [1e30, 1e30, -2.0, 0.0, 4.0]]


@fielded
class Running(Primitive):
    """Numbers along `axis`, from the first to the last; from the last to the first if `reverse`."""

    axis: int
    reverse: bool

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        first = inputs[0]
        numbers_only(self.name, first)
        if not 0 <= self.axis < first.rank:
            raise ShapeError("SHAPE-05", function=self.name, axis=self.axis, rank=first.rank)
        for other in inputs[1:]:
            rows = operands(inputs)
            if other.shape != first.shape:
                raise ShapeError("SHAPE-02", function=self.name, operands=rows, fix="broadcast them first")
            if other.dtype != first.dtype:
                raise DTypeError("DTYPE-03", function=self.name, operands=rows, fix="cast one of them")
        return (Spec(first.dtype, first.shape),)

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        full = [x if has else SHARED["widen"](extent, x) for x, has in zip(inputs, batched, strict=True)]
        return (bind(type(self)(self.axis + 1, self.reverse), *full),), True

    def flops(self, inputs: Sequence[Spec], outputs: Sequence[Spec]) -> int:
        return len(inputs) * outputs[0].size if is_float(outputs[0].dtype) else 0

    def step(self, first: Formula, before: Formula, *terms: Formula) -> Formula:
        """An element, of the one before and the inputs' elements there; `first` holds at the first place."""
        raise NotImplementedError

    def run(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Run:
        """One element after another, of 16-bit floats in float32."""
        spec, place = inputs[0], tuple(o)
        terms = [wide_term(Load(number, place), spec.dtype) for number in range(len(inputs))]
        first = word("equal", o[self.axis], as_index(spec.shape[self.axis] - 1 if self.reverse else 0))
        before, wide = Load(len(inputs), place), working(spec.dtype)
        start = Literal(self.start(wide), SHORT_NAMES[wide])
        outputs = (rounded_term(before, spec.dtype),)
        return Run(self.axis, self.reverse, start.dtype, start, self.step(first, before, *terms), outputs)

    def start(self, dtype: DType) -> float:
        """What stands before the first element, and does not change it."""
        return -0.0 if is_float(dtype) else 0

    def along(self, x: Any) -> Any:
        """The axis first and in the direction of the run: a view."""
        moved = np.moveaxis(x, self.axis, 0)
        return moved[::-1] if self.reverse else moved

    def folded(self, fold: Callable[..., Any], x: Any) -> Any:
        """NumPy's running fold in the direction of the run, of 16-bit floats in float32."""
        out, numbers = np.empty_like(x), widened(x)
        self.along(out)[...] = fold(self.along(numbers), 0, dtype=numbers.dtype)
        return out

    def previous(self, x: Var, fill: float) -> Var:
        """For every place, the element met just before it; `fill` for the first place."""
        return neighbours(x, self.axis, self.reverse, fill)

    def following(self, x: Var) -> Var:
        """For every place, the element met just after it; 0 for the last place."""
        return neighbours(x, self.axis, not self.reverse, 0.0)

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls(0, False), "f64[4]"),
            case(cls(1, True), "f64[2,3,2]"),
            case(cls(0, False), "f64[1,2]"),
            case(cls(1, False), "f32[3,5]", special=(SPECIAL,)),
            case(cls(1, True), "f32[3,5]", special=(SPECIAL,)),
            case(cls(0, True), "i8[4]", special=([100, 3, -7, 2],)),
            case(cls(1, False), "f32[2,0]"),
            case(cls(1, False), "f32[0,2]"),
        ]


def neighbours(x: Var, axis: int, later: bool, fill: float) -> Var:
    """Element i - 1 along an axis at place i, or element i + 1 if `later`; `fill` where there is none."""
    shape = x.spec.shape
    extent = shape[axis]
    if extent == 0:
        return x
    start, stop = [0] * len(shape), list(shape)
    start[axis], stop[axis] = (1, extent) if later else (0, extent - 1)
    kept = bind(Slice(tuple(start), tuple(stop), (1,) * len(shape)), x)
    edge = bind(Slice((0,) * len(shape), (*shape[:axis], 1, *shape[axis + 1 :]), (1,) * len(shape)), x)
    border = constant_like(edge, fill)
    return bind(Concat(axis), *((kept, border) if later else (border, kept)))


@prim
class CumSum(Running, Multilinear):
    """`y[i] = Σ x[j]` over j ≤ i; over j ≥ i if `reverse`. Half floats are summed in float32."""

    axis: int
    reverse: bool

    def eval(self, *inputs: Any) -> Any:
        return self.folded(np.cumsum, inputs[0])

    def step(self, first: Formula, before: Formula, *terms: Formula) -> Formula:
        return word("add", before, terms[0])

    def transpose(self, i: int, g: Var, *inputs: Var) -> Var:
        return bind(CumSum(self.axis, not self.reverse), g)


@prim
class Recurrence(Running):
    """Factors a and terms b ↦ `h[i] = a[i]·h[i - 1] + b[i]`, where the first `h` is the first `b`.

    Linear in b, and its own derivative in all else: by a, the terms are `da[i]·h[i - 1]`. It carries the derivatives
    of running products, right at zeros; it is also what an exponential average or a discounted return is.
    """

    arity: ClassVar[int | None] = 2

    axis: int
    reverse: bool

    def eval(self, *inputs: Any) -> Any:
        factor, term = (self.along(widened(x)) for x in inputs)
        made = term.copy()
        for i in range(1, len(made)):
            made[i] += factor[i] * made[i - 1]
        out = np.empty_like(inputs[1])
        self.along(out)[...] = made
        return out

    def step(self, first: Formula, before: Formula, *terms: Formula) -> Formula:
        factor, term = terms
        return word("select", first, term, word("add", term, word("mul", factor, before)))

    def jvp(self, outputs: Sequence[Var], inputs: Sequence[Var], tangents: Sequence[Var | None]) -> list[Var | None]:
        by_factor, by_term = tangents
        if by_factor is not None:
            moved = mul(by_factor, self.previous(outputs[0], 0.0))
            by_term = moved if by_term is None else add(by_term, moved)
        return [None if by_term is None else bind(self, inputs[0], by_term)]

    def vjp(self, outputs: Sequence[Var], inputs: Sequence[Var], cotangents: Sequence[Var | None]) -> list[Var | None]:
        g = cotangents[0]
        if g is None:
            return [None, None]
        back = bind(Recurrence(self.axis, not self.reverse), self.following(inputs[0]), g)
        return [mul(back, self.previous(outputs[0], 0.0)), back]

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls(0, False), "f64[4]", "f64[4]"),
            case(cls(1, True), "f64[2,3]", "f64[2,3]"),
            case(cls(0, False), "f64[3]", "f64[3]", special=([0.0, 0.0, 2.0], [1.0, 0.0, 3.0])),
            case(cls(0, False), "f64[1]", "f64[1]"),
            case(cls(1, False), "f32[3,5]", "f32[3,5]", special=(SPECIAL, SPECIAL[::-1])),
            case(cls(0, True), "i64[3]", "i64[3]"),
            case(cls(0, False), "f32[0]", "f32[0]"),
        ]


@prim
class CumProd(Running):
    """`y[i] = Π x[j]` over j ≤ i; over j ≥ i if `reverse`. Half floats are multiplied in float32."""

    axis: int
    reverse: bool

    def eval(self, *inputs: Any) -> Any:
        return self.folded(np.cumprod, inputs[0])

    def start(self, dtype: DType) -> float:
        return 1

    def step(self, first: Formula, before: Formula, *terms: Formula) -> Formula:
        return word("mul", before, terms[0])

    def jvp(self, outputs: Sequence[Var], inputs: Sequence[Var], tangents: Sequence[Var | None]) -> list[Var | None]:
        t = tangents[0]
        if t is None:
            return [None]
        terms = mul(t, self.previous(outputs[0], 1.0))
        return [bind(Recurrence(self.axis, self.reverse), inputs[0], terms)]

    def vjp(self, outputs: Sequence[Var], inputs: Sequence[Var], cotangents: Sequence[Var | None]) -> list[Var | None]:
        g = cotangents[0]
        if g is None:
            return [None]
        back = bind(Recurrence(self.axis, not self.reverse), self.following(inputs[0]), g)
        return [mul(back, self.previous(outputs[0], 1.0))]

    @classmethod
    def cases(cls) -> list[Case]:
        zeros = [[2.0, 0.0, 3.0, 4.0], [0.0, 1.5, 0.0, 2.0]]
        return [*super().cases(), case(cls(1, False), "f64[2,4]", special=(zeros,))]


@fielded
class RunningExtreme(Along):
    """The extreme element so far along `axis` (`reverse`: from the last to the first), and its i64 index.

    A NaN is more extreme than everything. Of equal elements, and of NaNs, the one met first keeps the place.
    """

    axis: int
    reverse: bool
    beats: ClassVar[np.ufunc]
    extreme: ClassVar[np.ufunc]

    def eval(self, *inputs: Any) -> Any:
        (x,) = inputs
        index = np.zeros(x.shape, np.int64)
        if x.size:
            rows, places = (np.moveaxis(array, self.axis, 0) for array in (widened(x), index))
            if self.reverse:
                rows, places = rows[::-1], places[::-1]
            before, now = self.extreme.accumulate(rows)[:-1], rows[1:]
            new = self.beats(now, before) | ((now != now) & (before == before))
            steps = np.arange(1, len(rows)).reshape(-1, *(1,) * (rows.ndim - 1))
            places[1:] = np.maximum.accumulate(np.where(new, steps, 0))
            if self.reverse:
                places[...] = len(rows) - 1 - places
        return np.take_along_axis(x, index, self.axis), index

    def run(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Run:
        """Where the extreme element so far stands."""
        (x,) = inputs
        before = Load(1, tuple(o))
        start = Literal(x.shape[self.axis] - 1 if self.reverse else 0, "i64")
        best = Load(0, (*o[: self.axis], before, *o[self.axis + 1 :]))
        new, old = (wide_term(term, x.dtype) for term in (Load(0, tuple(o)), best))
        beaten = word("less", *((old, new) if self.beats is np.greater else (new, old)))
        if is_float(x.dtype):
            nan = word("bit_and", word("isnan", new), word("bit_not", word("isnan", old)))
            beaten = word("bit_or", beaten, nan)
        step = word("select", beaten, o[self.axis], before)
        return Run(self.axis, self.reverse, "i64", start, step, (best, before))

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        return bind_all(type(self)(self.axis + 1, self.reverse), *inputs), True

    @classmethod
    def cases(cls) -> list[Case]:
        nan, inf = math.nan, math.inf
        rows = [[2.0, 3.0, nan, inf, nan], [-0.0, 0.0, -inf, 0.0, 1.0], [-inf, -inf, inf, inf, 1e-40]]
        return [
            case(cls(0, False), "f64[5]"),
            case(cls(1, True), "f64[2,4,2]"),
            case(cls(1, False), "f32[3,5]", special=(rows,)),
            case(cls(1, True), "f32[3,5]", special=(rows,)),
            case(cls(0, False), "i64[5]", special=([3, 1, 3, 5, 5],)),
            case(cls(0, False), "bool[3]", special=([False, True, False],)),
            case(cls(0, True), "u8[1]"),
            case(cls(1, False), "f32[2,0]"),
        ]


@prim
class CumMax(RunningExtreme):
    """The largest element so far, and where it stands."""

    axis: int
    reverse: bool
    beats: ClassVar[np.ufunc] = np.greater
    extreme: ClassVar[np.ufunc] = np.maximum


@prim
class CumMin(RunningExtreme):
    """The smallest element so far, and where it stands."""

    axis: int
    reverse: bool
    beats: ClassVar[np.ufunc] = np.less
    extreme: ClassVar[np.ufunc] = np.minimum
