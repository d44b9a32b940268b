"""A data set in memory: index ↦ (x, y), with names for the classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast, overload

import numpy as np

from mapsto.core.errors import DataError
from mapsto.core.spec import SHORT_NAMES, is_float
from mapsto.data.samples import Array, Samples, Skipped
from mapsto.data.stack import native, spec_text


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Samples):
    """index ↦ (x, y): `n` samples, `x` of shape [n, …] and `y` of shape [n, …].

    `classes` names the classes, in the order of their numbers; it is empty where y does not number classes. Integer y
    must then lie in 0 … len(classes) − 1. `name` is for the reader.

    The data set in memory, which `data.load` yields and on which everything is fastest. It cannot be changed: `x` and
    `y` are read-only views of the arrays given (nothing is copied, so do not write into those afterwards), and every
    word of `Samples` yields another data set. `take`, `skip`, `split`, `shuffle` and indexing yield a Dataset again;
    of memory-mapped arrays they read nothing, and yield a lazy set. For several inputs, or other trees of arrays, see
    `data.from_arrays`.

    Raises DataError for no samples (DATA-02), for different counts in x and y (DATA-03), for labels that name no class
    (DATA-04, DATA-22), and for what is no array, or one of Python objects (DATA-05).

    >>> import numpy as np
    >>> ds = Dataset(np.zeros((4, 2), np.float32), np.array([0, 1, 1, 0]), classes=("cat", "dog"), name="pets")
    >>> ds
    Dataset(pets: 4 × f32[2] ↦ i64[], 2 classes)
    >>> x, y = ds[1]
    >>> x.shape, ds.classes[y]
    ((2,), 'dog')
    >>> ds[1:3]
    Dataset(pets: 2 × f32[2] ↦ i64[], 2 classes)
    >>> ds.split(0.5)
    (Dataset(pets: 2 × f32[2] ↦ i64[], 2 classes), Dataset(pets: 2 × f32[2] ↦ i64[], 2 classes))
    """

    x: Array
    y: Array
    classes: tuple[str, ...] = ()
    name: str = "data"
    skipped: tuple[Skipped, ...] = ()

    def __post_init__(self) -> None:
        x, y, classes = read_only("x", self.x), read_only("y", self.y), tuple(map(str, self.classes))
        if len(x) != len(y):
            raise DataError(
                "DATA-03",
                left="x",
                left_count=len(x),
                right="y",
                right_count=len(y),
                operands=(("x", spec_text(x), ""), ("y", spec_text(y), "")),
                fix="axis 0 of both counts the samples: give one y for every x",
            )
        if len(x) == 0:
            raise DataError("DATA-02", name=self.name, fix="give at least one sample")
        if classes:
            check_classes(y, classes)
        for field, value in (("x", x), ("y", y), ("classes", classes)):
            object.__setattr__(self, field, value)

    def __len__(self) -> int:
        """The number of samples."""
        return len(self.x)

    @overload
    def __getitem__(self, index: int | np.integer[Any]) -> tuple[Any, Any]: ...
    @overload
    def __getitem__(self, index: slice | list[int] | Array) -> Dataset: ...
    def __getitem__(self, index: int | np.integer[Any] | slice | list[int] | Array) -> tuple[Any, Any] | Dataset:
        """An index ↦ the pair (x, y); a slice, a list or array of indices, or a mask ↦ the data set of these.

        >>> ds = Dataset(np.arange(4) * 0.5, np.array([5, 6, 7, 8]))
        >>> ds[ds.y > 6].x, ds[[-1, 0]].y
        (array([1. , 1.5]), array([8, 5]))
        """
        return cast("tuple[Any, Any] | Dataset", super().__getitem__(index))

    def sample(self, index: int) -> tuple[Any, Any]:
        return self.x[index], self.y[index]

    def gather(self, rows: Array) -> tuple[Array, Array]:
        return native(self.x[rows]), native(self.y[rows])

    @property
    def labels(self) -> Array | None:
        return self.y if self.y.ndim == 1 and self.y.dtype.kind in "iub" else None

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """The pairs (x, y), in order.

        >>> [(float(x), int(y)) for x, y in Dataset(np.array([0.5, 1.5]), np.array([1, 0]))]
        [(0.5, 1), (1.5, 0)]
        """
        return iter(zip(self.x, self.y, strict=True))

    def __repr__(self) -> str:
        classes = f", {len(self.classes)} classes" if self.classes else ""
        x, y = (spec_text(values[0]) for values in (self.x, self.y))
        return f"Dataset({self.name}: {len(self)} × {x} ↦ {y}{classes})"

    def _at(self, rows: slice | Array) -> Any:
        if not isinstance(rows, slice) and (memory_mapped(self.x) or memory_mapped(self.y)):
            return super()._at(rows)
        return Dataset(self.x[rows], self.y[rows], self.classes, self.name, self.skipped)

    def _targets(self) -> str:
        return f"y {spec_text(self.y)}"


def read_only(name: str, values: object) -> Array:
    """An array-like of samples ↦ a read-only view of it. Raises DataError (DATA-05)."""
    fix = "give an array whose axis 0 counts the samples"
    try:
        array = np.asarray(values)
    except ValueError:  # NumPy's word for lists of unequal length
        raise DataError("DATA-05", name=name, found="made of lists of unequal length", fix=fix) from None
    if array.dtype.kind not in "biufU" and array.dtype not in SHORT_NAMES:
        found = "made of Python objects" if array.dtype.kind == "O" else f"of the type {array.dtype}"
        raise DataError("DATA-05", name=name, found=found, fix=fix)
    if array.ndim == 0:
        raise DataError("DATA-05", name=name, found="one number", fix=fix)
    view = array.view()
    view.flags.writeable = False
    return view


def memory_mapped(array: Any) -> bool:
    """Whether an array lies in a file rather than in memory."""
    while array is not None:
        if isinstance(array, np.memmap):
            return True
        array = getattr(array, "base", None)
    return False


def check_classes(y: Array, classes: tuple[str, ...]) -> None:
    """Raises DataError for the first integer in y that names no class."""
    if y.dtype.kind not in "iu":
        if y.ndim == 1 and is_float(y.dtype):
            fix = "use y.astype(np.int64), or classes=()"
            raise DataError("DATA-22", classes=len(classes), dtype=y.dtype, fix=fix)
        return  # such as f32[n, k], one number for each class
    wrong = (y < 0) | (y >= len(classes))
    if wrong.any():
        place = np.unravel_index(int(np.argmax(wrong)), y.shape)
        raise DataError(
            "DATA-04",
            place=", ".join(str(int(i)) for i in place),
            label=y[place],
            classes=len(classes),
            operands=(("classes", f"0 … {len(classes) - 1}", f"{int(wrong.sum())} of {y.size} labels are outside"),),
            fix="number the classes from 0, or name all of them in `classes`",
        )
