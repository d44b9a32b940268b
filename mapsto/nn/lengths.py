"""Sequences of several lengths in one batch: which steps of which sequence count."""

from __future__ import annotations

from typing import Any

from mapsto.array.array import Array, known
from mapsto.array.comparison import less
from mapsto.array.convert import asarray, strong
from mapsto.array.manipulate import arange, expand_dims
from mapsto.core.errors import ShapeError, UsageError
from mapsto.core.spec import BOOL, is_integer


def steps_that_count(function: str, lengths: Any, x: Array) -> Array:
    """Lengths i64[n], or the mask bool[n, time] itself, and sequences [n, time, d] ↦ bool[n, time].

    Raises ShapeError (RNN-02) for other shapes and types, UsageError (RNN-05) for a length that is known and not within
    0 … time.

    >>> from mapsto import xp
    >>> steps_that_count("LSTM", [1, 3], xp.ones((2, 3, 5)))
    array([[ True, False, False],
           [ True,  True,  True]], bool[2,3])
    """
    count, time = x.shape[:2]
    array = strong(asarray(lengths))
    if array.dtype == BOOL and array.shape == (count, time):
        return array
    if not is_integer(array.dtype) or array.shape != (count,):
        rows = (("x", x.spec, ""), ("lengths", array.spec, ""))
        fix = f"one number for each sequence, i64[{count}], or a mask of its steps, bool[{count},{time}]"
        raise ShapeError("RNN-02", function=function, operands=rows, fix=fix)
    found = known(array)
    outside = [] if found is None else found[(found < 0) | (found > time)]
    if len(outside):
        fix = "count the steps of each sequence, before it was padded"
        raise UsageError("RNN-05", function=function, length=int(outside[0]), time=time, fix=fix)
    return less(arange(time), expand_dims(array, axis=1))
