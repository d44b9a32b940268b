"""The words of the loops in NumPy: one table, from arrays of as many elements as there are lanes to such an array."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from mapsto.core.numbers import converted
from mapsto.core.spec import DTYPES, FLOAT32, FLOAT64
from mapsto.ir.loops import Let, Type

Numbers = np.ndarray[Any, Any]


def apply(let: Let, args: list[Numbers], fused: bool = False) -> Numbers:
    """The value of a word, given those of its arguments. `fused`: whether `mul_add` rounds once.

    >>> from mapsto.ir.loops import Value
    >>> apply(Let(Value(Type("i64", 4)), "lanes"), [])
    array([0, 1, 2, 3])
    """
    if let.op in MOVES:
        return MOVES[let.op](let.value.type, let.attribute, *args)
    return fused_multiply_add(*args) if let.op == "mul_add" and fused else PLAIN[let.op](*args)


# arithmetic


def multiply_add(x: Numbers, y: Numbers, z: Numbers) -> Numbers:
    return x * y + z


def fused_multiply_add(x: Numbers, y: Numbers, z: Numbers) -> Numbers:
    """x · y + z, rounded once."""
    if x.dtype == FLOAT32:
        return float32_fused(x, y, z)
    if x.dtype == FLOAT64:
        return np.array([float64_fused(*numbers) for numbers in zip(x.tolist(), y.tolist(), z.tolist(), strict=True)])
    return x * y + z


def float32_fused(x: Numbers, y: Numbers, z: Numbers) -> Numbers:
    """In float64 the product of two float32 is exact, and the sum, if not, is rounded to odd; so one rounding is left.

    The error of a sum is exact, too: D. Knuth, The Art of Computer Programming, volume 2, section 4.2.2.
    """
    product, other = x.astype(FLOAT64) * y, z.astype(FLOAT64)
    total = product + other
    part = total - product
    error = (product - (total - part)) + (other - part)
    bits = total.view(np.int64)
    inexact = np.isfinite(total) & (error != 0) & (bits & 1 == 0)
    towards = np.where((error > 0) == (total > 0), 1, -1)
    return np.where(inexact, bits + towards, bits).view(FLOAT64).astype(FLOAT32)


def float64_fused(x: float, y: float, z: float) -> float:
    """By fractions; what is infinite, or 0, follows the rules of a plain sum."""
    plain = np.float64(x) * np.float64(y) + np.float64(z)
    if not all(map(np.isfinite, (x, y, z))):
        return float(plain)
    exact = Fraction(x) * Fraction(y) + Fraction(z)
    if exact == 0:
        return float(plain) if x == 0 or y == 0 else 0.0
    try:
        return exact.numerator / exact.denominator
    except OverflowError:
        return float("inf") if exact > 0 else float("-inf")


def shift_left(x: Numbers, count: Numbers) -> Numbers:
    """Where the count is negative, or the width or more, every bit moves out."""
    inside = (count >= 0) & (count < x.dtype.itemsize * 8)
    return np.where(inside, x << np.where(inside, count, 0).astype(x.dtype), 0).astype(x.dtype)


def shift_right(x: Numbers, count: Numbers) -> Numbers:
    """The other way; the sign's bit moves in."""
    inside = (count >= 0) & (count < x.dtype.itemsize * 8)
    sign = np.where(x < 0, -1, 0).astype(x.dtype)
    return np.where(inside, x >> np.where(inside, count, 0).astype(x.dtype), sign)


def floor_divide(x: Numbers, y: Numbers) -> Numbers:
    return np.where(y == 0, 0, x // np.where(y == 0, 1, y).astype(x.dtype)).astype(x.dtype)


def remainder(x: Numbers, y: Numbers) -> Numbers:
    return np.where(y == 0, 0, x % np.where(y == 0, 1, y).astype(x.dtype)).astype(x.dtype)


def minimum(x: Numbers, y: Numbers) -> Numbers:
    """Of equal numbers the first; NaN, if one is."""
    return np.where((x <= y) | isnan(x), x, y)


def maximum(x: Numbers, y: Numbers) -> Numbers:
    return np.where((x >= y) | isnan(x), x, y)


def isnan(x: Numbers) -> Numbers:
    return x != x


def folded(word: Callable[[Numbers, Numbers], Numbers]) -> Callable[[Numbers], Numbers]:
    """Halves first, until one lane is left."""

    def fold(x: Numbers) -> Numbers:
        while x.size > 1:
            x = word(x[: x.size // 2], x[x.size // 2 :])
        return x

    return fold


def select(condition: Numbers, x: Numbers, y: Numbers) -> Numbers:
    return np.where(condition, x, y)


PLAIN: dict[str, Callable[..., Numbers]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "fma": fused_multiply_add,
    "mul_add": multiply_add,
    "neg": np.negative,
    "abs": np.abs,
    "sqrt": np.sqrt,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.rint,
    "trunc": np.trunc,
    "copysign": np.copysign,
    "minimum": minimum,
    "maximum": maximum,
    "equal": np.equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "isnan": isnan,
    "bit_and": np.bitwise_and,
    "bit_or": np.bitwise_or,
    "bit_xor": np.bitwise_xor,
    "bit_not": np.invert,
    "shift_left": shift_left,
    "shift_right": shift_right,
    "floor_divide": floor_divide,
    "remainder": remainder,
    "select": select,
    "fold_add": folded(np.add),
    "fold_mul": folded(np.multiply),
    "fold_minimum": folded(minimum),
    "fold_maximum": folded(maximum),
    "fold_bit_and": folded(np.bitwise_and),
    "fold_bit_or": folded(np.bitwise_or),
}


# words that need the type of their value, or the attribute


def const(type: Type, number: Any) -> Numbers:
    return np.full(type.lanes, number, DTYPES[type.dtype])


def lanes(type: Type, _: None) -> Numbers:
    return np.arange(type.lanes).astype(DTYPES[type.dtype])


def splat(type: Type, _: None, x: Numbers) -> Numbers:
    return np.repeat(x, type.lanes)


def extract(_: Type, lane: int, x: Numbers) -> Numbers:
    return x[lane : lane + 1]


def shuffle(_: Type, order: tuple[int, ...], *vectors: Numbers) -> Numbers:
    return np.concatenate(vectors)[list(order)]


def cast(type: Type, _: None, x: Numbers) -> Numbers:
    return converted(x, DTYPES[type.dtype])


def bitcast(type: Type, _: None, x: Numbers) -> Numbers:
    return x.view(DTYPES[type.dtype])


MOVES: dict[str, Callable[..., Numbers]] = {
    "const": const,
    "lanes": lanes,
    "splat": splat,
    "extract": extract,
    "shuffle": shuffle,
    "cast": cast,
    "bitcast": bitcast,
}
