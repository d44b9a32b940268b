"""Static values compared by value: what may stand in a tree besides arrays, and what functions carry along."""

from __future__ import annotations

import dataclasses
import dis
import functools
import os
import sysconfig
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np

from mapsto.core.errors import UsageError

LARGE = 1000  # entries; a longer list, dict or set that a function holds compares by identity and length
# Where code lies that does not change while a program runs: this package, the standard library, built-in modules.
INSTALLED = (str(Path(__file__).resolve().parents[1]) + os.sep, sysconfig.get_path("stdlib") + os.sep, "<frozen")

# How objects of classes on higher floors of the core compare: (class, function from object and `Met` to a key).
ENTERED: list[tuple[type, Callable[[Any, Met], Any]]] = []


class Same:
    """Compares by the identity of what it holds, and keeps it alive; for arrays that a function closed over."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


class Met:
    """The functions, containers and trees that a key has met: it names them by number, and their keys follow it.

    So each is looked into once, however many lead to it, and what leads back to itself has an end.
    """

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}  # by identity
        self.values: list[tuple[Any, bool]] = []

    def number(self, value: Any, inside: bool) -> int:
        number = self.numbers.setdefault(id(value), len(self.values))
        if number == len(self.values):
            self.values.append((value, inside))
        return number

    def keys(self) -> tuple[Any, ...]:
        """The keys of everything that was met, by number. Looking into one may meet more: the list grows meanwhile."""
        return tuple(composed_key(value, self, inside) for value, inside in self.values)


def static_key(value: Any) -> Any:
    """A hashable key, equal for equal values. Numbers compare by type as well: 1, 1.0 and True trace differently.

    Functions compare by code, defaults, what they close over and the globals they read, bound methods by function and
    object, trees by structure and the identity of their leaves; lists, dicts, sets and dataclass instances by value.
    Everything else compares by its own equality if it is hashable: for most objects that is identity, so that a change
    inside one is not seen. Modules and classes compare by identity, and the globals of installed functions are taken
    as fixed. Arrays that a function holds compare by identity, and so does what is not hashable there, and lists,
    dicts and sets of more than 1000 entries.

    Raises UsageError for what is not hashable outside of functions.
    """
    met = Met()
    return (key_of(value, met, inside=False), met.keys())


def key_of(value: Any, met: Met, inside: bool) -> Any:
    """The key of a value. `inside` says that a function or object holds it, which keeps what is not hashable."""
    if isinstance(value, np.generic):
        number = cast(Any, value)
        return (type(number), number.dtype.str, number.tobytes())
    if isinstance(value, (float, complex)):
        return (type(value), repr(value))  # by digits: 0.0 and -0.0 differ, nan equals itself
    if isinstance(value, tuple):
        items = cast("tuple[Any, ...]", value)
        return (type(items), tuple(key_of(item, met, inside) for item in items))
    if isinstance(value, functools.partial):
        pieces = cast(Any, value)
        return ("partial", key_of((pieces.func, pieces.args, pieces.keywords), met, inside))
    if isinstance(value, types.MethodType):
        return ("method", key_of((value.__func__, value.__self__), met, inside=True))
    if is_composed(value):
        return ("met", met.number(value, inside))
    if isinstance(value, (type, types.ModuleType)) or (inside and hasattr(value, "__array__")):
        return Same(value)
    try:
        hash(value)
    except (TypeError, ValueError) as problem:  # a memoryview raises the other one
        if inside:
            return Same(value)
        fix = "keep it outside of the mapping, or make it a tuple, a number, a string or a function"
        raise UsageError("USE-02", value=f"a {type(value).__name__}", fix=fix) from problem
    return (type(value), value)


def is_composed(value: Any) -> bool:
    """Whether a key looks into this value, which may lead back to itself."""
    classes = (types.FunctionType, list, dict, set, frozenset, *(kind for kind, _ in ENTERED))
    return isinstance(value, classes) or (dataclasses.is_dataclass(value) and not isinstance(value, type))


def composed_key(value: Any, met: Met, inside: bool) -> Any:
    """The key of a function, list, dict, set, dataclass instance, or object of an entered class."""
    if isinstance(value, types.FunctionType):
        return function_key(value, met)
    for kind, key in ENTERED:
        if isinstance(value, kind):
            return key(value, met)
    if dataclasses.is_dataclass(value):
        held = tuple((field.name, getattr(value, field.name, None)) for field in dataclasses.fields(value))
        return (type(value), key_of(held, met, inside=True))
    if inside and len(value) > LARGE:
        return (type(value), len(value), Same(value))
    if isinstance(value, dict):
        entries = cast("dict[Any, Any]", value)
        return (type(entries), key_of(tuple(entries.items()), met, inside))
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return (type(items), key_of(tuple(items), met, inside))
    return (type(value), frozenset(key_of(item, met, inside) for item in value))


def function_key(function: types.FunctionType, met: Met) -> Any:
    """A function by its code and everything that it carries along or reads."""
    carried = (function.__defaults__, function.__kwdefaults__, tuple(map(contents, function.__closure__ or ())))
    code, known = function.__code__, function.__globals__
    read = () if installed(code) else tuple((name, known[name]) for name in names_read(code) if name in known)
    return ("function", function.__module__, function.__qualname__, code, key_of((carried, read), met, inside=True))


def contents(cell: Any) -> Any:
    """The value of a variable that a function closes over; a fixed word if it has none yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return "not bound yet"


def installed(code: types.CodeType) -> bool:
    """Whether code is of this package, the standard library or another library, whose globals are taken as fixed."""
    return code.co_filename.startswith(INSTALLED) or "-packages" in code.co_filename


@functools.lru_cache(maxsize=4096)
def names_read(code: types.CodeType) -> tuple[str, ...]:
    """The names that code and the functions within it look up among a module's globals, each once, sorted."""

    def search(code: types.CodeType) -> Iterator[str]:
        for instruction in dis.get_instructions(code):
            if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"):
                yield instruction.argval
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                yield from search(constant)

    return tuple(sorted(set(search(code))))
