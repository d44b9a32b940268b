"""Element by element: to whole numbers, and to the neighbouring float."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from mapsto.core.spec import BFLOAT16
from mapsto.ir.formula import Formula
from mapsto.ir.graph import Var
from mapsto.ir.primitive import Case, prim
from mapsto.prims.elementwise import FloatPair, Unary, constant_like
from mapsto.prims.kinds import Vocabulary, case

HALVES = [0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.7, math.inf, -math.inf, math.nan, 1e-40]


class Whole(Unary):
    """A float in, a whole number out: flat almost everywhere, so its derivative is 0."""

    samples: ClassVar[list[Any]] = HALVES

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            *(c for c in super().cases() if c.inputs[0].rank == 1),
            case(cls(), "f64[3,2]"),
            case(cls(), "f32[2,0]"),
        ]


@prim
class Round(Whole):
    """To the nearest whole number, halves to even."""

    def eval(self, *inputs: Any) -> Any:
        return np.rint(*inputs)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.round(*terms)


@prim
class Floor(Whole):
    """The largest whole number not above x."""

    def eval(self, *inputs: Any) -> Any:
        return np.floor(*inputs)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.floor(*terms)


@prim
class Ceil(Whole):
    """The smallest whole number not below x."""

    def eval(self, *inputs: Any) -> Any:
        return np.ceil(*inputs)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.ceil(*terms)


@prim
class NextAfter(FloatPair):
    """The float next to x on the way to y; y itself if they are equal. Its derivative by x is 1."""

    def eval(self, *inputs: np.ndarray[Any, Any]) -> Any:
        x, y = inputs
        beside = bfloat16_after(x, y) if x.dtype == BFLOAT16 else np.nextafter(x, y)
        return np.where(x == y, y, beside)  # of float16, NumPy gives x there, and 0 is not -0

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return constant_like(y, 1.0), None

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.next_after(*terms)


def bfloat16_after(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The same for bfloat16, where ml_dtypes 0.6 gives NaN next to an infinity: one more or less in the bit pattern."""
    bits = x.view(np.uint16)
    away = (x > 0) == (y > x)  # from 0, hence to the next pattern
    beside = np.where(x == 0, np.signbit(y) * np.uint16(2**15) + np.uint16(1), np.where(away, bits + 1, bits - 1))
    moved = beside.astype(np.uint16).view(BFLOAT16)
    return np.where(np.isnan(x) | np.isnan(y), BFLOAT16.type(math.nan), moved)
