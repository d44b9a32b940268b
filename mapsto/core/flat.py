"""Flattening and rebuilding the same trees in every step, at little cost.

A training loop takes the same trees apart and puts them together in every step. What follows from the structure alone
is done once: an immutable tree remembers its leaves, and a structure becomes a function from leaves to a tree.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from operator import itemgetter
from typing import Any, cast
from weakref import WeakValueDictionary

import numpy as np

from mapsto.core.frozen import FrozenDict, FrozenList
from mapsto.core.static import installed, static_key
from mapsto.core.tree import Structure, Tree, container_of

Build = Callable[[Sequence[Any]], Any]
FIXED = (type(None), bool, int, float, complex, str, bytes, type, type(...), np.dtype, np.ufunc, Enum)


class Form:
    """A structure with the specs of its leaves. Of equal ones there is only one, so they compare by identity."""

    __slots__ = ("__weakref__", "loose", "specs", "structure")

    def __init__(self, structure: Structure, specs: tuple[Any, ...]) -> None:
        self.structure = structure
        self.specs = specs
        self.loose = tuple(value for value in statics(structure) if not fixed(value))

    def token(self) -> Any:
        """The form's part of a key; static functions that read names are looked at anew, for changes."""
        return (self, *map(static_key, self.loose)) if self.loose else self


class Known:
    """The form and the leaves that an immutable tree remembers, and what `array.memory` knows of where they lie."""

    __slots__ = ("form", "leaves", "placed")

    def __init__(self, form: Form, leaves: Sequence[Any]) -> None:
        self.form = form
        self.leaves = leaves
        self.placed: Any = None


_forms: WeakValueDictionary[Any, Form] = WeakValueDictionary()


def form_of(structure: Structure, specs: Sequence[Any]) -> Form | None:
    """A structure and the specs of its leaves ↦ their form; None where something in it could be changed."""
    if not immutable(structure):
        return None
    key = (structure, tuple(specs))
    found = _forms.get(key)
    if found is None:
        found = _forms[key] = Form(*key)
    return found


_known_of: Callable[[Tree], Known] = cast(Any, Tree)._known_leaves.__get__  # whatever its class makes of attributes


def known(tree: Tree) -> Known | None:
    """The form and leaves that a tree remembers; None if it was never flattened for a call."""
    try:
        return _known_of(tree)
    except AttributeError:
        return None


def tell(tree: Tree, form: Form, leaves: Sequence[Any]) -> None:
    """Store a tree's form and leaves in it. It must be finished: no private copy of a frame, which still changes."""
    object.__setattr__(tree, "_known_leaves", Known(form, leaves))


def immutable(structure: Structure) -> bool:
    """Whether a tree has no list or dict that can be changed; mappings hold frozen ones."""
    if structure.form in ("leaf", "static"):
        return True
    holds = structure.form == "tree" or issubclass(structure.form, (tuple, FrozenList, FrozenDict))
    return holds and all(map(immutable, structure.parts))


def statics(structure: Structure) -> list[Any]:
    """The static values in a structure."""
    if structure.form == "static":
        return [structure.value]
    return [value for part in structure.parts for value in statics(part)]


def fixed(value: Any) -> bool:
    """Whether a static value stays what it is. A function that reads names does not: they may be bound anew."""
    if isinstance(value, (*FIXED, types.BuiltinFunctionType)):
        return True
    if isinstance(value, tuple):
        return all(map(fixed, cast("tuple[Any, ...]", value)))
    if isinstance(value, types.FunctionType):
        carried = (value.__defaults__, *(value.__kwdefaults__ or {}).values())
        return installed(value.__code__) and not value.__closure__ and all(map(fixed, carried))
    if is_dataclass(value):
        frozen = cast(Any, value).__dataclass_params__.frozen
        return frozen and all(fixed(getattr(value, field.name)) for field in fields(value))
    return False


def builder(structure: Structure, specs: Sequence[Any]) -> Build:
    """A structure and the specs of its leaves ↦ the function from leaves to the tree; its trees know their leaves.

    >>> from mapsto.core.tree import flatten
    >>> leaves, structure = flatten({"a": 1.0, "b": (2.0, "word")})
    >>> builder(structure, [None, None])([3.0, 4.0])
    {'a': 3.0, 'b': (4.0, 'word')}
    """
    return _build(structure, 0, specs)[0]


def _build(structure: Structure, start: int, specs: Sequence[Any] | None) -> tuple[Build, int]:
    """The same for a part whose leaves begin at `start`, and where they end; without specs, its trees are told none."""
    if structure.form == "leaf":
        return itemgetter(start), start + 1
    if structure.form == "static":
        return constant(structure.value), start
    if structure.form == "tree":
        return _build_tree(structure, start, specs)
    stop, builds = start, list[Build]()
    for part in structure.parts:
        build, stop = _build(part, stop, specs)
        builds.append(build)
    kind, names = structure.form, structure.names
    if all(part.form == "leaf" for part in structure.parts):
        return lambda leaves: container_of(kind, names, leaves[start:stop]), stop
    return lambda leaves: container_of(kind, names, [build(leaves) for build in builds]), stop


def _build_tree(structure: Structure, start: int, specs: Sequence[Any] | None) -> tuple[Build, int]:
    """`_build` for a mapping or an optimizer; parts without leaves are made once, and shared by all that are built."""
    kind, meta = structure.value
    stop, changing = start, list[tuple[str, Build]]()
    same: dict[str, Any] = dict.fromkeys(structure.names)  # in the order of the attributes
    for name, part in zip(structure.names, structure.parts, strict=True):
        build, end = _build(part, stop, None)
        if end == stop and immutable(part):
            same[name] = build(())  # has no leaves: one serves all
        else:
            changing.append((name, build))
        stop = end
    same["_meta"] = meta

    def make(leaves: Sequence[Any]) -> Any:
        tree: Any = object.__new__(kind)
        own = tree.__dict__
        own.update(same)
        for name, build in changing:
            own[name] = build(leaves)
        return tree

    form = None if specs is None else form_of(structure, specs[start:stop])
    if form is None:
        return make, stop

    def make_known(leaves: Sequence[Any]) -> Any:
        tree = make(leaves)
        object.__setattr__(tree, "_known_leaves", Known(form, leaves[start:stop]))
        return tree

    return make_known, stop


def constant(value: Any) -> Build:
    return lambda leaves: value
