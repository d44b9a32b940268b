"""Trees of samples: tuples and dicts with arrays at their leaves, stacked into batches.

A list is a leaf here, for a row written as a list is one array; so are numbers and words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from mapsto.core.errors import DataError
from mapsto.core.spec import SHORT_NAMES
from mapsto.core.tree import container_of, containers, join

Array = np.ndarray[Any, Any]


def map_tree(function: Callable[[Any], Any], tree: Any) -> Any:
    """A tree ↦ the same tree with `function(leaf)` at every leaf.

    >>> map_tree(abs, {"a": -1, "b": (-2, 3)})
    {'a': 1, 'b': (2, 3)}
    """
    if not isinstance(tree, tuple | dict):
        return function(tree)
    return container_of(type(tree), tree, [map_tree(function, part) for _, part in containers(tree) or ()])


def leaves_of(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """A tree ↦ its leaves in order, each with its path; the parts of a pair are called x and y.

    >>> [path for path, _ in leaves_of(({"age": 1, "size": 2}, 0))]
    ['x.age', 'x.size', 'y']
    """
    if not isinstance(tree, tuple | dict):
        yield path, tree
        return
    named = containers(tree) or []
    if not path and type(tree) is tuple and len(tree) == 2:
        named = list(zip(("x", "y"), tree, strict=True))
    for name, part in named:
        yield from leaves_of(part, join(path, name))


def count_of(batch: Any) -> int:
    """A batch ↦ how many samples it has."""
    return next((len(leaf) for _, leaf in leaves_of(batch)), 0)


def stacked(samples: Sequence[Any], rows: Any, name: str) -> Any:
    """Samples of one structure, types and shapes ↦ their batch; `rows` and `name` are for the message.

    Raises DataError (DATA-10) where two samples differ, and for leaves that are no arrays.

    >>> stacked([(0, [1.0, 2.0]), (1, [3.0, 4.0])], [0, 1], "data")
    (array([0, 1]), array([[1., 2.],
           [3., 4.]]))
    """
    columns = [list(leaves_of(sample)) for sample in samples]
    paths = [path for path, _ in columns[0]]
    for row, leaves in zip(rows, columns, strict=True):
        if [path for path, _ in leaves] != paths:
            found = ", ".join(path or "one array" for path, _ in leaves)
            raise mismatch(name, (rows[0], ", ".join(paths)), (row, found), "the parts", "")
    made = iter([stacked_leaf([leaves[i][1] for leaves in columns], rows, path, name) for i, path in enumerate(paths)])
    return map_tree(lambda _: next(made), samples[0])


def stacked_leaf(values: list[Any], rows: Any, path: str, name: str) -> Array:
    """One leaf of each sample ↦ an array with an axis of the samples before the others."""
    arrays = [leaf_array(value, row, path, name) for value, row in zip(values, rows, strict=True)]
    first = arrays[0]
    for row, array in zip(rows, arrays, strict=True):
        if array.shape != first.shape or type_of(array) != type_of(first):
            pictures = array.ndim == first.ndim == 3
            fix = "bring pictures to one size: .map(x=image.decode((64, 64)))" if pictures else ""
            raise mismatch(name, (rows[0], spec_text(first)), (row, spec_text(array)), path, fix)
    return np.stack(arrays)


def type_of(array: Array) -> Any:
    """What arrays that stack have in common besides their shape: the element type; words may be of any length.

    Numbers of two types are refused, or the type of a batch would depend on which samples are in it.
    """
    return "U" if array.dtype.kind == "U" else array.dtype


def leaf_array(value: Any, row: Any, path: str, name: str) -> Array:
    """A leaf ↦ an array in native byte order. Raises DataError (DATA-11) for bytes and other objects."""
    if isinstance(value, bytes | bytearray):
        found, fix = "bytes", "decode it: .map(x=image.decode((64, 64)))"
    else:
        try:
            array = np.asarray(value)
        except ValueError:  # NumPy's word for lists of unequal length
            array = np.array(None)
        if array.dtype.kind in "biufU" or array.dtype in SHORT_NAMES:
            return native(array)
        found, fix = type(value).__name__, "samples are made of arrays, numbers, words, tuples and dicts"
    raise DataError("DATA-11", name=name, row=int(row), part=path or "sample", found=found, fix=fix)


def native(array: Array) -> Array:
    """An array ↦ the same in native byte order; files may hold the other one."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def mismatch(name: str, first: tuple[Any, str], other: tuple[Any, str], path: str, fix: str) -> DataError:
    operands = tuple((f"sample {int(row)}", found, path) for row, found in (first, other))
    return DataError(
        "DATA-10",
        name=name,
        operands=operands,
        fix=fix or "map the samples to one structure and shape first: .map(…)",
    )


def spec_text(array: Array) -> str:
    """`f32[3,4]`, or `<U3[2]` for words."""
    return f"{SHORT_NAMES.get(array.dtype, array.dtype)}[{','.join(map(str, array.shape))}]"
