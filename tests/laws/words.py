"""The scalar vocabulary in NumPy: the table that lets `ir.formula.interpret` check formulas against `eval`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special

from mapsto.core.spec import BFLOAT16, DTYPES, is_float, is_integer


def is_number(x: Any) -> Any:
    """x is not NaN; integers never are."""
    return np.equal(x, x)


def sigmoid(x: Any) -> Any:
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1) / (1 + small)


def bfloat16_numbers() -> tuple[Any, Any]:
    """All finite bfloat16 numbers from 0 in order, and 2¹²⁸ at the end, as float64; and their bit patterns."""
    patterns = np.arange(0x7F81, dtype=np.uint16)
    return np.append(patterns[:-1].view(BFLOAT16).astype(np.float64), 2.0**128), patterns


def nearest_bfloat16(x: Any) -> Any:
    """Rounded once: the pattern on whose side of the midpoints x is, and at a midpoint the even one."""
    ordered, patterns = bfloat16_numbers()
    midpoints = (ordered[1:] + ordered[:-1]) / 2
    size = np.nan_to_num(np.abs(x.astype(np.float64)), nan=0, posinf=2.0**128)
    below, above = np.searchsorted(midpoints, size, "left"), np.searchsorted(midpoints, size, "right")
    found = patterns[np.where(below % 2 == 0, below, above)].view(BFLOAT16)
    signed = np.where(np.signbit(x), -found, found)
    return np.where(np.isnan(x), BFLOAT16.type(np.nan), signed)


def next_after(x: Any, y: Any) -> Any:
    """By a list of all bfloat16 numbers in order; NumPy's own for the other types."""
    if x.dtype != BFLOAT16:
        return np.where(np.equal(x, y), y, np.nextafter(x, y))
    known = np.arange(2**16, dtype=np.uint16).view(BFLOAT16)
    ordered = np.unique(known[~np.isnan(known)].astype(np.float32))  # -0 and 0 are one
    place = np.searchsorted(ordered, x.astype(np.float32)) + np.sign(y - x).astype(np.float32)
    found = ordered[np.nan_to_num(place).astype(int).clip(0, len(ordered) - 1)]
    found = np.copysign(found, np.where(np.equal(x, 0), y, x).astype(np.float32)).astype(BFLOAT16)
    return np.where(np.isnan(x) | np.isnan(y), BFLOAT16.type(np.nan), np.where(np.equal(x, y), y, found))


def by_float64(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function of float64 for every float type, rounded once."""
    return lambda x: function(np.asarray(x, np.float64)).astype(x.dtype)


def cast(x: Any, dtype: str) -> Any:
    """Floats to integers one by one, in Python's integers; to bfloat16 by its list; the rest as NumPy does it."""
    x, goal = np.asarray(x), DTYPES[dtype]
    if goal == BFLOAT16 and x.dtype != np.bool_:
        return nearest_bfloat16(x.astype(np.float32) if is_integer(x.dtype) else x)
    if not (is_float(x.dtype) and is_integer(goal)):
        return x.astype(goal)
    least, most = int(np.iinfo(goal).min), int(np.iinfo(goal).max)

    def one(number: float) -> int:
        if np.isnan(number):
            return 0
        return int(min(max(number, least), most)) if np.isfinite(number) else (most if number > 0 else least)

    return np.array([one(float(number)) for number in x.reshape(-1)], goal).reshape(x.shape)


WORDS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "floor_divide": np.floor_divide,
    "remainder": np.remainder,
    "neg": np.negative,
    "abs": np.abs,
    "sign": lambda x: np.where(np.equal(x, 0), x.dtype.type(0), np.sign(x)),
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.round,
    "next_after": next_after,
    "pow": np.power,
    "sqrt": np.sqrt,
    "hypot": np.hypot,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "log2": np.log2,
    "log10": np.log10,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "sigmoid": sigmoid,
    "erf": by_float64(scipy.special.erf),
    "erf_inv": by_float64(lambda y: np.copysign(scipy.special.erfinv(y), y)),
    # NaN if either is; the first at ties, so that maximum(0.0, -0.0) is 0.0.
    "maximum": lambda x, y: np.where(np.greater_equal(x, y) | ~is_number(x), x, y),
    "minimum": lambda x, y: np.where(np.less_equal(x, y) | ~is_number(x), x, y),
    "equal": np.equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "bit_and": np.bitwise_and,
    "bit_or": np.bitwise_or,
    "bit_xor": np.bitwise_xor,
    "bit_not": np.bitwise_not,
    "shift_left": np.left_shift,
    "shift_right": np.right_shift,
    "select": np.where,
    "isnan": np.isnan,
    "sign_bit": np.signbit,
    "cast": cast,
}
