"""Element by element: logic on truth values and on the bits of integers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from mapsto.core.errors import DTypeError
from mapsto.core.spec import Spec, is_float, is_integer
from mapsto.ir.formula import Formula
from mapsto.ir.primitive import Case, prim
from mapsto.prims.elementwise import INTEGERS
from mapsto.prims.kinds import Elementwise, Vocabulary, case, operands


class Bits(Elementwise):
    """Truth values or integers in, the same type out."""

    arity: ClassVar[int | None] = 2

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

    arity: ClassVar[int | None] = 1

    def eval(self, *inputs: Any) -> Any:
        return np.bitwise_not(*inputs)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.bit_not(*terms)

    @classmethod
    def cases(cls) -> list[Case]:
        return [case(cls(), "bool[2]", special=([True, False],)), case(cls(), "u8[3]", special=([0, 1, 255],))]


class Shift(Bits):
    """The bits of x moved by y places. Where y is negative, or the width or more, every bit moves out."""

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        if not is_integer(inputs[0].dtype):
            raise DTypeError(
                "DTYPE-04", function=self.name, wanted="integers", found=inputs[0], operands=operands(inputs)
            )
        return super().type(*inputs)

    @classmethod
    def cases(cls) -> list[Case]:
        places = [0, 1, 7, 31, 32, -1]
        whole = np.array(np.meshgrid([0, 1, -1, 7, -8, 2**31 - 1, -(2**31)], places), np.int32)
        return [
            case(cls(), "u32[5]", "u32[5]", special=([1, 2**31, 255, 7, 7], [0, 31, 4, 1, 40])),
            case(cls(), "i32[6,7]", "i32[6,7]", special=(whole[0], whole[1])),
        ]


@prim
class ShiftLeft(Shift):
    """x · 2ʸ, wrapped."""

    def eval(self, *inputs: Any) -> Any:
        return np.left_shift(*inputs)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.shift_left(*terms)


@prim
class ShiftRight(Shift):
    """x · 2⁻ʸ, rounded down: the sign's bit moves in, so what remains in the end is 0, or -1 of a negative x."""

    def eval(self, *inputs: Any) -> Any:
        return np.right_shift(*inputs)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.shift_right(*terms)
