"""The law of rows that only fill up: where it is proved that they change nothing, they change nothing.

Every case of every primitive is given a batch of n examples, and one of m < n that has the first m of them. What the
proof says of its outputs is looked at in the numbers; where it says nothing, nothing is asked, but of what is mapped
over examples it has to say something.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from mapsto.compiler.batch_axis import NO_AXIS, BatchAxis, BatchSizes
from mapsto.compiler.batch_proof import proved_batch_axes
from mapsto.core.errors import DataError, MapstoError
from mapsto.core.spec import Spec
from mapsto.ir.graph import Graph, run
from mapsto.ir.primitive import Case
from mapsto.transform.batch import batch_graph
from tests.laws.samples import CASES, Array, assert_close, one_node, values
from tests.laws.test_batching import PATTERNS, lanes_of, stacked

FULL, FEWER = 5, 3
# What the proof does not look into: it says nothing of them, and a net with such a step compiles a second program.
UNKNOWN = {"branch", "while", "own_rule", "solve", "det", "cofactors", "log_det"}


def first(x: Array, place: BatchAxis, count: int) -> Array:
    return x if place.axis is None else x[(slice(None),) * place.axis + (slice(count * place.each),)]


def check(full: Graph, fewer: Graph, sizes: BatchSizes, given: Sequence[BatchAxis], inputs: Sequence[Array]) -> bool:
    """Whether something is proved; if so, that it holds."""
    places = proved_batch_axes(sizes, full, fewer, given)
    if places is None:
        return False
    wanted = run(fewer, [first(x, place, sizes.fewer) for x, place in zip(inputs, given, strict=True)])
    for found, alone, place in zip(run(full, inputs), wanted, places, strict=True):
        assert_close(first(found, place, sizes.fewer), alone)
        if place.zero:
            rest = found if place.axis is None else np.moveaxis(found, place.axis, 0)[sizes.fewer * place.each :]
            assert not rest.any()
    return True


def looked_into(case: Case) -> bool:
    """Whether something has to be proved; of arrays without elements there is nothing to say."""
    return case.primitive.name not in UNKNOWN and all(
        spec.size for spec in (*case.inputs, *case.primitive.type(*case.inputs))
    )


@pytest.mark.parametrize(("case", "pattern"), PATTERNS)
def test_mapped_primitives(case: Case, pattern: tuple[bool, ...]) -> None:
    graph = one_node(case)
    full, fewer = (batch_graph(graph, pattern, count) for count in (FULL, FEWER))
    given = [BatchAxis(0) if has else NO_AXIS for has in pattern]
    inputs = stacked(lanes_of(case, pattern, 0, FULL), pattern)
    assert check(full, fewer, BatchSizes(FULL, FEWER), given, inputs) or not looked_into(case)


def on_fewer(case: Case, axes: Sequence[int | None]) -> Graph | None:
    """A case with one example less along an axis of each input; None if there is no such thing."""
    specs = [
        s if a is None else Spec(s.dtype, tuple(e - (i == a) for i, e in enumerate(s.shape)))
        for s, a in zip(case.inputs, axes, strict=True)
    ]
    try:
        return one_node(replace(case, inputs=tuple(specs)))
    except (MapstoError, ValueError):
        return None


def along_axes(case: Case) -> list[tuple[list[int | None], int]]:
    """Ways to take axes of a case's inputs for that of the examples, and how many examples there are then."""
    options = [[None, *range(spec.rank)] for spec in case.inputs]
    found: list[tuple[list[int | None], int]] = []
    for axes in product(*options):
        extents = {s.shape[a] for s, a in zip(case.inputs, axes, strict=True) if a is not None}
        if len(extents) == 1 and min(extents) > 1:
            found.append((list(axes), extents.pop()))
    return found


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_examples_along_any_axis(case: Case) -> None:
    """Also where a primitive goes along the examples; the last one is 0 in none, one or all of the inputs."""
    for axes, extent in along_axes(case)[:64]:
        fewer = on_fewer(case, axes)
        if fewer is None:
            continue
        for zeros in product([False, True], repeat=len(axes)):
            inputs = [x.copy() for x in values(case)]
            if any(zeros):  # 0 is 0 among finite numbers that something can be divided by
                inputs = [np.where(np.isfinite(x) & (x != 0), x, 1).astype(x.dtype) for x in inputs]
            for x, axis, zero in zip(inputs, axes, zeros, strict=True):
                if zero and axis is not None:
                    x[(slice(None),) * axis + (-1,)] = 0
            given = [NO_AXIS if a is None else BatchAxis(a, zero=z) for a, z in zip(axes, zeros, strict=True)]
            with suppress(DataError):  # what has no value for such numbers
                check(one_node(case), fewer, BatchSizes(extent, extent - 1), given, inputs)
