"""Element by element: the trigonometric functions and their inverses, angles in radians."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from mapsto.ir.formula import Formula
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import Case, prim
from mapsto.prims.compare import Equal, select
from mapsto.prims.elementary import Sqrt
from mapsto.prims.elementwise import Add, Div, FloatPair, Sub, Unary, ZeroMul, constant_like, neg
from mapsto.prims.kinds import Vocabulary, case
from mapsto.prims.power import IntegerPow

UNIT = [0.0, -0.0, 1.0, -1.0, 0.5, -0.75, 2.0, math.inf, math.nan, 1e-40]


def inverse(x: Var) -> Var:
    """1 / x."""
    return bind(Div(), constant_like(x, 1.0), x)


def one_minus_square(x: Var) -> Var:
    """1 - x², exact near 1; by the product that keeps zeros, so that nothing comes of 0 · ∞."""
    one = constant_like(x, 1.0)
    return bind(ZeroMul(), bind(Sub(), one, x), bind(Add(), one, x))


def one_plus_square(x: Var) -> Var:
    """1 + x²."""
    return bind(Add(), constant_like(x, 1.0), bind(IntegerPow(2), x))


def unit_cases(kind: type[Unary]) -> list[Case]:
    """Cases of a function of the numbers from -1 to 1."""
    size = len(UNIT)
    return [
        case(kind(), f"f32[{size}]", special=(UNIT,)),
        case(kind(), f"f64[{size}]", special=(UNIT,)),
        case(kind(), "f64[3,4]", special=(np.linspace(-0.7, 0.75, 12).reshape(3, 4),)),
        case(kind(), "f32[2,0]"),
    ]


@prim
class Sin(Unary):
    """sin x; NaN at ±∞."""

    poles: ClassVar[bool] = True

    def eval(self, *inputs: Any) -> Any:
        return np.sin(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return (bind(Cos(), *inputs),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.sin(*terms)


@prim
class Cos(Unary):
    """cos x; NaN at ±∞."""

    poles: ClassVar[bool] = True

    def eval(self, *inputs: Any) -> Any:
        return np.cos(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return (neg(bind(Sin(), *inputs)),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.cos(*terms)


@prim
class Tan(Unary):
    """tan x; NaN at ±∞."""

    poles: ClassVar[bool] = True

    def eval(self, *inputs: Any) -> Any:
        return np.tan(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return (one_plus_square(y),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.tan(*terms)

    @classmethod
    def cases(cls) -> list[Case]:
        smooth = case(cls(), "f64[3,4]", special=(np.linspace(-1.2, 1.2, 12).reshape(3, 4),))
        return [smooth, *(c for c in super().cases() if c.inputs[0].shape != (3, 4))]


@prim
class Asin(Unary):
    """The angle from -π/2 to π/2 with sine x; NaN beyond -1 and 1."""

    poles: ClassVar[bool] = True

    def eval(self, *inputs: Any) -> Any:
        return np.arcsin(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return (inverse(bind(Sqrt(), one_minus_square(*inputs))),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.asin(*terms)

    @classmethod
    def cases(cls) -> list[Case]:
        return unit_cases(cls)


@prim
class Acos(Unary):
    """The angle from 0 to π with cosine x; NaN beyond -1 and 1."""

    poles: ClassVar[bool] = True

    def eval(self, *inputs: Any) -> Any:
        return np.arccos(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return (neg(inverse(bind(Sqrt(), one_minus_square(*inputs)))),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.acos(*terms)

    @classmethod
    def cases(cls) -> list[Case]:
        return unit_cases(cls)


@prim
class Atan(Unary):
    """The angle from -π/2 to π/2 with tangent x."""

    poles: ClassVar[bool] = True

    def eval(self, *inputs: Any) -> Any:
        return np.arctan(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return (inverse(one_plus_square(*inputs)),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.atan(*terms)


def nonzero(r: Var) -> Var:
    """r, and 1 where it is 0."""
    return select(bind(Equal(), r, constant_like(r, 0.0)), constant_like(r, 1.0), r)


@prim
class Hypot(FloatPair):
    """√(x² + y²) without overflow; its derivative at the origin is 0, as that of |x| at 0."""

    poles: ClassVar[bool] = True
    operations: ClassVar[int] = 4

    def eval(self, *inputs: Any) -> Any:
        return np.hypot(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        size = nonzero(y)
        return bind(Div(), inputs[0], size), bind(Div(), inputs[1], size)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.hypot(*terms)


@prim
class Atan2(FloatPair):
    """The angle from -π to π of the point (second, first); its derivative at the origin is 0."""

    poles: ClassVar[bool] = True
    operations: ClassVar[int] = 4

    def eval(self, *inputs: Any) -> Any:
        return np.arctan2(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        size = nonzero(bind(Hypot(), *inputs))  # divided by twice: its square could overflow
        first, second = (bind(Div(), bind(Div(), x, size), size) for x in inputs)
        return second, neg(first)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.atan2(*terms)
