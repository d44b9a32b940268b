"""What `fit`, `evaluate` and `predict` accept as data, and how it becomes batches."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.convert import asarray
from mapsto.compose.edge import edge_cast
from mapsto.core.check import whole_number
from mapsto.core.errors import DataError, UsageError
from mapsto.core.spec import DType, is_float
from mapsto.data.arrays import from_arrays
from mapsto.data.dataset import Dataset, memory_mapped, read_only
from mapsto.data.derived import Derived
from mapsto.data.draw import random_order
from mapsto.data.samples import Samples
from mapsto.data.stack import count_of, leaves_of, map_tree

WORDS_FIX = "classes, y = np.unique(names, return_inverse=True)"


def as_dataset(data: Any, y: Any = None) -> Samples:
    """A data set, a pair (x, y), or x and y apart ↦ a data set. Raises DataError if they differ in length."""
    if isinstance(data, Samples):
        if y is not None:
            raise UsageError("TRAIN-10", fix="leave y out")
        if data.batched:
            raise UsageError("TRAIN-19", name=data.name, fix="give the set itself, and fit(…, batch_size=32)")
        return data
    if y is None and isinstance(data, tuple) and len(data) == 2:  # pyright: ignore[reportUnknownArgumentType]
        data, y = data
    if y is None:
        fix = "give fit(x, y), or a data set such as data.load(…)"
        if hasattr(data, "__len__") and hasattr(data, "__getitem__") and not hasattr(data, "__array__"):
            fix = "give fit(x, y), or data.from_function(len(them), them.__getitem__)"
        raise UsageError("TRAIN-09", kind=type(data).__name__, fix=fix)
    if not has_parts(data) and not has_parts(y):
        inputs, targets = read_only("x", data), read_only("y", y)
        check_words(targets)
        return Dataset(inputs, targets)
    return from_arrays((as_arrays(data), as_arrays(y)))


def has_parts(data: Any) -> bool:
    """Whether it is several inputs: a tuple or dict of arrays, not of numbers or rows."""
    whole = (Array, np.ndarray)
    return isinstance(data, (tuple, dict)) and bool(data) and all(isinstance(v, whole) for _, v in leaves_of(data))


def as_arrays(data: Any) -> Any:
    return map_tree(np.asarray, data) if has_parts(data) else read_only("data", data)


def check_numbers(inputs: Any) -> None:
    """No input is words. Raises DataError (TRAIN-24)."""
    for path, leaf in leaves_of(inputs):
        if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "US":
            word = str(leaf.flat[0]) if leaf.size else ""
            fix = "number them: names, x = np.unique(words, return_inverse=True), and nn.Embedding(len(names), 16)"
            raise DataError("TRAIN-24", part=path or "x", word=word, fix=fix)


def check_words(targets: np.ndarray[Any, Any]) -> None:
    if targets.dtype.kind in "US":
        raise DataError("TRAIN-08", word=str(targets.flat[0]), fix=WORDS_FIX)


@dataclass(frozen=True, eq=False, repr=False)
class Fed(Derived):
    """A data set as a net takes it: floats in the net's type, and labels checked batch by batch.

    It is for sets that are not in memory, of which nothing can be cast or checked beforehand.
    """

    parent: Samples
    dtype: DType
    outputs: int | None = None  # the classes that the net tells apart, if labels are to be among them
    ignored: int | None = None  # a label that does not count
    part: str = "data"
    check: Callable[[Any], None] | None = None  # what else is asked of the targets of a batch

    def __len__(self) -> int:
        return len(self.parent)

    def sample(self, index: int) -> Any:
        return self.parent.sample(index)

    def gather(self, rows: np.ndarray[Any, Any]) -> Any:
        batch = map_tree(lambda leaf: np.asarray(edge_cast(leaf, self.dtype)), self.parent.gather(rows))
        if self.outputs is not None:
            check_range(target_of(batch), rows, self.outputs, self.ignored, self.part)
        if self.check is not None:
            self.check(target_of(batch))
        return batch

    @property
    def labels(self) -> np.ndarray[Any, Any] | None:
        return self.parent.labels

    def epoch(self, number: int) -> Samples:
        return replace(self, parent=self.parent.epoch(number))


def cast_samples(samples: Samples, dtype: DType) -> Samples:
    """The same samples with float inputs and targets in the net's type, noted once."""
    if not isinstance(samples, Dataset):
        return Fed(samples, dtype)
    parts = (samples.x, samples.y)
    if any(is_float(part.dtype) and part.dtype != dtype for part in parts) and any(map(memory_mapped, parts)):
        return Fed(samples, dtype)
    x, y = (part if memory_mapped(part) else np.asarray(edge_cast(part, dtype)) for part in parts)
    return Dataset(x, y, samples.classes, samples.name)


