"""A failing case ↦ a smaller one that still fails: fewer rows, smaller extents, simpler numbers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from mapsto.core.spec import is_float
from mapsto.laws.case import Case, numbered
from mapsto.laws.report import Counterexample

SECONDS = 1.5  # a smaller example is worth a wait, but not a long one
# A case ↦ what tells of a counterexample to a law, if it is one.
Search = Callable[[Case], Callable[[], Counterexample] | None]


def shrunk(case: Case, found: Callable[[], Counterexample], search: Search) -> Counterexample:
    """The counterexample of the smallest case for which `search` still finds one, as far as the time goes."""
    end = time.monotonic() + SECONDS
    smaller = True
    while smaller:
        smaller = False
        for candidate in candidates(case):
            if time.monotonic() > end:
                return found()
            again = attempt(candidate, search)
            if again is not None:
                case, found, smaller = candidate, again, True
                break
    return found()


def attempt(case: Case, search: Search) -> Callable[[], Counterexample] | None:
    """What is found in a smaller case. One that the function refuses is no example, whatever it raises."""
    try:
        case.values()
        return search(case)
    except Exception:
        return None


def candidates(case: Case) -> Iterator[Case]:
    """Cases that are simpler by one step, the simplest first."""
    rows = case.extent or 0
    for target in sorted({1, 2, 3, rows // 2}):
        if 0 < target < rows:
            yield case.rows(slice(target))
    extents = {extent for i in case.examples for extent in case.arrays[i].shape if extent > 1}
    for extent in sorted(extents, reverse=True):
        for target in sorted({1, 2, 3, extent // 2}):
            if 0 < target < extent:
                yield cut(case, extent, target)
    for i in case.examples:
        array = case.arrays[i]
        if not is_float(array.dtype):
            continue
        data = np.asarray(array)
        for simple in (np.zeros_like(data), np.ones_like(data), np.rint(data), np.round(data.astype(np.float64), 1)):
            if np.array_equal(simple.astype(data.dtype), data, equal_nan=True):
                break  # it is as simple as that already
            yield case.having({i: numbered(simple.astype(data.dtype))})


def cut(case: Case, extent: int, target: int) -> Case:
    """The first `target` places along every axis of that extent: axes that belong together have the same one."""
    changed = {}
    for i in case.examples:
        array = np.asarray(case.arrays[i])
        changed[i] = numbered(array[tuple(slice(target if n == extent else n) for n in array.shape)])
    return case.having(changed)
