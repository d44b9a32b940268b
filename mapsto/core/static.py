"""Static values compared by value: what may stand in a tree besides arrays."""

from __future__ import annotations

import functools
import types
from typing import Any, cast

import numpy as np

from mapsto.core.errors import UsageError


class Same:
    """Compares by the identity of what it holds, and keeps it alive; for arrays that a function closed over."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def static_key(value: Any) -> Any:
    """A hashable key, equal for equal values; functions compare by code, defaults and what they close over.

    Numbers compare by type as well, since 1, 1.0 and True trace differently. Raises UsageError for the unhashable.
    """
    if isinstance(value, types.FunctionType):
        cells = tuple(closure_key(cell) for cell in value.__closure__ or ())
        defaults = tuple(static_key(default) for default in value.__defaults__ or ())
        return ("function", value.__module__, value.__qualname__, value.__code__, defaults, cells)
    if isinstance(value, functools.partial):
        pieces = cast(Any, value)
        return ("partial", static_key(pieces.func), static_key(pieces.args), static_key(tuple(pieces.keywords.items())))
    if isinstance(value, (tuple, list)):
        items = cast(Any, value)
        return (type(items), tuple(static_key(item) for item in items))
    if isinstance(value, dict):
        entries = cast(Any, value)
        return (dict, tuple((static_key(key), static_key(item)) for key, item in entries.items()))
    if isinstance(value, float):
        return (float, repr(value))  # by digits: 0.0 and -0.0 differ, nan equals itself
    try:
        hash(value)
    except TypeError as problem:
        fix = "keep it outside of the mapping, or make it a tuple, a number, a string or a function"
        raise UsageError("USE-02", value=f"a {type(value).__name__}", fix=fix) from problem
    return (type(value), value)


def closure_key(cell: Any) -> Any:
    try:
        held = cell.cell_contents
    except ValueError:
        return "empty"
    if isinstance(held, np.ndarray) or not isinstance(
        held, (bool, int, float, str, bytes, tuple, types.FunctionType, types.NoneType)
    ):
        return Same(held)
    return static_key(held)
