"""Data sets of arrays of any structure: several inputs, x alone, dicts; in memory or in files mapped into it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mapsto.core.errors import DataError
from mapsto.data.dataset import check_classes, memory_mapped, read_only
from mapsto.data.samples import Array, Samples, Skipped
from mapsto.data.stack import leaves_of, map_tree, native, spec_text


@dataclass(frozen=True, eq=False, repr=False)
class Arrays(Samples):
    """index ↦ the tree of what stands at that index in every array of a tree.

    `files` are the files that the arrays are mapped from, with their sizes: a batch is only read where they still
    have them, for reading a mapped file that was cut off would end the process.
    """

    tree: Any
    classes: tuple[str, ...] = ()
    name: str = "data"
    files: tuple[tuple[str, int], ...] = ()
    skipped: tuple[Skipped, ...] = ()

    def __len__(self) -> int:
        return len(next(leaves_of(self.tree))[1])

    def sample(self, index: int) -> Any:
        self._check_files()
        return map_tree(lambda array: native(np.array(array[index])), self.tree)

    def gather(self, rows: Array) -> Any:
        self._check_files()
        return map_tree(lambda array: native(np.array(array[rows])), self.tree)

    @property
    def labels(self) -> Array | None:
        y = self.tree[1] if isinstance(self.tree, tuple) and len(self.tree) == 2 else None
        return y if isinstance(y, np.ndarray) and y.ndim == 1 and y.dtype.kind in "iub" else None

    def __repr__(self) -> str:
        leaves = list(leaves_of(self.tree))
        specs = ", ".join(f"{path + ': ' if path else ''}{spec_text(array[0])}" for path, array in leaves)
        if [path for path, _ in leaves] == ["x", "y"]:
            specs = " ↦ ".join(spec_text(array[0]) for _, array in leaves)
        classes = f", {len(self.classes)} classes" if self.classes else ""
        return f"Arrays({self.name}: {len(self)} × {specs}{classes})"

    def _at(self, rows: slice | Array) -> Any:
        in_files = any(memory_mapped(array) for _, array in leaves_of(self.tree))
        if not isinstance(rows, slice) and in_files:
            return super()._at(rows)
        made = replace(self, tree=map_tree(lambda array: array[rows], self.tree))
        if not len(made):
            raise DataError("DATA-02", name=self.name, fix="give at least one sample")
        return made

    def _targets(self) -> str:
        return repr(self)

    def _check_files(self) -> None:
        for path, size in self.files:
            try:
                found = os.path.getsize(path)
            except OSError as problem:
                raise DataError("READ-01", path=path, reason=problem.strerror or str(problem), fix=RESTORE) from problem
            if found < size:
                sizes = (("when opened", f"{size} bytes", ""), ("now", f"{found} bytes", ""))
                raise DataError("READ-02", path=path, operands=sizes, fix=RESTORE)


RESTORE = "leave a file alone while a data set reads from it; put it back, and open it again"


def from_arrays(
    tree: Any,
    *,
    classes: tuple[str, ...] = (),
    name: str = "data",
    files: tuple[tuple[str, int], ...] = (),
) -> Arrays:
    """A tree of arrays, the first axis of each counting the samples ↦ the data set: index ↦ the tree at that index.

    `from_arrays(x)` has samples x alone; `(x, y)` pairs; `((a, b), y)` two inputs, which `fit` gives to a net as
    net(a, b); `({"image": a, "age": b}, y)` the same by the names of the net's arguments. Nothing is copied: of arrays
    that are mapped from files only the rows of a batch are read. Tuples and dicts are structure, lists are arrays.

    Raises DataError for no samples (DATA-02), different counts (DATA-03), labels that name no class (DATA-04, DATA-22),
    and for what is no array (DATA-05).

    >>> import numpy as np
    >>> pairs = from_arrays(((np.zeros((4, 2)), np.ones((4, 3))), np.array([0, 1, 1, 0])), classes=("no", "yes"))
    >>> pairs
    Arrays(data: 4 × x.0: f64[2], x.1: f64[3], y: i64[], 2 classes)
    >>> (a, b), y = pairs.batch(3)[0]
    >>> a.shape, b.shape, y
    ((3, 2), (3, 3), array([0, 1, 1]))
    """
    named = iter([path or "x" for path, _ in leaves_of(tree)])
    checked = map_tree(lambda values: read_only(next(named), values), tree)
    leaves = list(leaves_of(checked))
    if not leaves:
        raise DataError("DATA-02", name=name, fix="give at least one array")
    for path, array in leaves[1:]:
        if len(array) != len(leaves[0][1]):
            rows = tuple((each or "x", spec_text(one), "") for each, one in (leaves[0], (path, array)))
            names = {"left": rows[0][0], "left_count": len(leaves[0][1]), "right": path, "right_count": len(array)}
            fix = "axis 0 of every array counts the samples"
            raise DataError("DATA-03", **names, operands=rows, fix=fix)
    if not len(leaves[0][1]):
        raise DataError("DATA-02", name=name, fix="give at least one sample")
    made = Arrays(checked, tuple(map(str, classes)), name, files)
    if classes and made.labels is not None:
        check_classes(made.labels, made.classes)
    return made
