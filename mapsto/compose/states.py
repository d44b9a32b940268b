"""Arrays in a private copy of a tree, such as states, as a port: loops and branches take them in and hand them out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mapsto.array.array import Array
from mapsto.compose.frame import put
from mapsto.core.tree import Tree, containers, direct_leaves, fields, meta_of


class Places:
    """Arrays by the objects that have them and the paths within these: read as they are now, written in place."""

    def __init__(self, places: Iterable[tuple[Tree, str]]) -> None:
        self.places = list(places)

    def read(self) -> list[Array]:
        return [dict(direct_leaves(fields(owner)))[path] for owner, path in self.places]

    def write(self, arrays: Sequence[Array]) -> None:
        for (owner, path), array in zip(self.places, arrays, strict=True):
            put(owner, path, array)


def states_of(value: Any) -> Iterator[tuple[Tree, str]]:
    """Where a tree has states, in its order."""
    if isinstance(value, Tree):
        own = dict(direct_leaves(fields(value)))
        for path, kind in meta_of(value).kinds:
            if kind == "state" and isinstance(own.get(path), Array):
                yield value, path
    for _, part in containers(value) or ():
        yield from states_of(part)


def arrays_of(value: Any) -> Iterator[tuple[Tree, str]]:
    """Where a tree has arrays of any kind, in its order."""
    if isinstance(value, Tree):
        yield from ((value, path) for path, leaf in direct_leaves(fields(value)) if isinstance(leaf, Array))
    for _, part in containers(value) or ():
        yield from arrays_of(part)
