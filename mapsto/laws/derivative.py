"""The law *derivative = differences*: forward and reverse mode, of every parameter and every float that is given."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from mapsto.array.array import Array
from mapsto.core.errors import MapstoError, TraceError
from mapsto.core.spec import FLOAT64, is_float
from mapsto.laws.case import Case, DoesNotApply, Numbers, numbered
from mapsto.laws.compare import index_text, largest, number_text, part_text
from mapsto.laws.points import Numbered, Slope, Step, points, scaled, slope, step_for, unit
from mapsto.laws.precision import roundoff
from mapsto.laws.report import Counterexample
from mapsto.transform.grad import jvp, vjp

GROUPS = 16  # directions that are tried; the arrays of a larger net move together, several at once
ENTRIES = 32  # of an array and of a result that are looked at one by one, to show where a derivative is wrong
SECONDS = 1.0  # that this may take


def wrong_derivative(case: Case) -> Callable[[], Counterexample] | None:
    """A case in float64 ↦ one partial derivative that differs from the slope of the function.

    Every array moves in a seeded direction; near the example where the function is not smooth at it. Raises
    DoesNotApply where nothing can be differentiated, or nowhere near is the function smooth.
    """
    wrt = [i for i in case.differentiated if case.arrays[i].size]
    if not wrt:
        raise DoesNotApply("no float goes in")
    if not any(is_float(array.dtype) and array.size for array in case.values().values()):
        raise DoesNotApply("no float comes out")
    waiting = list(groups(wrt))
    step = step_for(roundoff(case))
    place = None
    for place, here in points(case):
        modes = Modes(place, here, wrt, step)
        left = []
        for number, group in enumerate(waiting):
            rng = np.random.default_rng(number)
            direction = {i: scaled(rng, np.asarray(place.arrays[i])) for i in group}
            found = slope(place, direction, here, step)
            if found is None:
                left.append(group)
            elif (mode := modes.wrong(direction, found)) is not None:
                return partial(located, modes, group, mode)
        waiting = left
        if not waiting:
            return None
    if place is None:
        raise DoesNotApply("its result is not finite at the example, nor near it")
    names = ", ".join(case.paths[i] for i in waiting[0][:3])
    raise DoesNotApply(f"it is not smooth near the example where {names} moves")


def groups(wrt: list[int]) -> Iterator[list[int]]:
    """At most `GROUPS` runs of neighbours."""
    size = -(-len(wrt) // GROUPS)
    return (wrt[start : start + size] for start in range(0, len(wrt), size))


class Modes:
    """Both modes at a point: `push` along directions, `pull` of cotangents. One that the function lacks is left out."""

    def __init__(self, case: Case, here: dict[str, Numbers], wrt: list[int], step: Step) -> None:
        self.case, self.here, self.wrt, self.step = case, here, wrt, step
        self.floats = tuple(case.arrays[i] for i in wrt)
        rng = np.random.default_rng(1)
        self.weights = {path: rng.standard_normal(array.shape) for path, array in here.items()}
        self.forward = self.reverse = True
        try:
            self.pullback = vjp(self.function, self.floats)[1]
            self.gradients = self.pull(self.weights)
        except TraceError as problem:
            raise DoesNotApply(f"it cannot be traced: {problem.headline}") from problem
        except MapstoError:  # it has an own rule for the other mode alone
            self.reverse = False

    def function(self, floats: Sequence[Array]) -> dict[str, Array]:
        """What is differentiated ↦ the float results, by path."""
        arrays = list(self.case.arrays)
        for i, array in zip(self.wrt, floats, strict=True):
            arrays[i] = array
        made = self.case.outputs(arrays)
        return dict(zip(self.here, (array for array in made if is_float(array.dtype)), strict=True))

    def pull(self, weights: dict[str, Numbers]) -> dict[int, Numbers]:
        (made,) = self.pullback({path: numbered(array) for path, array in weights.items()})
        return {i: np.asarray(one, FLOAT64) for i, one in zip(self.wrt, made, strict=True)}

    def push(self, direction: Numbered) -> dict[str, Numbers]:
        tangents = tuple(numbered(direction[i]) if i in direction else None for i in self.wrt)
        made = jvp(self.function, (self.floats,), (tangents,))[1]
        return {path: np.asarray(array, FLOAT64) for path, array in made.items()}

    def partial(self, mode: str, path: str, entry: tuple[int, ...], i: int, index: tuple[int, ...]) -> float:
        """The derivative of one entry of the result by one entry of array i."""
        if mode == "forward mode":
            return float(self.push({i: unit(self.case.arrays[i], index)})[path][entry])
        return float(self.pull({path: unit(self.here[path], entry)})[i][index])

    def wrong(self, direction: Numbered, wanted: Slope) -> str | None:
        """The mode that does not give the slope along a direction, if one does not."""
        if self.forward:
            try:
                pushed = self.push(direction)
            except MapstoError as problem:
                self.forward = False
                if not self.reverse:
                    raise DoesNotApply(f"it has no derivative: {problem.headline}") from problem
            else:
                if not all(close(wanted, path, pushed[path]) for path in self.here):
                    return "forward mode"
        if self.reverse:
            # ⟨weights, slope⟩ = ⟨gradients, direction⟩
            expected = sum(float(np.vdot(self.weights[path], wanted.along[path])) for path in self.here)
            found = sum(float(np.vdot(self.gradients[i], tangent)) for i, tangent in direction.items())
            norms = {path: float(np.linalg.norm(weights)) for path, weights in self.weights.items()}
            allowed = sum(wanted.allowed(path, wanted.along[path]) * norm for path, norm in norms.items())
            if not abs(expected - found) <= allowed:
                return "reverse mode"
        return None


def close(wanted: Slope, path: str, found: Numbers) -> bool:
    """Whether a derivative is the slope, up to rounding. NaN is not."""
    return bool((np.abs(found - wanted.along[path]) <= wanted.allowed(path, found)).all())


def located(modes: Modes, group: list[int], mode: str) -> Counterexample:
    """The partial derivative, one entry by one entry, that is wrong the most among those that are looked at."""
    case, worst, place = modes.case, 0.0, None
    end = time.monotonic() + SECONDS
    for i in group:
        for index in some_places(case.arrays[i].shape):
            wanted = slope(case, {i: unit(case.arrays[i], index)}, modes.here, modes.step)
            if wanted is None or time.monotonic() > end:
                continue
            out, error = worst_result(modes, mode, wanted, i, index)
            if error > worst:
                worst, place = error, (out, i, index, wanted)
    inputs = {case.paths[i]: case.arrays[i] for i in case.examples}
    if place is None:  # what is wrong lies where nobody looked
        by = ", ".join(case.paths[i] for i in group[:3])
        return Counterexample(inputs, f"the derivative by {by}", "the slope along a direction", f"another in {mode}")
    (path, entry), i, index, wanted = place
    where = f"∂ {part_text(path)}{index_text(entry)} / ∂ {case.paths[i]}{index_text(index)}"
    found = modes.partial(mode, path, entry, i, index)
    expected = f"{number_text(wanted.along[path][entry])} by differences"
    return Counterexample(inputs, where, expected, f"{number_text(found)} in {mode}")


def worst_result(
    modes: Modes, mode: str, wanted: Slope, i: int, index: tuple[int, ...]
) -> tuple[tuple[str, tuple[int, ...]], float]:
    """One entry of array i ↦ the place of the result whose derivative by it is wrong the most, and by how much."""
    places = [(path, entry) for path, array in modes.here.items() for entry in some_places(array.shape)]
    if mode == "forward mode":
        pushed = modes.push({i: unit(modes.case.arrays[i], index)})
        errors = [excess(wanted, path, entry, float(pushed[path][entry])) for path, entry in places]
    else:
        weighted = sum(float(np.vdot(modes.weights[path], wanted.along[path])) for path in modes.here)
        error = abs(weighted - float(modes.gradients[i][index]))
        allowed = sum(wanted.slack.values()) + wanted.part * sum(map(largest, wanted.along.values()))
        if error <= allowed:
            return places[0], 0.0
        errors = [excess(wanted, path, entry, modes.partial(mode, path, entry, i, index)) for path, entry in places]
    best = int(np.argmax(errors))
    return places[best], errors[best]


def excess(wanted: Slope, path: str, entry: tuple[int, ...], found: float) -> float:
    """How wrong a partial derivative is; 0 up to rounding."""
    error = abs(found - float(wanted.along[path][entry]))
    return 0.0 if error <= wanted.allowed(path, wanted.along[path]) else np.inf if np.isnan(error) else error


def some_places(shape: Sequence[int]) -> list[tuple[int, ...]]:
    """All places of a small array; of a large one some, spread over it."""
    size = math.prod(shape)
    chosen = range(0, size, max(1, size // ENTRIES))[:ENTRIES]
    return [tuple(int(n) for n in np.unravel_index(flat, tuple(shape))) for flat in chosen]
