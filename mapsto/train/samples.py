"""What `fit`, `evaluate` and `predict` accept as data, and how it becomes batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.compose.edge import edge_cast
from mapsto.core.errors import DataError, UsageError
from mapsto.core.spec import DType
from mapsto.data.dataset import Dataset


def as_dataset(data: Any, y: Any = None) -> Dataset:
    """A data set, a pair (x, y), or x and y apart ↦ a data set. Raises DataError if they differ in length."""
    if isinstance(data, Dataset):
        if y is not None:
            raise UsageError("USE-01", problem="a data set has its labels with it", fix="leave y out")
        return data
    if y is None and isinstance(data, tuple) and len(data) == 2:  # pyright: ignore[reportUnknownArgumentType]
        data, y = data
    if y is None:
        problem = f"{type(data).__name__} has no labels"
        raise UsageError("USE-01", problem=problem, fix="give fit(x, y), or a data set such as data.load(…)")
    targets = np.asarray(y)
    if targets.dtype.kind in "US":
        fix = "classes, y = np.unique(names, return_inverse=True)"
        raise DataError("DATA-01", problem=f"the labels are words such as {str(targets.flat[0])!r}", fix=fix)
    return Dataset(np.asarray(data), targets)


def cast_samples(samples: Dataset, dtype: DType) -> Dataset:
    """The same samples with float inputs and targets in the net's type, noted once."""
    x, y = (np.asarray(edge_cast(part, dtype)) for part in (samples.x, samples.y))
    return Dataset(x, y, samples.classes, samples.name)


def batches(samples: Dataset, size: int, order: np.ndarray[Any, Any] | None = None) -> Iterator[tuple[Any, Any]]:
    """The samples in some order, `size` at a time; the last batch may be smaller."""
    for begin in range(0, len(samples), size):
        rows = slice(begin, begin + size) if order is None else order[begin : begin + size]
        yield samples.x[rows], samples.y[rows]


def shuffled(count: int, seed: int, epoch: int) -> np.ndarray[Any, Any]:
    """A random order of `count` samples, the same for the same seed and epoch on every machine."""
    words = np.random.PCG64(np.random.SeedSequence([seed, epoch])).random_raw(count)
    return np.argsort(words, kind="stable")


def check_batch_size(size: Any, count: int | None = None) -> None:
    if not isinstance(size, (int, np.integer)) or size < 1:
        raise DataError("DATA-01", problem=f"batch_size={size}", fix="use a whole number of 1 or more")
    if count is not None and size > count:
        fix = f"use at most {count}"
        raise DataError("DATA-01", problem=f"a batch of {size} is more than the {count} samples there are", fix=fix)


def inputs_only(data: Any) -> Any:
    """What `predict` maps: a data set's inputs, or the array itself."""
    if isinstance(data, Dataset):
        return data.x
    return data if isinstance(data, Array) else np.asarray(data)
