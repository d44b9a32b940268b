"""Element by element: comparison, logic on bits, selection, casts, and the deliberate stop of derivatives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mapsto.core.errors import DTypeError
from mapsto.core.spec import BOOL, DTYPES, SHORT_NAMES, DType, Spec, is_float
from mapsto.ir.formula import Formula
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import Case, prim
from mapsto.prims.elementwise import INTEGERS, SPECIAL, Binary, Numeric, constant_like
from mapsto.prims.kinds import Elementwise, Vocabulary, case, operands


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
        return np.sign(*inputs)

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
class Select(Elementwise):
    """x where the condition holds, y elsewhere."""

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


@prim
class Cast(Elementwise):
    """To another element type. Floats lose their fraction towards 0 on the way to integers; NaN and overflow there are
    whatever the processor gives, and integers wrap."""

    dtype: str

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        return (Spec(DTYPES[self.dtype], inputs[0].shape),)

    def eval(self, *inputs: Any) -> Any:
        return inputs[0].astype(DTYPES[self.dtype])

    def back(self, x: Var, g: Var | None) -> Var | None:
        if g is None or not (is_float(DTYPES[self.dtype]) and is_float(x.spec.dtype)):
            return None
        return bind(Cast(SHORT_NAMES[x.spec.dtype]), g)

    def jvp(self, outputs: Sequence[Var], inputs: Sequence[Var], tangents: Sequence[Var | None]) -> list[Var | None]:
        t = tangents[0]
        return [None if t is None or not is_float(DTYPES[self.dtype]) else bind(self, t)]

    def vjp(self, outputs: Sequence[Var], inputs: Sequence[Var], cotangents: Sequence[Var | None]) -> list[Var | None]:
        return [self.back(inputs[0], cotangents[0])]

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.cast(terms[0], self.dtype)

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls("f64"), "f32[8]", special=(SPECIAL,)),
            case(cls("f32"), "f64[3]", special=([0.1, math.nan, 1e300],), differentiate=False),
            case(cls("f64"), "f64[3]"),
            case(cls("i64"), "f32[4]", special=([0.9, -0.9, 2.0, -3.5],)),
            case(cls("f32"), "u8[3]", special=([0, 128, 255],)),
            case(cls("bool"), "i32[3]", special=([0, 1, -2],)),
            case(cls("f32"), "bool[2]", special=([True, False],)),
        ]


@prim
class Weaken(Cast):
    """The same cast; the result is a weak number, which takes the type of what it meets."""

    name: ClassVar[str] = "weaken"

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        return (Spec(DTYPES[self.dtype], inputs[0].shape, weak=True),)


@prim
class StopGradient(Elementwise):
    """x of any type, through which no derivative passes."""

    def eval(self, *inputs: Any) -> Any:
        return inputs[0]

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return terms[0]

    @classmethod
    def cases(cls) -> list[Case]:
        return [case(cls(), "f64[3]", differentiate=False), case(cls(), "i32[2]"), case(cls(), "bool[2]")]


class Bits(Elementwise):
    """Truth values or integers in, the same type out."""

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        if is_float(inputs[0].dtype):
            raise DTypeError(
                "DTYPE-04", function=self.name, wanted="bool or integers", found=inputs[0], operands=operands(inputs)
            )
        return super().type(*inputs)

    @classmethod
    def cases(cls) -> list[Case]:
        truth = np.array(np.meshgrid([True, False], [True, False]))
        whole = np.array(np.meshgrid(INTEGERS, INTEGERS), np.int32)
        return [
            case(cls(), "bool[2,2]", "bool[2,2]", special=(truth[0], truth[1])),
            case(cls(), "i32[6,6]", "i32[6,6]", special=(whole[0], whole[1])),
        ]


@prim
class BitAnd(Bits):
    """x ∧ y, bit by bit."""

    def eval(self, *inputs: Any) -> Any:
        return np.bitwise_and(*inputs)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.bit_and(*terms)


@prim
class BitOr(Bits):
    """x ∨ y, bit by bit."""

    def eval(self, *inputs: Any) -> Any:
        return np.bitwise_or(*inputs)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.bit_or(*terms)


@prim
class BitXor(Bits):
    """x ⊕ y, bit by bit."""

    def eval(self, *inputs: Any) -> Any:
        return np.bitwise_xor(*inputs)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.bit_xor(*terms)


@prim
class BitNot(Bits):
    """¬x, bit by bit."""

    def eval(self, *inputs: Any) -> Any:
        return np.bitwise_not(*inputs)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.bit_not(*terms)

    @classmethod
    def cases(cls) -> list[Case]:
        return [case(cls(), "bool[2]", special=([True, False],)), case(cls(), "u8[3]", special=([0, 1, 255],))]


@prim
class ShiftRight(Bits):
    """x · 2⁻ʸ, rounded down. y is from 0 to the width less one."""

    def eval(self, *inputs: Any) -> Any:
        return np.right_shift(*inputs)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.shift_right(*terms)

    @classmethod
    def cases(cls) -> list[Case]:
        return [case(cls(), "u32[4]", "u32[4]", special=([1, 2**31, 255, 7], [0, 31, 4, 1]))]
