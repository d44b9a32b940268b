"""The transforms as users call them, each with what its result is checked against: differences, a loop, or itself.

A subject is a function of arrays with values for it; a way makes another subject of it, so ways can be nested.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import mapsto as mt
from mapsto.array.convert import asarray
from mapsto.array.trace import apply_all, evaluate_on
from mapsto.core.spec import is_float
from mapsto.ir.primitive import Case
from tests.laws.samples import Array, assert_close, smooth_values, values

STEP = 1e-5
DIFFERENCES = 1e-7  # of central differences in float64, relative to the largest entry
LANES = 2


@dataclass(frozen=True)
class Subject:
    """`function(*arrays)` is a tuple of arrays. `inputs(lane)` are values for it, `check(inputs)` the law it obeys."""

    function: Callable[..., tuple[Any, ...]]
    inputs: Callable[[int], list[Array]]
    check: Callable[[list[Array]], None]

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        # A scalar of NumPy would be a Python number, which is f32 where it meets nothing else.
        return [np.asarray(one) for one in self.function(*map(np.asarray, arrays))]


def subject(case: Case, smooth: bool) -> Subject:
    """A primitive at the values of a case; `smooth` in float64, where it has derivatives."""
    apply = lambda *xs: apply_all(case.primitive, *map(asarray, xs))
    inputs = (lambda lane: smooth_values(case, lane)) if smooth else (lambda lane: values(case, lane))
    return Subject(apply, inputs, lambda inputs: None)


def floats(arrays: Sequence[Any]) -> list[Any]:
    return [array for array in arrays if array is not None and is_float(array.dtype)]


def normals(like: Sequence[Array], seed: int) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(array.shape) for array in like]


def spread(arrays: Sequence[Any], like: Sequence[Any]) -> list[Any]:
    """One array in the place of each float among `like`, None in all other places."""
    remaining = iter(arrays)
    return [next(remaining) if is_float(one.dtype) else None for one in like]


def moved(inputs: Sequence[Array], tangents: Sequence[Array], step: float) -> list[Array]:
    steps = spread(tangents, inputs)
    return [x if t is None else x + step * t for x, t in zip(inputs, steps, strict=True)]


def differences(before: Subject, inputs: Sequence[Array], tangents: Sequence[Array]) -> list[Array]:
    """The derivative of the float results along tangents of the float inputs."""
    ahead, behind = (floats(before.run(moved(inputs, tangents, step))) for step in (STEP, -STEP))
    return [(a - b) / (2 * STEP) for a, b in zip(ahead, behind, strict=True)]


# the ways


def pushed(before: Subject, push: Callable[..., tuple[Any, ...]]) -> Subject:
    """`(inputs, tangents) ↦ tangents of the results`, by `push(inputs, tangents)`."""
    count = len(before.inputs(0))

    def inputs(lane: int) -> list[Array]:
        given = before.inputs(lane)
        return [*given, *normals(floats(given), lane + 10)]

    def function(*args: Any) -> tuple[Any, ...]:
        return tuple(floats(push(args[:count], spread(args[count:], args[:count]))))

    def check(given: list[Array]) -> None:
        wanted = differences(before, given[:count], given[count:])
        for one, difference in zip(after.run(given), wanted, strict=True):
            assert_close(one, difference, DIFFERENCES)

    after = Subject(function, inputs, check)
    return after


def jvp(before: Subject) -> Subject:
    return pushed(before, lambda xs, ts: mt.jvp(before.function, xs, ts)[1])


def linearize(before: Subject) -> Subject:
    return pushed(before, lambda xs, ts: mt.linearize(before.function, *xs)[1](*ts))


def vjp(before: Subject) -> Subject:
    """`(inputs, cotangents) ↦ cotangents of the inputs`: ⟨Jᵀ g, t⟩ is the difference of ⟨f, g⟩ along t."""
    count = len(before.inputs(0))

    def inputs(lane: int) -> list[Array]:
        given = before.inputs(lane)
        return [*given, *normals(floats(before.run(given)), lane + 20)]

    def function(*args: Any) -> tuple[Any, ...]:
        results, pull = mt.vjp(before.function, *args[:count])
        return tuple(floats(pull(tuple(spread(args[count:], results)))))

    def check(given: list[Array]) -> None:
        xs, gs = floats(given[:count]), given[count:]
        tangents = normals(xs, 30)
        found = after.run(given)
        assert [(one.dtype, one.shape) for one in found] == [(x.dtype, x.shape) for x in xs]
        moves = differences(before, given[:count], tangents)
        wanted = sum(float(np.vdot(move, g)) for move, g in zip(moves, gs, strict=True))
        terms = [one * t for one, t in zip(found, tangents, strict=True)]
        scale = 1 + sum(float(np.abs(term).sum()) for term in terms)
        assert abs(sum(float(term.sum()) for term in terms) - wanted) <= DIFFERENCES * scale

    after = Subject(function, inputs, check)
    return after


def jacobian(before: Subject, mode: Any = None) -> Subject:
    """`inputs ↦ every derivative of every result by every input`: J · t is the difference along t."""
    wrt = [i for i, array in enumerate(before.inputs(0)) if is_float(array.dtype)]

    def function(*args: Any) -> tuple[Any, ...]:
        rows = mt.jacobian(before.function, argnums=wrt, mode=mode)(*args)
        return tuple(block for row in rows if row is not None for block in row)

    def check(given: list[Array]) -> None:
        tangents = normals(floats(given), 40)
        found = after.run(given)
        for i, move in enumerate(differences(before, given, tangents)):
            row = found[i * len(wrt) : (i + 1) * len(wrt)]
            moves = [np.tensordot(block, t, t.ndim) for block, t in zip(row, tangents, strict=True)]
            assert_close(np.asarray(sum(moves)), move, DIFFERENCES)

    after = Subject(function, before.inputs, check)
    return after


def vmap(before: Subject) -> Subject:
    """The function over some lanes at once: a loop over them."""

    def inputs(lane: int) -> list[Array]:
        lanes = [before.inputs(LANES * lane + i) for i in range(LANES)]
        return [np.stack(arrays) for arrays in zip(*lanes, strict=True)]

    def check(given: list[Array]) -> None:
        rows = [before.run([array[i] for array in given]) for i in range(LANES)]
        for one, loop in zip(after.run(given), zip(*rows, strict=True), strict=True):
            assert_close(one, np.stack(loop))

    after = Subject(mt.vmap(before.function), inputs, check)
    return after


def same(before: Subject, function: Callable[..., tuple[Any, ...]]) -> Subject:
    """Another way to compute the same function."""

    def check(given: list[Array]) -> None:
        for one, wanted in zip(after.run(given), before.run(given), strict=True):
            assert_close(one, wanted)

    after = Subject(function, before.inputs, check)
    return after


def compiled(before: Subject) -> Subject:
    return same(before, mt.compile(before.function))


def simplified(before: Subject) -> Subject:
    """The simplified graph of the function in its place."""

    def function(*args: Any) -> tuple[Any, ...]:
        call, program = mt.compile(before.function).prepare(args, {})
        return tuple(evaluate_on(program.graph, [*call.arrays, *program.captured]))

    return same(before, function)


SAME = {"vmap": vmap, "compile": compiled, "simplify": simplified}
DERIVED = {"vjp": vjp, "jvp": jvp, "linearize": linearize, "jacobian": jacobian}
