"""Static values compared by value: what may stand in a tree besides arrays."""

from __future__ import annotations

import functools
import types
from typing import Any, cast

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
    return key_of(value, ())


def key_of(value: Any, within: tuple[Any, ...]) -> Any:
    """The key of a value; `within` are the functions it was found in, so that one that calls itself has an end."""
    if isinstance(value, types.FunctionType):
        if any(value is outer for outer in within):
            return ("itself", value.__qualname__)
        return function_key(value, (*within, value))
    if isinstance(value, functools.partial):
        pieces = cast(Any, value)
        keywords = tuple(pieces.keywords.items())
        return ("partial", key_of(pieces.func, within), key_of(pieces.args, within), key_of(keywords, within))
    if isinstance(value, (tuple, list)):
        items = cast(Any, value)
        return (type(items), tuple(key_of(item, within) for item in items))
    if isinstance(value, dict):
        entries = cast(Any, value)
        return (dict, tuple((key_of(key, within), key_of(item, within)) for key, item in entries.items()))
    if isinstance(value, float):
        return (float, repr(value))  # by digits: 0.0 and -0.0 differ, nan equals itself
    if within and hasattr(value, "__array__"):
        return Same(value)
    try:
        hash(value)
    except TypeError as problem:
        if within:
            return Same(value)
        fix = "keep it outside of the mapping, or make it a tuple, a number, a string or a function"
        raise UsageError("USE-02", value=f"a {type(value).__name__}", fix=fix) from problem
    return (type(value), value)


def function_key(function: types.FunctionType, within: tuple[Any, ...]) -> Any:
    """A function by its code and everything that it carries along; arrays among that compare by identity."""
    carried = (function.__defaults__, function.__kwdefaults__, tuple(map(contents, function.__closure__ or ())))
    return ("function", function.__module__, function.__qualname__, function.__code__, key_of(carried, within))


def contents(cell: Any) -> Any:
    """What a closure holds; a name that is not bound yet counts as a word of its own."""
    try:
        return cell.cell_contents
    except ValueError:
        return "not bound yet"
