"""The law of batching: mapping a primitive over a new axis is a Python loop, whichever inputs have the axis."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest

from mapsto.ir.graph import Graph, run
from mapsto.ir.primitive import Case
from mapsto.transform.batch import batch_graph
from tests.laws.samples import CASES, Array, assert_close, one_node, values

PATTERNS = [
    pytest.param(case, pattern, id=f"{name}-{''.join('bx'[not has] for has in pattern)}")
    for name, case in CASES.items()
    for pattern in product([True, False], repeat=len(case.inputs))
    if any(pattern)
]


def loop(graph: Graph, lanes: Sequence[Sequence[Array]]) -> list[Array]:
    """Every lane by itself, and the results stacked."""
    return [np.stack(outputs) for outputs in zip(*(run(graph, lane) for lane in lanes), strict=True)]


def stacked(lanes: Sequence[Sequence[Array]], pattern: Sequence[bool]) -> list[Array]:
    return [
        np.stack(arrays) if has else arrays[0] for arrays, has in zip(zip(*lanes, strict=True), pattern, strict=True)
    ]


def lanes_of(case: Case, pattern: Sequence[bool], start: int, count: int) -> list[list[Array]]:
    """Values for some lanes; the inputs without the axis are those of the first."""
    lanes = [values(case, lane) for lane in range(start, start + count)]
    return [[new if has else old for new, old, has in zip(lane, lanes[0], pattern, strict=True)] for lane in lanes]


@pytest.mark.parametrize(("case", "pattern"), PATTERNS)
def test_batching_is_a_loop(case: Case, pattern: tuple[bool, ...]) -> None:
    graph = one_node(case)
    lanes = lanes_of(case, pattern, 0, 3)
    mapped = batch_graph(graph, pattern, 3)
    for found, wanted in zip(run(mapped, stacked(lanes, pattern)), loop(graph, lanes), strict=True):
        assert_close(found, wanted)


@pytest.mark.parametrize(("case", "pattern"), PATTERNS)
def test_batching_closes(case: Case, pattern: tuple[bool, ...]) -> None:
    """A mapped primitive can be mapped again, then over the other inputs, too."""
    graph = one_node(case)
    everywhere = (True,) * len(pattern)
    twice = batch_graph(batch_graph(graph, pattern, 2), everywhere, 2)
    grid = [lanes_of(case, pattern, start, 2) for start in (0, 2)]
    inputs = stacked([stacked(lanes, pattern) for lanes in grid], everywhere)
    for number, found in enumerate(run(twice, inputs)):
        assert_close(found, np.stack([loop(graph, lanes)[number] for lanes in grid]))


@pytest.mark.parametrize(("case", "pattern"), PATTERNS)
def test_batching_over_no_lanes(case: Case, pattern: tuple[bool, ...]) -> None:
    mapped = batch_graph(one_node(case), pattern, 0)
    inputs = [np.zeros((0, *v.shape), v.dtype) if has else v for v, has in zip(values(case), pattern, strict=True)]
    for found, spec in zip(run(mapped, inputs), case.primitive.type(*case.inputs), strict=True):
        assert (found.dtype, found.shape) == (spec.dtype, (0, *spec.shape))
