"""The laws of how a function runs: mapped over an axis, compiled, twice, on several threads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from mapsto.array.array import Array
from mapsto.array.manipulate import stack
from mapsto.core.errors import MapstoError
from mapsto.core.spec import FLOAT64, is_float
from mapsto.laws.case import Case, DoesNotApply, Numbers, numbered
from mapsto.laws.compare import Difference, difference
from mapsto.laws.precision import roundoff
from mapsto.laws.report import Counterexample
from mapsto.target.threads import threads
from mapsto.transform.vmap import vmap

WIDE_PART = 1e-5  # of the largest entry, in float64
ROUNDINGS = 2000  # units of rounding of the largest entry: sums run in another order
FEWER = 100  # the same for few rows by the reference, where float64 cannot be had throughout
MOST = 0.05  # of the largest entry, however coarse the type
COUNTS = (1, 2, 3)  # of threads
LANES = 3

Tell = Callable[[], Counterexample]


def told(case: Case, found: Difference | None, remark: str = "") -> Tell | None:
    """A difference ↦ what tells of it as a counterexample."""
    if found is None:
        return None
    inputs = {case.paths[i]: case.arrays[i] for i in case.examples}
    return partial(Counterexample, inputs, found.place, found.expected, found.found, remark)


def vmap_is_not_loop(case: Case) -> Tell | None:
    """Three variants of all arrays, mapped at once, against one after another."""
    if not case.arrays:
        raise DoesNotApply("no array goes in")
    part = wide_part(case)
    lanes = lanes_of(case)
    apart = [lane.values() for lane in lanes]
    if any(one.keys() != apart[0].keys() for one in apart):
        raise DoesNotApply("what it returns depends on the numbers")
    stacked = tuple(stack([lane.arrays[i] for lane in lanes]) for i in range(len(case.arrays)))
    together = vmap(lambda arrays: case.outputs(arrays))(stacked)
    for number, (lane, wanted) in enumerate(zip(lanes, apart, strict=True)):
        found = {path: np.asarray(array)[number] for path, array in zip(wanted, together, strict=True)}
        broken = difference(wanted, found, part)
        if broken is not None:
            return told(lane, broken, f"expected is f, found is row {number} of vmap(f)")
    return None


def wide_part(case: Case) -> float:
    """What part of the largest entry two ways by the reference may be apart."""
    return max(WIDE_PART, min(FEWER * roundoff(case), MOST))


def lanes_of(case: Case) -> list[Case]:
    """The case; with its floats 0.9 times as large; with its examples turned round. One that fails is left as it is."""
    floats = [i for i, x in enumerate(case.arrays) if is_float(x.dtype)]
    smaller = {i: numbered(np.asarray(x := case.arrays[i]) * np.asarray(0.9, x.dtype)) for i in floats}
    turned = {i: numbered(np.asarray(case.arrays[i])[::-1]) for i in case.examples if case.arrays[i].shape}
    lanes = [case]
    for changed in (smaller, turned):
        lane = case.having(changed)
        try:
            fine = all(np.isfinite(y.astype(FLOAT64)).all() for y in lane.values().values())
        except MapstoError:
            fine = False
        lanes.append(lane if fine else case)
    return lanes


def compiled_is_not_reference(case: Case) -> Tell | None:
    """The compiled function against the reference."""
    wanted = case.values()
    return told(case, differing(case, wanted, ran(case, wanted)), "expected is f, found is mt.compile(f)")


def ran(case: Case, like: dict[str, Numbers]) -> dict[str, Numbers]:
    """The compiled function's result, by the paths of another one."""
    made: tuple[Array, ...] = case.program(case.arrays)
    return {path: np.array(array) for path, array in zip(like, made, strict=True)}


def differing(case: Case, wanted: dict[str, Numbers], found: dict[str, Numbers]) -> Difference | None:
    """Up to rounding: where float32 itself is further from float64, so far may the compiled function be, too."""
    part = min(ROUNDINGS * roundoff(case), MOST)
    broken = difference(wanted, found, part)
    if broken is None:
        return None
    try:
        exact = case.widened().values()
    except DoesNotApply:
        return broken
    slack = {path: rounding(exact[path], wanted[path]) for path in wanted if path in exact}
    return difference(wanted, found, part, slack)


def rounding(exact: Numbers, rounded: Numbers) -> float:
    """Four times how far what is computed in few digits is from what is computed in many."""
    if not is_float(rounded.dtype) or exact.shape != rounded.shape:
        return 0.0
    away = np.abs(exact.astype(FLOAT64) - rounded.astype(FLOAT64))
    return 4 * float(away[np.isfinite(away)].max(initial=0.0))


def differs_from_itself(case: Case) -> Tell | None:
    """Two calls with the same arguments, and compiled ones on several numbers of threads, bit by bit."""
    first = case.values()
    broken = difference(first, case.values(), 0)
    if broken is not None:
        return told(case, broken, "expected is the first call, found the second, with the same arguments")
    before = threads()
    wanted: dict[str, Numbers] | None = None
    try:
        for count in COUNTS:
            threads(count)
            try:
                found = ran(case, first)
            except Exception:
                return None  # the law of compiling tells of it
            broken = None if wanted is None else difference(wanted, found, 0)
            if broken is not None:
                return told(case, broken, f"expected is compiled, on {COUNTS[0]} thread; found on {count}")
            wanted = found if wanted is None else wanted
    finally:
        threads(before)
    return None
