"""Element by element: arithmetic. Elementary functions and comparisons have files of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mapsto.core.errors import DTypeError
from mapsto.core.spec import BOOL, FLOAT32, Spec, is_float
from mapsto.ir.formula import Formula, Literal
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import Case, prim
from mapsto.prims.kinds import SHARED, Elementwise, Vocabulary, case
from mapsto.prims.layout import Broadcast
from mapsto.prims.literal import const

SPECIAL = [0.0, -0.0, 1.0, -2.5, math.inf, -math.inf, math.nan, 1e-40]
INTEGERS = [0, 1, -1, 7, -7, 100]
ZERO = Literal(0, "")  # takes the type of what it meets


def constant_like(x: Var, value: float) -> Var:
    """An array of one number, shaped and typed like `x`."""
    return bind(Broadcast(x.spec.shape, ()), bind(const(value, x.spec.dtype)))


def add(x: Var, y: Var) -> Var:
    return bind(Add(), x, y)


def mul(x: Var, y: Var) -> Var:
    return bind(Mul(), x, y)


def neg(x: Var) -> Var:
    return bind(Neg(), x)


def floats_only(name: str, x: Spec) -> None:
    if not is_float(x.dtype):
        raise DTypeError("DTYPE-04", function=name, wanted="floats", found=x, fix="cast it first: xp.astype")


def numbers_only(name: str, x: Spec) -> None:
    """Truth values are not added or multiplied: NumPy's rules for them differ from function to function."""
    if x.dtype == BOOL:
        fix = "cast it first: xp.astype(x, xp.int64); truth values are combined with & | ^ ~"
        raise DTypeError("DTYPE-04", function=name, wanted="numbers", found=x, fix=fix)


class Unary(Elementwise):
    """One float in, one float out."""

    samples: ClassVar[list[Any]] = SPECIAL

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        floats_only(self.name, inputs[0])
        return super().type(*inputs)

    @classmethod
    def cases(cls) -> list[Case]:
        size = len(cls.samples)
        return [
            case(cls(), f"f32[{size}]", special=(cls.samples,)),
            case(cls(), f"f64[{size}]", special=(cls.samples,)),
            case(cls(), "f64[3,4]", special=(np.linspace(0.1, 2.0, 12).reshape(3, 4),)),
            case(cls(), "f32[2,0]"),
        ]


class Numeric(Elementwise):
    """One number in, one of the same type out."""

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        numbers_only(self.name, inputs[0])
        return super().type(*inputs)

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls(), "f32[8]", special=(SPECIAL,)),
            case(cls(), "i32[6]", special=(INTEGERS,)),
            case(cls(), "f64[3,2]"),
            case(cls(), "f32[0,3]"),
        ]


class Binary(Elementwise):
    """Two numbers of one type in; truth values too, if `ordered` says that only their order matters."""

    arity: ClassVar[int | None] = 2

    ordered: ClassVar[bool] = False

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        if not self.ordered:
            numbers_only(self.name, inputs[0])
        return super().type(*inputs)

    @classmethod
    def cases(cls) -> list[Case]:
        grid = np.array(np.meshgrid(SPECIAL, SPECIAL), np.float32)
        whole = np.array(np.meshgrid([1, 2, -3, 7], [1, 2, -3, 5]), np.int64)
        truth = case(cls(), "bool[4]", "bool[4]", special=([True, False, True, False], [True, True, False, False]))
        return [
            case(cls(), "f32[8,8]", "f32[8,8]", special=(grid[0], grid[1])),
            case(cls(), "i32[4,4]", "i32[4,4]", special=(whole[0], whole[1])),
            case(cls(), "f64[3,2]", "f64[3,2]"),
            case(cls(), "f32[0]", "f32[0]"),
            *([truth] if cls.ordered else []),
        ]


class FloatPair(Binary):
    """Two floats of one type in, one out."""

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        floats_only(self.name, inputs[0])
        return super().type(*inputs)

    @classmethod
    def cases(cls) -> list[Case]:
        x, y = [[0.5, -1], [2, 0], [-3, 1.5]], [[1, -2], [0.5, 2], [-1, 3]]
        finite = case(cls(), "f64[3,2]", "f64[3,2]", special=(x, y))
        return [*(c for c in super().cases() if c.inputs[0].dtype == FLOAT32), finite]


