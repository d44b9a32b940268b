"""The words of data sets: each makes one data set of others, and checks what it was given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mapsto.core.check import whole_number
from mapsto.core.errors import DataError, FormatError, LimitError, UsageError
from mapsto.data.derived import Batched, Joined, Lazy, Mapped, Selected, Zipped
from mapsto.data.samples import WORDS, Array, Samples, Skipped


def rows_of(samples: Samples, rows: slice | Array) -> Selected:
    """The data set of some rows, in their order."""
    chosen = np.arange(len(samples))[rows]
    if not len(chosen):
        raise DataError("DATA-02", name=samples.name, fix="give at least one sample")
    if isinstance(samples, Selected):
        return Selected(samples.parent, samples.rows[chosen], samples.skipped)
    return Selected(samples, chosen, samples.skipped)


def mapped(samples: Samples, function: Any, x: Any, y: Any, seed: int | None) -> Mapped:
    """The mapped data set; see `Samples.map`."""
    given = [one for one in (function, x, y) if one is not None]
    if not given or not all(map(callable, given)) or (function is not None and len(given) > 1):
        fix = "give one function, .map(f), or functions of the parts, .map(x=f, y=g)"
        found = ", ".join(type(one).__name__ for one in given) or "nothing"
        raise UsageError("ARG-03", function="map", found=found, fix=fix)
    if seed is not None:
        seed = whole_number("map", "seed", seed, least=0)
    return Mapped(samples, function, x, y, seed)


def batched(samples: Samples, n: int, drop_last: bool) -> Batched:
    """The data set of batches; see `Samples.batch`."""
    size = whole_number("batch", "n", n)
    if size > len(samples):
        raise DataError("DATA-12", size=size, count=len(samples), fix=f"use at most {len(samples)}")
    return Batched(samples, size, bool(drop_last))


def zipped(left: Samples, right: Any) -> Zipped:
    """The data set of pairs; see `Samples.zip`."""
    check_samples("zip", right)
    if len(left) != len(right):
        names = ("the first", "the second") if left.name == right.name else (left.name, right.name)
        facts = {"left": names[0], "left_count": len(left), "right": names[1], "right_count": len(right)}
        raise DataError("DATA-03", **facts, fix="take as many of the longer one: .take(n)")
    return Zipped(left, right)


def joined(*parts: Any) -> Joined:
    """The data set of all samples; see `Samples.concat`."""
    for part in parts:
        check_samples("concat", part)
        if part.classes != parts[0].classes:
            names = tuple((one.name, ", ".join(one.classes) or "no classes", "") for one in (parts[0], part))
            raise DataError("DATA-19", operands=names, fix="number the labels by one list of classes first: .map(y=…)")
    return Joined(parts[0], tuple(parts[1:]))


def readable(samples: Samples) -> Selected:
    """The data set of the samples that can be made; see `Samples.readable`."""
    good: list[int] = []
    skipped: list[Skipped] = []
    for index in range(len(samples)):
        try:
            samples.sample(index)
        except (DataError, FormatError, LimitError) as problem:
            skipped.append(Skipped(samples.where(index), problem.headline))
        else:
            good.append(index)
    if not good:
        rows = tuple((one.where, one.reason, "") for one in skipped[:4])
        raise DataError("DATA-20", name=samples.name, operands=rows, fix="mend what the first of them says")
    return Selected(samples, np.array(good), (*samples.skipped, *skipped))


def check_samples(function: str, value: Any) -> None:
    if not isinstance(value, Samples):
        fix = "make a data set of it: data.from_arrays(…)"
        raise UsageError("DATA-21", function=function, found=type(value).__name__, fix=fix)


def from_function(
    length: int,
    function: Callable[[int], Any],
    *,
    classes: tuple[str, ...] = (),
    labels: Any = None,
    name: str = "data",
) -> Lazy:
    """A length and a function index ↦ sample ↦ the data set: lazy, nothing is kept.

    The function gets 0 … length − 1 and gives the same sample for the same index. `labels` are the class labels, if
    they are known without making the samples: `split` then draws from each class its share. A data set of another
    framework, with `__len__` and `__getitem__`, comes in as `from_function(len(them), them.__getitem__)`.

    Raises UsageError for a length below 1 (ARG-01) and for what is no function (ARG-03); DataError (DATA-03) for
    another number of labels.

    >>> squares = from_function(4, lambda index: (float(index), float(index) ** 2))
    >>> squares, squares[3]
    (Lazy(data: 4 samples), (3.0, 9.0))
    """
    length = whole_number("from_function", "length", length)
    if not callable(function):
        raise UsageError("ARG-03", function="from_function", found=type(function).__name__, fix="index ↦ sample")
    known = None if labels is None else np.asarray(labels)
    if known is not None and (known.shape != (length,) or known.dtype.kind not in "iu"):
        names = {"left": name, "left_count": length, "right": "labels", "right_count": list(known.shape)}
        raise DataError("DATA-03", **names, fix="give one whole number for each sample")
    return Lazy(length, function, tuple(map(str, classes)), known, name)


WORDS.update(
    {
        "rows": rows_of,
        "map": mapped,
        "batch": batched,
        "zip": zipped,
        "concat": joined,
        "readable": readable,
    }
)
