"""Parts of a tree by path: select, replace, freeze; and the penalty on selected weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace as dataclass_replace
from typing import Any, TypeVar

import numpy as np

from mapsto.array.arithmetic import square
from mapsto.array.array import Array
from mapsto.array.convert import asarray, astype
from mapsto.array.reduction import sum
from mapsto.compose.declare import Declared
from mapsto.core.errors import PathError, ShapeError
from mapsto.core.spec import Spec, is_float
from mapsto.core.tree import (
    Kind,
    Leaf,
    Tree,
    container_of,
    containers,
    fields,
    flatten,
    is_leaf,
    join,
    matches,
    meta_of,
    remake,
    replaced,
    select,
    trainable,
)

T = TypeVar("T")


def replace(tree: T, changes: dict[str, Any]) -> T:
    """A tree and {path: leaf or part} ↦ the tree with these: `mt.replace(net, {"head": nn.Dense(5)})`.

    A leaf must keep its shape (ShapeError); NumPy floats take its type. Raises PathError for a path that is not there.

    >>> from mapsto import chain, key, nn, xp
    >>> net = chain(backbone=nn.Dense(3), head=nn.Dense(2)).init(key(0), xp.ones((1, 4)))
    >>> replace(net, {"head": nn.Dense(5)})
    Chain()
      backbone: Dense(units=3, weight=f32[4,3], bias=f32[3])
      head: Dense(units=5, weight=param(?), bias=param(?))
    """
    found: set[str] = set()

    def changed(value: Any, path: str) -> Any:
        if path in changes:
            found.add(path)
            return checked(value, changes[path], path)
        return rebuilt(value, path, changed)

    made = changed(tree, "")
    missing = sorted(set(changes) - found)
    if missing:
        known = ", ".join(leaf.path for leaf in flatten(tree)[0][:8])
        raise PathError("MAP-06", pattern=missing[0], fix=f"the leaves are {known} …")
    return made


def checked(old: Any, new: Any, path: str) -> Any:
    if not is_leaf(old) or isinstance(new, Declared):
        return new
    given = asarray(new)
    if isinstance(new, np.ndarray) and is_float(given.dtype) and is_float(old.dtype):
        given = astype(given, old.dtype)
    if not callable(old.shape) and given.shape != tuple(old.shape):
        rows = (("there", Spec(old.dtype, tuple(old.shape)), ""), ("given", given.spec, ""))
        raise ShapeError("MAP-18", leaf=path, operands=rows, fix="give it the shape that is there")
    return given


def rebuilt(value: Any, path: str, change: Callable[[Any, str], Any]) -> Any:
    """A tree or container with `change(part, path)` for every part; anything else as it is."""
    named = containers(value)
    if named is None:
        return value
    parts = {name: change(part, join(path, name)) for name, part in named}
    if isinstance(value, Tree):
        return replaced(value, parts)
    return container_of(type(value), value, parts.values())


def freeze(tree: T, pattern: str) -> T:
    """A tree ↦ the tree whose parameters at matching paths are no longer trained: `mt.freeze(net, "backbone.**")`.

    `*` stands for one part of a path, `**` for any number. Raises PathError if no parameter matches.

    >>> from mapsto import chain, key, nn, xp
    >>> net = chain(backbone=nn.Dense(3), head=nn.Dense(2)).init(key(0), xp.ones((1, 4)))
    >>> list(parameters(freeze(net, "backbone.**")))
    ['head.weight', 'head.bias']
    """
    return with_kind(tree, pattern, "param", "frozen")


def unfreeze(tree: T, pattern: str = "**") -> T:
    """A tree ↦ the tree whose frozen parameters at matching paths are trained again; PathError if none match.

    >>> from mapsto import chain, key, nn, xp
    >>> net = chain(backbone=nn.Dense(3), head=nn.Dense(2)).init(key(0), xp.ones((1, 4)))
    >>> list(parameters(unfreeze(freeze(net, "**"), "head.*")))
    ['head.weight', 'head.bias']
    """
    return with_kind(tree, pattern, "frozen", "param")


def with_kind(tree: T, pattern: str, old: Kind, new: Kind) -> T:
    """A tree ↦ the tree whose leaves of one kind, at matching paths, are of another. Raises PathError if none match."""
    hits: list[str] = []

    def changed(value: Any, path: str) -> Any:
        made = rebuilt(value, path, changed)
        if not isinstance(made, Tree):
            return made
        kinds: list[tuple[str, Kind]] = []
        for relative, kind in meta_of(made).kinds:
            hit = kind == old and matches(join(path, relative), pattern)
            hits.extend([relative] * hit)
            kinds.append((relative, new if hit else kind))
        return remake(made, fields(made), dataclass_replace(meta_of(made), kinds=tuple(kinds)))

    made = changed(tree, "")
    if not hits:
        known = ", ".join(leaf.path for leaf in flatten(tree)[0] if leaf.kind == old)
        fix = f"the {old} paths are {known or 'none'}"
        if any(matches(leaf.path, f"{pattern}.**") for leaf in flatten(tree)[0]):
            fix = f"{pattern}.** is everything within it; {fix}"
        raise PathError("MAP-06", pattern=pattern, fix=fix)
    return made


def parameters(tree: Any) -> dict[str, Array]:
    """A tree ↦ what training changes in it, {path: array}: no state, nothing frozen or still to be made.

    >>> from mapsto import key, nn, xp
    >>> {path: w.shape for path, w in parameters(nn.Dense(2).init(key(0), xp.ones((1, 3)))).items()}
    {'weight': (3, 2), 'bias': (2,)}
    """
    return {leaf.path: leaf.value for leaf in flatten(tree)[0] if trainable(leaf) and made(leaf)}


def made(leaf: Leaf) -> bool:
    return not isinstance(leaf.value, Declared)


def l2(tree: Any, pattern: str = "**") -> Array:
    """A tree ↦ f32[]: Σ w² over the parameters at matching paths, a penalty to add to a loss.

    Raises PathError if nothing matches.

    >>> l2({"weight": asarray([3.0, 4.0]), "bias": asarray([1.0])}, "weight")
    array(25., f32[])
    """
    chosen = select(tree, pattern)
    total = asarray(0.0)
    for path, value in parameters(tree).items():
        if path in chosen:
            total = total + sum(square(value))
    return total
