"""Element by element: logic on the bits of integers."""

from __future__ import annotations

from mapsto.array.array import FUNCTIONS, Array, ArrayLike
from mapsto.array.convert import aligned, asarray
from mapsto.array.trace import apply
from mapsto.prims import bits


def bitwise_and(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 ∧ x2, bit by bit."""
    return apply(bits.BitAnd(), *aligned("bitwise_and", x1, x2))


def bitwise_or(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 ∨ x2, bit by bit."""
    return apply(bits.BitOr(), *aligned("bitwise_or", x1, x2))


def bitwise_xor(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 ⊕ x2, bit by bit."""
    return apply(bits.BitXor(), *aligned("bitwise_xor", x1, x2))


def bitwise_invert(x: ArrayLike, /) -> Array:
    """¬x, bit by bit."""
    return apply(bits.BitNot(), asarray(x))


def bitwise_left_shift(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 · 2^x2 of integers, wrapped; 0 where x2 is negative, or the width of the type or more.

    >>> bitwise_left_shift([1, 3, 1], [4, 1, 64])
    array([16,  6,  0], i64[3])
    """
    return apply(bits.ShiftLeft(), *aligned("bitwise_left_shift", x1, x2))


def bitwise_right_shift(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 · 2^-x2 of integers, rounded down; where x2 is negative, or the width or more, 0, and -1 of a negative x1.

    >>> bitwise_right_shift([16, -16, -16], [2, 2, 64])
    array([ 4, -4, -1], i64[3])
    """
    return apply(bits.ShiftRight(), *aligned("bitwise_right_shift", x1, x2))


FUNCTIONS.update(
    bitwise_and=bitwise_and,
    bitwise_invert=bitwise_invert,
    bitwise_left_shift=bitwise_left_shift,
    bitwise_or=bitwise_or,
    bitwise_right_shift=bitwise_right_shift,
    bitwise_xor=bitwise_xor,
)
