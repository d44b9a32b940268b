"""Element by element: comparison, the larger and the smaller, signs, and selection."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mapsto.core.errors import DTypeError
from mapsto.core.spec import BOOL, DType, Spec, is_float
from mapsto.ir.formula import Formula
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import Case, prim
from mapsto.prims.elementwise import SPECIAL, Binary, Numeric, Unary, constant_like
from mapsto.prims.kinds import Elementwise, Vocabulary, case


def select(condition: Var, x: Var, y: Var) -> Var:
    return bind(Select(), condition, x, y)


class Comparison(Binary):
    """Two numbers or truth values in, a truth value out."""

    ordered: ClassVar[bool] = True

    def result(self, first: Spec) -> DType:
        return BOOL


@prim
class Equal(Comparison):
    """x = y; NaN equals nothing."""

    def eval(self, *inputs: Any) -> Any:
        return np.equal(*inputs)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.equal(*terms)


@prim
class Less(Comparison):
    """x < y."""

    def eval(self, *inputs: Any) -> Any:
        return np.less(*inputs)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.less(*terms)


@prim
class LessEqual(Comparison):
    """x ≤ y."""

    def eval(self, *inputs: Any) -> Any:
        return np.less_equal(*inputs)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.less_equal(*terms)


class Choice(Binary):
    """The larger or smaller of two. At ties the derivative belongs to the first."""

    ordered: ClassVar[bool] = True

    def first_wins(self, x: Var, y: Var) -> Var:
        raise NotImplementedError

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        wins = self.first_wins(*inputs)
        one, zero = constant_like(y, 1.0), constant_like(y, 0.0)
        return select(wins, one, zero), select(wins, zero, one)


@prim
class Maximum(Choice):
    """The larger of x and y; NaN if either is. `maximum(0, x)` is relu: 0 (not -0) at 0, with derivative 0."""

    def eval(self, *inputs: np.ndarray[Any, Any]) -> Any:
        x, y = inputs
        return np.where((x >= y) | np.isnan(x), x, y) if is_float(x.dtype) else np.maximum(x, y)

    def first_wins(self, x: Var, y: Var) -> Var:
        return bind(LessEqual(), y, x)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.maximum(*terms)


@prim
class Minimum(Choice):
    """The smaller of x and y; NaN if either is."""

    def eval(self, *inputs: np.ndarray[Any, Any]) -> Any:
        x, y = inputs
        return np.where((x <= y) | np.isnan(x), x, y) if is_float(x.dtype) else np.minimum(x, y)

    def first_wins(self, x: Var, y: Var) -> Var:
        return bind(LessEqual(), x, y)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.minimum(*terms)


@prim
class Sign(Numeric):
    """-1, 0 or 1; NaN stays NaN."""

    def eval(self, *inputs: Any) -> Any:
        return np.sign(*inputs) + inputs[0].dtype.type(0)  # ml_dtypes leaves -0 as it is

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.sign(*terms)


@prim
class IsNan(Elementwise):
    """Whether x is not a number."""

    def result(self, first: Spec) -> DType:
        return BOOL

    def eval(self, *inputs: Any) -> Any:
        return np.isnan(*inputs)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.isnan(*terms)

    @classmethod
    def cases(cls) -> list[Case]:
        return [case(cls(), "f32[8]", special=(SPECIAL,))]


@prim
class SignBit(Unary):
    """Whether the sign is a minus, also that of -0 and of a NaN."""

    def result(self, first: Spec) -> DType:
        return BOOL

    def eval(self, *inputs: Any) -> Any:
        return np.signbit(*inputs)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.sign_bit(*terms)


@prim
class Select(Elementwise):
    """x where the condition holds, y elsewhere."""

    arity: ClassVar[int | None] = 3

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        if inputs[0].dtype != BOOL:
            raise DTypeError("DTYPE-04", function=self.name, wanted="a bool condition", found=inputs[0])
        (same,) = super().type(*inputs[1:])
        super().type(Spec(same.dtype, inputs[0].shape), Spec(same.dtype, same.shape))
        return (same,)

    def eval(self, *inputs: np.ndarray[Any, Any]) -> Any:
        return np.where(*inputs)

    def jvp(self, outputs: Sequence[Var], inputs: Sequence[Var], tangents: Sequence[Var | None]) -> list[Var | None]:
        _, x, y = tangents
        if x is None and y is None:
            return [None]
        zero = constant_like(outputs[0], 0.0)
        return [select(inputs[0], zero if x is None else x, zero if y is None else y)]

    def vjp(self, outputs: Sequence[Var], inputs: Sequence[Var], cotangents: Sequence[Var | None]) -> list[Var | None]:
        g = cotangents[0]
        if g is None:
            return [None, None, None]
        zero = constant_like(g, 0.0)
        return [None, select(inputs[0], g, zero), select(inputs[0], zero, g)]

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.select(*terms)

    @classmethod
    def cases(cls) -> list[Case]:
        some = [True, False, True, False]
        return [
            case(
                cls(), "bool[4]", "f32[4]", "f32[4]", special=(some, [1, math.nan, math.inf, 0], [math.nan, 1, 2, -0.0])
            ),
            case(cls(), "bool[2,3]", "f64[2,3]", "f64[2,3]"),
            case(cls(), "bool[2]", "i64[2]", "i64[2]"),
        ]
