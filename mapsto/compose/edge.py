"""The edge of a net: what comes in from outside becomes arrays of the type that the net computes in."""

from __future__ import annotations

from typing import Any, cast
from weakref import WeakKeyDictionary

import numpy as np

from mapsto.array.array import Array
from mapsto.array.convert import asarray, astype
from mapsto.array.trace import Traced
from mapsto.core.errors import DTypeError
from mapsto.core.notes import note
from mapsto.core.spec import SHORT_NAMES, DType, is_float
from mapsto.core.tree import flatten

_TYPES: WeakKeyDictionary[Any, DType | None] = WeakKeyDictionary()


def float_type(mapping: Any, also: tuple[type, ...] = ()) -> DType | None:
    """The element type of a tree's first floating-point array; `also` names other leaves that count.

    Parameters and state come before arrays that are simply there, such as the 64-bit settings of an optimizer.
    """
    found: DType | None = None
    for leaf in flatten(mapping)[0]:
        dtype = getattr(leaf.value, "dtype", None)
        if isinstance(leaf.value, (Array, *also)) and dtype is not None and is_float(cast(DType, dtype)):
            if leaf.kind != "array":
                return cast(DType, dtype)
            found = found or cast(DType, dtype)
    return found


def at_the_edge(mapping: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arguments of an outermost call: NumPy arrays become arrays, in the mapping's floating-point type."""
    if not any(isinstance(x, (np.ndarray, Array)) for x in args):
        return args
    wanted = remembered_type(mapping)
    return tuple(edge_cast(x, wanted) if isinstance(x, (np.ndarray, Array)) else x for x in args)


def remembered_type(mapping: Any) -> DType | None:
    """`float_type` of a mapping, found once: one that is made does not change."""
    if mapping not in _TYPES:
        _TYPES[mapping] = float_type(mapping)
    return _TYPES[mapping]


def edge_cast(x: Any, wanted: DType | None) -> Array:
    """One input in the type a network computes in: NumPy floats are cast with a note, others must agree."""
    if isinstance(x, np.ndarray) and not (x.dtype.kind in "biuf" or is_float(x.dtype)):
        return x  # type: ignore[return-value]
    array = asarray(x)
    if wanted is None or not is_float(array.dtype) or array.dtype == wanted or isinstance(array, Traced):
        return array
    if isinstance(x, np.ndarray):
        note(f"input of {SHORT_NAMES[array.dtype]} was cast to {SHORT_NAMES[wanted]}, the net's type")
        return astype(array, wanted)
    fix = f"xp.astype(x, xp.{wanted.name}), or net.cast(xp.{array.dtype.name})"
    rows = (("input", array.spec, ""), ("net", SHORT_NAMES[wanted], ""))
    raise DTypeError("DTYPE-03", function="the net", operands=rows, fix=fix)
