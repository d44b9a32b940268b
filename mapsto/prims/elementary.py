"""Element by element: exponentials, logarithms, the square root, the logistic function, magnitude."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from mapsto.ir.formula import Formula
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import prim
from mapsto.prims.compare import Sign
from mapsto.prims.elementwise import Div, Numeric, Sub, Unary, constant_like, mul, neg
from mapsto.prims.kinds import Vocabulary
from mapsto.prims.precision import widened

POSITIVE = [0.0, 1.0, 0.5, 2.5, 100.0, math.inf, math.nan, 1e-40]
MODERATE = [0.0, -0.0, 1.0, -2.5, 88.0, -104.0, math.inf, -math.inf, math.nan, 1e-40]


@prim
class Exp(Unary):
    """eˣ."""

    samples: ClassVar[list[Any]] = MODERATE
    poles: ClassVar[bool] = True  # the derivative overflows where the value does

    def eval(self, *inputs: Any) -> Any:
        return np.exp(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return (y,)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.exp(*terms)


@prim
class Expm1(Unary):
    """eˣ - 1, exact for small x."""

    samples: ClassVar[list[Any]] = MODERATE
    poles: ClassVar[bool] = True

    def eval(self, *inputs: Any) -> Any:
        return np.expm1(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return (bind(Exp(), *inputs),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.expm1(*terms)


@prim
class Log(Unary):
    """The natural logarithm; NaN below 0."""

    samples: ClassVar[list[Any]] = POSITIVE
    poles: ClassVar[bool] = True

    def eval(self, *inputs: Any) -> Any:
        return np.log(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return (bind(Div(), constant_like(y, 1.0), *inputs),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.log(*terms)


@prim
class Log2(Unary):
    """The logarithm to base 2; NaN below 0."""

    samples: ClassVar[list[Any]] = POSITIVE
    poles: ClassVar[bool] = True

    def eval(self, *inputs: Any) -> Any:
        return np.log2(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return (bind(Div(), constant_like(y, 1 / math.log(2)), *inputs),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.log2(*terms)


@prim
class Log10(Unary):
    """The logarithm to base 10; NaN below 0."""

    samples: ClassVar[list[Any]] = POSITIVE
    poles: ClassVar[bool] = True

    def eval(self, *inputs: Any) -> Any:
        return np.log10(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return (bind(Div(), constant_like(y, 1 / math.log(10)), *inputs),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.log10(*terms)


@prim
class Log1p(Unary):
    """log(1 + x), exact for small x."""

    samples: ClassVar[list[Any]] = [0.0, -0.5, -1.0, 3.0, math.inf, math.nan, 1e-40]
    poles: ClassVar[bool] = True

    def eval(self, *inputs: Any) -> Any:
        return np.log1p(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        one = constant_like(y, 1.0)
        return (bind(Div(), one, bind(Sub(), inputs[0], neg(one))),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.log1p(*terms)


@prim
class Sqrt(Unary):
    """The square root; NaN below 0."""

    samples: ClassVar[list[Any]] = POSITIVE
    poles: ClassVar[bool] = True

    def eval(self, *inputs: Any) -> Any:
        return np.sqrt(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return (bind(Div(), constant_like(y, 0.5), y),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.sqrt(*terms)


@prim
class Sigmoid(Unary):
    """1 / (1 + e⁻ˣ), by eˣ for negative x, so that nothing overflows."""

    operations: ClassVar[int] = 4

    def eval(self, *inputs: np.ndarray[Any, Any]) -> Any:
        x = widened(inputs[0])
        small = np.exp(-np.abs(x))  # NaN stays NaN
        return (np.where(x >= 0, x.dtype.type(1), small) / (1 + small)).astype(inputs[0].dtype)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return (mul(y, bind(Sub(), constant_like(y, 1.0), y)),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.sigmoid(*terms)


@prim
class Abs(Numeric):
    """|x|; its derivative at 0 is 0."""

    def eval(self, *inputs: Any) -> Any:
        return np.abs(*inputs)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return (bind(Sign(), *inputs),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.abs(*terms)
