"""The frame of a call: what happens when a mapping within a tree is called, besides calling it.

`init` and `training` run on a private copy of the tree in which every object stands once, so an object has a path.
A frame resolves parameters, hands out keys, and collects new state.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

from mapsto.array.array import Array
from mapsto.array.random import fold
from mapsto.array.trace import untraced
from mapsto.core.tree import Tree, container_of, containers, fields, join, meta_of, remake


class CallFrame:
    """Plain evaluation within an explicit frame: nothing is flagged, nothing is written."""

    makes_parameters = False
    sees_every_call = False  # also those of blocks that were traced before
    private = False  # whether what is called is a private copy, which may be written to

    def call(self, mapping: Any, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return function(mapping, *args, **kwargs)


class _Calls(threading.local):
    def __init__(self) -> None:
        self.frame: CallFrame | None = None


_calls = _Calls()


def current_frame() -> CallFrame | None:
    return _calls.frame


@contextmanager
def calling(frame: CallFrame | None) -> Generator[None, None, None]:
    """Within this block, mappings are called through `frame`."""
    before, _calls.frame = _calls.frame, frame
    try:
        yield
    finally:
        _calls.frame = before


def private_copy(tree: Any, path: str = "", paths: dict[int, str] | None = None) -> tuple[Any, dict[int, str]]:
    """A copy of a tree in which every mapping stands once, and the path of each by its identity."""
    paths = {} if paths is None else paths

    def copied(value: Any, path: str) -> Any:
        if isinstance(value, Tree):
            parts = {name: copied(part, join(path, name)) for name, part in fields(value).items()}
            made = remake(value, parts, meta_of(value))
            paths[id(made)] = path
            return made
        named = containers(value)
        if named is None:
            return value
        return container_of(type(value), value, [copied(part, join(path, name)) for name, part in named])

    return copied(tree, path), paths


def put(mapping: Any, relative: str, value: Any) -> None:
    """Set a leaf in a private copy, by its path within the object."""
    name, *rest = relative.split(".")

    def changed(part: Any, rest: list[str]) -> Any:
        if not rest:
            return value
        entries = [(n, changed(p, rest[1:]) if n == rest[0] else p) for n, p in containers(part) or ()]
        return container_of(type(part), part, [value for _, value in entries])

    vars(mapping)[name] = changed(vars(mapping)[name], rest)


def stream_of(path: str) -> int:
    """The number of the stream of keys at a path: 63 bits, as `fold` takes."""
    return int.from_bytes(blake2b(path.encode(), digest_size=8).digest(), "little") >> 1


def key_for(key: Array, stream: int | Array, use: int = 0) -> Array:
    """A key for the use-th draw from a stream: it depends on nothing else in the tree."""
    with untraced():
        return fold(fold(key, stream), use)
