"""Element by element: the hyperbolic functions and their inverses."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from mapsto.ir.formula import Formula
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import Case, prim
from mapsto.prims.elementary import MODERATE, Sqrt
from mapsto.prims.elementwise import Add, Sub, Unary, ZeroMul, constant_like, mul
from mapsto.prims.kinds import Vocabulary, case
from mapsto.prims.trigonometric import Hypot, inverse, one_minus_square, unit_cases


@prim
class Sinh(Unary):
    """(eˣ - e⁻ˣ) / 2."""

    samples: ClassVar[list[Any]] = MODERATE
    poles: ClassVar[bool] = True

    def eval(self, *inputs: Any) -> Any:
        return np.sinh(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return (bind(Cosh(), *inputs),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.sinh(*terms)


@prim
class Cosh(Unary):
    """(eˣ + e⁻ˣ) / 2."""

    samples: ClassVar[list[Any]] = MODERATE
    poles: ClassVar[bool] = True

    def eval(self, *inputs: Any) -> Any:
        return np.cosh(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return (bind(Sinh(), *inputs),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.cosh(*terms)


@prim
class Tanh(Unary):
    """The hyperbolic tangent sinh x / cosh x."""

    def eval(self, *inputs: Any) -> Any:
        return np.tanh(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return (bind(Sub(), constant_like(y, 1.0), mul(y, y)),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.tanh(*terms)


@prim
class Asinh(Unary):
    """The inverse of sinh."""

    poles: ClassVar[bool] = True

    def eval(self, *inputs: Any) -> Any:
        return np.arcsinh(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return (inverse(bind(Hypot(), constant_like(y, 1.0), *inputs)),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.asinh(*terms)


@prim
class Acosh(Unary):
    """The inverse of cosh, 0 or more; NaN below 1."""

    poles: ClassVar[bool] = True

    def eval(self, *inputs: Any) -> Any:
        return np.arccosh(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        (x,) = inputs
        one = constant_like(y, 1.0)
        below, above = (bind(Sqrt(), bind(step, x, one)) for step in (Sub(), Add()))
        return (inverse(bind(ZeroMul(), below, above)),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.acosh(*terms)

    @classmethod
    def cases(cls) -> list[Case]:
        samples = [1.0, 1.5, 100.0, 0.5, -2.0, math.inf, -math.inf, math.nan]
        return [
            case(cls(), "f32[8]", special=(samples,)),
            case(cls(), "f64[8]", special=(samples,)),
            case(cls(), "f64[3,4]", special=(np.linspace(1.3, 4.0, 12).reshape(3, 4),)),
            case(cls(), "f32[2,0]"),
        ]


@prim
class Atanh(Unary):
    """The inverse of tanh: ±∞ at ±1, NaN beyond."""

    poles: ClassVar[bool] = True

    def eval(self, *inputs: Any) -> Any:
        return np.arctanh(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return (inverse(one_minus_square(*inputs)),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.atanh(*terms)

    @classmethod
    def cases(cls) -> list[Case]:
        return unit_cases(cls)
