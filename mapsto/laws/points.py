"""Derivatives by differences: where a function is smooth, and what its derivative along a direction is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mapsto.array.array import Array
from mapsto.core.spec import FLOAT64, is_float
from mapsto.laws.case import Case, Numbers, numbered
from mapsto.laws.compare import largest

POINTS = 6  # at the example itself, then near it
NEAR = 1e-2
ROUNDINGS = 64  # of the largest value, that a difference may be off by
Numbered = dict[int, Numbers]


@dataclass(frozen=True)
class Step:
    """How far a step goes, relative to the size of what moves; what agreement is asked for; how finely f is rounded."""

    length: float
    part: float
    eps: float


# For what is computed in float64 throughout, and for what has a part in float32 or 16 bits whatever it is given.
STEPS = (Step(2e-6, 1e-5, 2.0**-52), Step(4e-3, 2e-2, 2.0**-23), Step(0.1, 0.2, 2.0**-8))


@dataclass(frozen=True)
class Slope:
    """The derivative of every float result along a direction, and how far it may be off, by path."""

    along: dict[str, Numbers]
    slack: dict[str, float]
    part: float

    def allowed(self, path: str, other: Numbers) -> float:
        """By how much another derivative may differ from this one."""
        return self.part * max(largest(self.along[path]), largest(other)) + self.slack[path]


def floats(result: dict[str, Numbers]) -> dict[str, Numbers]:
    return {path: array.astype(FLOAT64) for path, array in result.items() if is_float(array.dtype)}


def moved(case: Case, direction: Numbered, step: float) -> dict[str, Numbers]:
    """The float results a step along a direction, which says by which array moves how."""
    arrays = list(case.arrays)
    for i, tangent in direction.items():
        arrays[i] = numbered(np.asarray(arrays[i]) + step * tangent)
    return floats(case.values(arrays))


def step_for(eps: float) -> Step:
    """The step for a function that rounds to `eps`."""
    return next((step for step in STEPS if eps <= step.eps), STEPS[-1])


def slope(case: Case, direction: Numbered, here: dict[str, Numbers], step: Step) -> Slope | None:
    """The derivative along a direction by central differences; None where the function is not smooth.

    It is smooth where a step a quarter as long gives the same derivative, and where the slopes before and behind come
    closer to each other with it: at a kink of relu they keep their distance, at a jump they part.
    """
    first = differences(case, direction, here, step.length)
    second = differences(case, direction, here, step.length / 4)
    slack = {path: 4 * ROUNDINGS * step.eps * largest(middle) / step.length for path, middle in here.items()}
    for path in here:
        central, gap = second[path]
        near = step.part / 4 * largest(central) + slack[path]
        turned = largest(gap) - 0.5 * largest(first[path][1])
        if not (largest(central - first[path][0]) <= near and turned <= near and np.isfinite(central).all()):
            return None
    return Slope({path: second[path][0] for path in here}, slack, step.part)


def differences(
    case: Case, direction: Numbered, here: dict[str, Numbers], step: float
) -> dict[str, tuple[Numbers, Numbers]]:
    """By path: the slope through the points before and behind, and how much the slopes to either side differ."""
    ahead, behind = moved(case, direction, step), moved(case, direction, -step)
    made = {}
    with np.errstate(invalid="ignore"):
        for path, middle in here.items():
            central = (ahead[path] - behind[path]) / (2 * step)
            made[path] = (central, (ahead[path] - 2 * middle + behind[path]) / step)
    return made


def points(case: Case) -> Iterator[tuple[Case, dict[str, Numbers]]]:
    """The case as it is, then with floats drawn near it; each with its float results, where they are finite."""
    rng = np.random.default_rng(0)
    for number in range(POINTS):
        near = case
        if number:
            drawn = {i: np.asarray(case.arrays[i]) for i in case.differentiated}
            near = case.having({i: numbered(x + NEAR * scaled(rng, x)) for i, x in drawn.items()})
        here = floats(near.values())
        if all(np.isfinite(array).all() for array in here.values()):
            yield near, here


def scaled(rng: np.random.Generator, like: Numbers) -> Numbers:
    """Normal numbers of the size of an array's own; of size 1 where it is all zero."""
    size = float(np.sqrt(np.mean(np.square(like)))) if like.size else 1.0
    return (size or 1.0) * rng.standard_normal(like.shape)


def unit(like: Array | Numbers, index: Sequence[int]) -> Numbers:
    """1 at one place, 0 elsewhere."""
    made = np.zeros(like.shape)
    made[tuple(index)] = 1.0
    return made
