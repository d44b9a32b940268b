"""The type in which numbers are added up: half floats in float32, rounded once at the end; all others in their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from mapsto.core.spec import FLOAT32, SHORT_NAMES, DType, is_half
from mapsto.ir.formula import Formula, word


def working(dtype: DType) -> DType:
    """The type that sums and products of elements of `dtype` are formed in: float32 for float16 and bfloat16.

    >>> working(np.dtype("float16")), working(np.dtype("int8"))
    (dtype('float32'), dtype('int8'))
    """
    return FLOAT32 if is_half(dtype) else dtype


def widened(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """An array in its working type; the same array if it has it."""
    return x.astype(working(x.dtype), copy=False)


def wide_term(term: Formula, dtype: DType) -> Formula:
    """A formula of type `dtype`, in its working type."""
    wide = working(dtype)
    return term if wide == dtype else word("cast", term, dtype=SHORT_NAMES[wide])


def rounded_term(term: Formula, dtype: DType) -> Formula:
    """A formula in the working type of `dtype`, rounded to it."""
    return term if working(dtype) == dtype else word("cast", term, dtype=SHORT_NAMES[dtype])
