"""The scalar vocabulary in NumPy: the table that lets `ir.formula.interpret` check formulas against `eval`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mapsto.core.spec import DTYPES


def is_number(x: Any) -> Any:
    """x is not NaN; integers never are."""
    return np.equal(x, x)


def sigmoid(x: Any) -> Any:
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1) / (1 + small)


WORDS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "floor_divide": np.floor_divide,
    "remainder": np.remainder,
    "neg": np.negative,
    "abs": np.abs,
    "sign": np.sign,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.round,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "pow": np.power,
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
    "cast": lambda x, dtype: np.asarray(x).astype(DTYPES[dtype]),
}