def check_range(
    y: np.ndarray[Any, Any], rows: np.ndarray[Any, Any], outputs: int, ignored: int | None, part: str
) -> None:
    """Every class label is one of the net's outputs. Raises DataError (TRAIN-07) for the first that is none."""
    wrong = (y < 0) | (y >= outputs)
    outside = np.flatnonzero(wrong if ignored is None else wrong & (y != ignored))
    if len(outside):
        first = int(outside[0])
        facts = {"label": int(y[first]), "index": int(rows[first]), "part": part}
        fix = "end the net with Dense(number of classes), or mend the labels"
        raise DataError("TRAIN-07", **facts, outputs=outputs, last=outputs - 1, fix=fix)


def batches(samples: Samples, size: int, order: np.ndarray[Any, Any] | None = None) -> Iterator[Any]:
    """The samples in some order, `size` at a time; the last batch may be smaller."""
    rows = np.arange(len(samples)) if order is None else order
    for begin in range(0, len(samples), size):
        yield samples.gather(rows[begin : begin + size])


def shuffled(count: int, seed: int, epoch: int) -> np.ndarray[Any, Any]:
    """A random order of `count` samples, the same for the same seed and epoch on every machine."""
    return random_order(count, seed, epoch)


def first_of(samples: Samples, count: int = 1) -> Any:
    """The batch of the first samples: what can be known of all of them without making them."""
    return samples.gather(np.arange(min(count, len(samples))))


def pair_of(batch: Any, name: str) -> tuple[Any, Any]:
    """A batch ↦ (x, y). Raises UsageError (TRAIN-20) for samples that are no pairs."""
    if not (isinstance(batch, tuple) and len(batch) == 2):  # pyright: ignore[reportUnknownArgumentType]
        found = f"a dict of {', '.join(map(repr, batch))}" if isinstance(batch, dict) else "x alone"
        found = f"a tuple of {len(batch)}" if isinstance(batch, tuple) else found  # pyright: ignore[reportUnknownArgumentType]
        raise UsageError("TRAIN-20", name=name, found=found, fix="make pairs of them: .map(lambda sample: (x, y))")
    return batch  # pyright: ignore[reportUnknownVariableType]


def first_inputs(samples: Samples, count: int = 1) -> Any:
    """The inputs of the first samples. Raises UsageError for no pairs, DataError for labels that are words."""
    x, y = pair_of(first_of(samples, count), samples.name)
    for _, leaf in leaves_of(y):
        check_words(leaf)
    check_numbers(x)
    return x


def target_of(batch: Any) -> Any:
    """The targets of a batch of pairs."""
    return batch[1]


def spread(net: Any, x: Any) -> tuple[Any, ...]:
    """An input ↦ the arguments of the net: a tuple one by one, a dict by the names of the net's arguments.

    Raises UsageError (TRAIN-21) where the net takes others.
    """
    if not isinstance(x, tuple | dict):
        return (x,)
    parameters = inspect.signature(net.__call__).parameters.values()
    named = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    needed = [one.name for one in named if one.default is one.empty]
    several = any(one.kind is one.VAR_POSITIONAL for one in parameters)
    if isinstance(x, dict):
        fits = set(needed) <= set(x) <= {one.name for one in named}
        values = tuple(x[one.name] for one in named if one.name in x)
    else:
        fits = len(needed) <= len(x) and (several or len(x) <= len(named))  # pyright: ignore[reportUnknownArgumentType]
        values = tuple(x)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if not fits:
        found = ", ".join(map(str, x)) if isinstance(x, dict) else f"{len(x)}, in a tuple"  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        rows = (("the net", ", ".join(one.name for one in named), "its inputs"), ("the data", found, "inputs"))
        fix = "write a mapping whose __call__(self, a, b) takes them"
        raise UsageError("TRAIN-21", name=type(net).__name__, operands=rows, fix=fix)
    return values


def check_batch_size(function: str, size: Any, count: int | None = None) -> None:
    whole_number(function, "batch_size", size)
    if count is not None and size > count:
        raise DataError("TRAIN-11", size=size, count=count, fix=f"use at most {count}")


def given_inputs(data: Any, dtype: DType) -> Any:
    """What `predict` maps: a data set as it is, or arrays in the net's type."""
    if isinstance(data, Samples):
        if data.batched:
            raise UsageError("TRAIN-19", name=data.name, fix="give the set itself, and predict(…, batch_size=256)")
        return data
    tree = data if has_parts(data) or isinstance(data, Array) else read_only("x", data)
    check_numbers(tree)
    return map_tree(lambda part: edge_cast(part, dtype), tree)


def input_batches(given: Any, size: int, dtype: DType) -> Iterator[Any]:
    """A data set, or arrays ↦ the inputs, `size` at a time; of no samples one batch, which is empty."""
    if isinstance(given, Samples):
        for batch in batches(given, size):
            pair = isinstance(batch, tuple) and len(batch) == 2  # pyright: ignore[reportUnknownArgumentType]
            x = batch[0] if pair else batch  # pyright: ignore[reportUnknownVariableType]
            yield map_tree(lambda part: asarray(edge_cast(part, dtype)), x)
        return
    for begin in range(0, max(count_of(given), 1), size):
        yield map_tree(lambda part, begin=begin: part[begin : begin + size], given)
