"""Element by element: powers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mapsto.core.errors import DTypeError
from mapsto.core.spec import SHORT_NAMES, DType, Spec, float_info, is_float
from mapsto.ir.formula import Formula, Literal
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import Case, prim
from mapsto.prims.compare import Equal, select
from mapsto.prims.elementary import Log
from mapsto.prims.elementwise import SPECIAL, Binary, Sub, ZeroMul, constant_like, mul, numbers_only
from mapsto.prims.kinds import Elementwise, Vocabulary, case
from mapsto.prims.precision import widened


@prim
class Pow(Binary):
    """xʸ, both varying. The derivative by y at x = 0 is 0. A negative power of integers is a DTypeError."""

    poles: ClassVar[bool] = True

    def eval(self, *inputs: Any) -> Any:
        x, exponent = inputs
        if not is_float(x.dtype) and (exponent < 0).any():
            raise negative_power(Spec(x.dtype, x.shape))
        return np.power(x, exponent)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        x, exponent = inputs
        by_x = bind(ZeroMul(), exponent, bind(self, x, bind(Sub(), exponent, constant_like(y, 1.0))))
        zero = constant_like(y, 0.0)
        safe = select(bind(Equal(), x, zero), constant_like(y, 1.0), x)
        return by_x, bind(ZeroMul(), y, bind(Log(), safe))

    def ranges(self, inputs: Sequence[Spec]) -> tuple[tuple[int, int], ...]:
        return ((1, 2**63),) if inputs[1].dtype.kind == "i" else ()

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.pow(*terms)

    @classmethod
    def cases(cls) -> list[Case]:
        x, y = [0.0, 0.0, 2.0, 4.0, math.inf, math.nan, 1.0], [0.0, 2.0, -1.0, 0.5, 2.0, 1.0, math.inf]
        positive = np.linspace(0.5, 2.0, 6).reshape(3, 2)
        return [
            case(cls(), "f32[7]", "f32[7]", special=(x, y), differentiate=False),
            case(cls(), "f64[3,2]", "f64[3,2]", special=(positive, positive)),
            case(cls(), "i64[4]", "i64[4]", special=([0, -3, 5, 2], [0, 3, 2, 62])),
        ]


def negative_power(x: Spec) -> DTypeError:
    fix = "cast it first: xp.astype(x, xp.float32)"
    return DTypeError("DTYPE-04", function="a negative power", wanted="floats", found=x, fix=fix)


def holds(dtype: DType, n: int) -> bool:
    """Whether a type has the integer n; of floats, where every neighbour is there as well."""
    if is_float(dtype):
        return abs(n) < 2 ** (int(float_info(dtype).nmant) + 1)
    return int(np.iinfo(dtype).min) <= n <= int(np.iinfo(dtype).max)


@prim
class IntegerPow(Elementwise):
    """xⁿ for an integer n written in the program."""

    n: int
    poles: ClassVar[bool] = True

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        (x,) = inputs
        numbers_only(self.name, x)
        if self.n < 0 and not is_float(x.dtype):
            raise negative_power(x)
        if not holds(x.dtype, self.n):
            wanted = f"an exponent that fits {SHORT_NAMES[x.dtype]}"
            raise DTypeError("DTYPE-04", function="a power", wanted=wanted, found=self.n, fix="cast the base first")
        return super().type(x)

    def eval(self, *inputs: Any) -> Any:
        (x,) = inputs
        if self.n >= 0:
            return np.power(x, x.dtype.type(self.n))
        wide = widened(x)
        return (1 / np.power(wide, wide.dtype.type(-self.n))).astype(x.dtype)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        if self.n == 0:
            return (None,)
        return (mul(constant_like(y, float(self.n)), bind(IntegerPow(self.n - 1), *inputs)),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        if self.n >= 0:
            return e.pow(*terms, Literal(self.n, ""))
        return e.div(Literal(1, ""), e.pow(*terms, Literal(-self.n, "")))

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls(2), "f32[8]", special=(SPECIAL,)),
            case(cls(3), "f64[3,2]"),
            case(cls(-1), "f32[4]", special=([1.0, -2.0, 0.0, math.inf],), differentiate=False),
            case(cls(0), "f64[2]"),
            case(cls(2), "i64[3]", special=([0, -3, 5],)),
        ]
