"""A data set as a mapping: index ↦ (x, y), with names for the classes, split in a fixed seeded way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast, overload

import numpy as np

from mapsto.core.errors import DataError, IndexRangeError, UsageError
from mapsto.core.spec import SHORT_NAMES

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """index ↦ (x, y): `n` samples, `x` of shape [n, …] and `y` of shape [n, …].

    `classes` names the classes, in the order of their numbers; it is empty where y does not number classes. Integer y
    must then lie in 0 … len(classes) − 1. `name` is for the reader.

    A data set cannot be changed: `x` and `y` are read-only views of the arrays given (nothing is copied, so do not
    write into those afterwards), and every method yields another data set.

    Raises DataError (DATA-01) for no samples, for different counts in x and y, for labels that name no class, and for
    arrays of Python objects (lists of unequal length become such).

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

    def __post_init__(self) -> None:
        x, y, classes = _samples("x", self.x), _samples("y", self.y), tuple(map(str, self.classes))
        if len(x) != len(y):
            raise DataError(
                "DATA-01",
                problem=f"x has {len(x)} samples and y has {len(y)}",
                operands=(("x", _spec(x.dtype, x.shape), ""), ("y", _spec(y.dtype, y.shape), "")),
                fix="axis 0 of both counts the samples: give one y for every x",
            )
        if len(x) == 0:
            raise DataError("DATA-01", problem=f"{self.name}: the data set is empty", fix="give at least one sample")
        if classes:
            _check_labels(y, classes)
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

        Negative indices count from the end.

        Raises IndexRangeError (USE-04), UsageError (USE-01) for other kinds of index, DataError (DATA-01) where
        nothing is selected.

        >>> ds = Dataset(np.arange(4) * 0.5, np.array([5, 6, 7, 8]))
        >>> ds[ds.y > 6].x, ds[[-1, 0]].y
        (array([1. , 1.5]), array([8, 5]))
        """
        if isinstance(index, int | np.integer) and not isinstance(index, bool):
            self._check_range(int(index))
            return self.x[index], self.y[index]
        if isinstance(index, slice):
            return self._at(index)
        if isinstance(index, list | np.ndarray):
            chosen = np.asarray(index)
            if chosen.ndim == 1 and (chosen.dtype.kind in "iu" or chosen.size == 0):
                for extreme in (chosen.min(), chosen.max()) if chosen.size else ():
                    self._check_range(int(extreme))
                return self._at(chosen.astype(np.int64))
            if chosen.dtype == np.bool_ and chosen.shape == (len(self),):
                return self._at(chosen)
        raise UsageError(
            "USE-01",
            problem=f"a data set has no samples at {index!r:.60}",
            fix=f"index it with an integer, a slice, a 1-d array of integers, or a mask of {len(self)} booleans",
        )

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """The pairs (x, y), in order.

        >>> [(float(x), int(y)) for x, y in Dataset(np.array([0.5, 1.5]), np.array([1, 0]))]
        [(0.5, 1), (1.5, 0)]
        """
        return zip(self.x, self.y, strict=True)

    def __repr__(self) -> str:
        classes = f", {len(self.classes)} classes" if self.classes else ""
        x, y = (_spec(values.dtype, values.shape[1:]) for values in (self.x, self.y))
        return f"Dataset({self.name}: {len(self)} × {x} ↦ {y}{classes})"

    def take(self, n: int) -> Dataset:
        """n ↦ the data set of the first n samples, 1 ≤ n ≤ len(self).

        Raises DataError (DATA-01) for any other n.

        >>> Dataset(np.zeros((4, 2)), np.arange(4)).take(3).y
        array([0, 1, 2])
        """
        if not 1 <= n <= len(self):
            raise DataError(
                "DATA-01", problem=f"cannot take {n} samples of {len(self)}", fix=f"take 1 to {len(self)} of them"
            )
        return self._at(slice(n))

    def split(self, fraction: float, seed: int = 0, stratify: bool | None = None) -> tuple[Dataset, Dataset]:
        """fraction ↦ (rest, part): `part` holds round(fraction · n) samples drawn by the seed, `rest` the others.

        The same seed draws the same samples on every machine, with every version of NumPy. Both keep the order of the
        samples. With `stratify`, each class has its share: of n_c samples, `part` gets fraction · n_c rounded down
        or up, whichever makes the total exact. By default that is done where y is a 1-d array of integers.

        Raises DataError (DATA-01) for a fraction outside (0, 1), or one that leaves either side empty; UsageError
        (USE-01) for `stratify=True` with other y, and for a negative seed.

        >>> ds = Dataset(np.arange(10), np.array([0] * 6 + [1] * 4))
        >>> rest, part = ds.split(0.5)
        >>> part.y.tolist()
        [0, 0, 0, 1, 1]
        """
        if not 0 < fraction < 1:  # also true of NaN
            raise DataError("DATA-01", problem=f"cannot split off a fraction of {fraction}", fix="use 0 < fraction < 1")
        if seed < 0:
            raise UsageError("USE-01", problem=f"the seed is {seed}", fix="use a seed of 0 or more")
        labelled = self.y.ndim == 1 and self.y.dtype.kind in "iub"
        if stratify and not labelled:
            found = _spec(self.y.dtype, self.y.shape)
            fix = "use stratify=False, or labels of integers"
            raise UsageError("USE-01", problem=f"stratify needs 1-d integer labels, and y is {found}", fix=fix)
        stratify = labelled if stratify is None else stratify
        share = Fraction(str(float(fraction)))  # 0.1 is meant to be one tenth, not the nearest binary number
        total = round(share * len(self))
        if not 0 < total < len(self):
            problem = f"a fraction of {fraction} of {len(self)} samples would leave one side empty"
            raise DataError("DATA-01", problem=problem, fix="use another fraction, or more samples")
        classes = np.unique(self.y, return_inverse=True)[1] if stratify else np.zeros(len(self), np.int64)
        in_part = np.zeros(len(self), np.bool_)
        in_part[_draw(classes, share, total, seed)] = True
        return self._at(~in_part), self._at(in_part)

    def _at(self, index: slice | Array) -> Dataset:
        return Dataset(self.x[index], self.y[index], self.classes, self.name)

    def _check_range(self, index: int) -> None:
        if not -len(self) <= index < len(self):
            raise IndexRangeError(
                "USE-04", index=index, extent=len(self), fix=f"use an index from 0 to {len(self) - 1}"
            )


def _samples(name: str, values: object) -> Array:
    """An array-like of samples ↦ a read-only view of it."""
    try:
        array = np.asarray(values)
    except ValueError as problem:  # NumPy's word for lists of unequal length
        raise DataError("DATA-01", problem=f"{name} is no array: {problem}", fix="give samples of one shape") from None
    if array.dtype.kind == "O" or array.ndim == 0:
        found = "one number" if array.ndim == 0 and array.dtype.kind != "O" else "made of Python objects"
        raise DataError("DATA-01", problem=f"{name} is {found}", fix="give an array whose axis 0 counts the samples")
    view = array.view()
    view.flags.writeable = False
    return view


def _check_labels(y: Array, classes: tuple[str, ...]) -> None:
    """Raises DataError for the first integer in y that names no class."""
    if y.dtype.kind not in "iu":
        if y.ndim == 1 and y.dtype.kind == "f":
            problem = f"y numbers {len(classes)} classes, and its elements are {y.dtype}"
            raise DataError("DATA-01", problem=problem, fix="use y.astype(np.int64), or classes=()")
        return  # such as f32[n, k], one number for each class
    wrong = (y < 0) | (y >= len(classes))
    if wrong.any():
        place = np.unravel_index(int(np.argmax(wrong)), y.shape)
        where = ", ".join(str(int(i)) for i in place)
        raise DataError(
            "DATA-01",
            problem=f"y[{where}] is {y[place]}, and there are {len(classes)} classes",
            operands=(("classes", f"0 … {len(classes) - 1}", f"{int(wrong.sum())} of {y.size} labels are outside"),),
            fix="number the classes from 0, or name all of them in `classes`",
        )


def _draw(classes: Array, share: Fraction, total: int, seed: int) -> Array:
    """The class number of every sample ↦ the indices of `total` samples, share · n_c of each class but for rounding.

    The counts are found by largest remainders: round all down, then give one more to the classes that lost most.
    """
    # The raw words of a bit generator are fixed for all versions of NumPy; `Generator.permutation` is not.
    bits = np.random.PCG64(seed)
    order = np.argsort(cast(Array, bits.random_raw(len(classes))), kind="stable")
    by_class = order[np.argsort(classes[order], kind="stable")]
    counts = np.bincount(classes)
    quotas = [share * int(count) for count in counts]
    chosen = np.array([int(quota) for quota in quotas])
    ties = cast(Array, bits.random_raw(len(counts)))
    by_loss = sorted(range(len(counts)), key=lambda c: (int(quotas[c]) - quotas[c], int(ties[c])))
    chosen[by_loss[: total - int(chosen.sum())]] += 1
    place_in_class = np.arange(len(classes)) - np.repeat(np.cumsum(counts) - counts, counts)
    return by_class[place_in_class < np.repeat(chosen, counts)]


def _spec(dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    return f"{SHORT_NAMES.get(dtype, dtype)}[{','.join(map(str, shape))}]"