@prim
class Neg(Numeric):
    """-x."""

    def eval(self, *inputs: Any) -> Any:
        return np.negative(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return (constant_like(y, -1.0),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.neg(*terms)


@prim
class Add(Binary):
    """x + y."""

    def eval(self, *inputs: Any) -> Any:
        return np.add(*inputs)

    def jvp(self, outputs: Sequence[Var], inputs: Sequence[Var], tangents: Sequence[Var | None]) -> list[Var | None]:
        x, y = tangents
        return [y if x is None else x if y is None else add(x, y)]

    def vjp(self, outputs: Sequence[Var], inputs: Sequence[Var], cotangents: Sequence[Var | None]) -> list[Var | None]:
        return [cotangents[0], cotangents[0]]

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.add(*terms)


@prim
class Sub(Binary):
    """x - y."""

    def eval(self, *inputs: Any) -> Any:
        return np.subtract(*inputs)

    def jvp(self, outputs: Sequence[Var], inputs: Sequence[Var], tangents: Sequence[Var | None]) -> list[Var | None]:
        x, y = tangents
        return [x if y is None else neg(y) if x is None else bind(self, x, y)]

    def vjp(self, outputs: Sequence[Var], inputs: Sequence[Var], cotangents: Sequence[Var | None]) -> list[Var | None]:
        g = cotangents[0]
        return [g, None if g is None else neg(g)]

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.sub(*terms)


@prim
class Mul(Binary):
    """x · y."""

    def eval(self, *inputs: Any) -> Any:
        return np.multiply(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return inputs[1], inputs[0]

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.mul(*terms)


@prim
class Div(FloatPair):
    """x / y of floats."""

    poles: ClassVar[bool] = True

    def eval(self, *inputs: Any) -> Any:
        return np.divide(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        inverse = bind(self, constant_like(y, 1.0), inputs[1])
        # Not Mul: both factors are infinite at a pole, and 0 · ∞ would spoil the second order.
        return inverse, neg(bind(ZeroMul(), y, inverse))

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.div(*terms)


class Whole(Elementwise):
    """Two integers in; also of floats, where noted. A zero divisor gives 0 for integers, as NumPy does."""

    arity: ClassVar[int | None] = 2

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        numbers_only(self.name, inputs[0])
        return super().type(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return None, None

    @classmethod
    def cases(cls) -> list[Case]:
        whole = np.array(np.meshgrid([0, 1, 2, -3, 7], [1, 2, -3, 5, 0]), np.int64)
        return [
            case(cls(), "i64[5,5]", "i64[5,5]", special=(whole[0], whole[1])),
            case(cls(), "f32[2,3]", "f32[2,3]", special=([[5, -5, 5], [-5, 1, 0]], [[3, 3, -3], [-3, 0.5, 2]])),
            case(cls(), "f64[2,2]", "f64[2,2]", special=([[5.5, -5], [4.2, 0.7]], [[3, 3], [-3, -2]])),
        ]


@prim
class FloorDivide(Whole):
    """⌊x / y⌋; flat almost everywhere, so its derivative is 0."""

    def eval(self, *inputs: Any) -> Any:
        return np.floor_divide(*inputs)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.floor_divide(*terms)


@prim
class Remainder(Whole):
    """x - ⌊x / y⌋·y, with the sign of y."""

    def eval(self, *inputs: Any) -> Any:
        return np.remainder(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        if not is_float(y.spec.dtype):
            return None, None
        return constant_like(y, 1.0), neg(bind(FloorDivide(), *inputs))

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.remainder(*terms)


@prim
class ZeroMul(Elementwise):
    """g · p, and 0 where g = 0 whatever p is.

    Carries a derivative through a partial that may be infinite: where nothing flows, nothing is made. Its own partials
    are those of the product, so that second order stays right.
    """

    arity: ClassVar[int | None] = 2

    poles: ClassVar[bool] = True

    def eval(self, *inputs: np.ndarray[Any, Any]) -> Any:
        g, p = inputs
        return np.where(g == 0, g.dtype.type(0), g * p)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return inputs[1], inputs[0]

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        g, p = terms
        return e.select(e.equal(g, ZERO), ZERO, e.mul(g, p))

    @classmethod
    def cases(cls) -> list[Case]:
        g = [0.0, 0.0, 0.0, 2.0, 2.0, -0.0]
        p = [math.inf, math.nan, 3.0, math.inf, 3.0, math.nan]
        return [case(cls(), "f32[6]", "f32[6]", special=(g, p)), case(cls(), "f64[3,2]", "f64[3,2]")]


def widen(extent: int, x: Var) -> Var:
    """The same array for each of `extent` places of a new leading axis."""
    shape = x.spec.shape
    return bind(Broadcast((extent, *shape), tuple(range(1, len(shape) + 1))), x)


SHARED.update(add=Add(), mul=Mul(), zero_mul=ZeroMul(), widen=widen)
