"""The states in a private copy of a tree, as a port: loops and branches take them in and hand them out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mapsto.array.array import Array
from mapsto.compose.frame import put
from mapsto.core.tree import Tree, containers, direct_leaves, fields, meta_of


class States:
    """Every state in a private copy, in the order of the tree: read as they are now, written in place."""

    def __init__(self, copy: Any) -> None:
        self.places = list(places_of(copy))

    def read(self) -> list[Array]:
        return [dict(direct_leaves(fields(owner)))[path] for owner, path in self.places]

    def write(self, arrays: Sequence[Array]) -> None:
        for (owner, path), array in zip(self.places, arrays, strict=True):
            put(owner, path, array)


def places_of(value: Any) -> Iterator[tuple[Tree, str]]:
    """The objects that have states of their own, each with the state's path within it."""
    if isinstance(value, Tree):
        own = dict(direct_leaves(fields(value)))
        for path, kind in meta_of(value).kinds:
            if kind == "state" and isinstance(own.get(path), Array):
                yield value, path
    for _, part in containers(value) or ():
        yield from places_of(part)
