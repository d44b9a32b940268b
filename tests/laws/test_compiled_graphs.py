"""The law *compiled = eval* for graphs of many primitives, which is where fusing goes wrong if it does.

`python -m tests.laws.test_compiled_graphs 1000 2000` tries more seeds by hand, in every way of this file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest

from mapsto.compiler.program import Native
from mapsto.core.spec import BFLOAT16, DTYPES, FLOAT32, FLOAT64, DType, is_float
from mapsto.ir.graph import Graph, run
from mapsto.target.threads import threads
from mapsto.transform.derive import backward
from mapsto.transform.simplify import simplify
from tests.laws.random_graphs import random_case
from tests.laws.samples import Array, assert_close

# Relative to the largest entry, for sums in another order and for functions that are off by a few units.
TOLERANCES = {FLOAT64: 1e-10, FLOAT32: 1e-4, DTYPES["f16"]: 0.2, BFLOAT16: 0.5}


def hold(graph: Graph, inputs: list[Array], dtype: DType) -> None:
    wanted = run(graph, inputs)[: len(graph.outputs)]
    for found, one in zip(Native(graph).run(inputs), wanted, strict=True):
        assert_close(found, one, TOLERANCES[dtype])


def in_type(dtype: DType) -> Callable[[int], None]:
    return lambda seed: hold(*random_case(seed, dtype), dtype)


def large(seed: int) -> None:
    """Many rows: several chunks and blocks. The same bits, however many threads there are."""
    graph, inputs = random_case(seed, FLOAT32, large=True)
    hold(graph, inputs, FLOAT32)
    native, before, bits = Native(graph), threads(), set[bytes]()
    try:
        for count in (1, 2, 3):
            threads(count)
            bits.add(b"".join(array.tobytes() for array in native.run(inputs)))
    finally:
        threads(before)
    assert len(bits) == 1


def derivative(seed: int) -> None:
    """The derivative of a random graph by all of its float inputs; of every other one, simplified."""
    graph, inputs = random_case(seed, FLOAT64)
    outputs = tuple(dict.fromkeys(var for var in graph.outputs if is_float(var.spec.dtype)))
    wrt = [i for i, var in enumerate(graph.inputs) if is_float(var.spec.dtype)]
    pulled = backward(Graph(graph.inputs, graph.nodes, outputs), wrt)
    rng = np.random.default_rng(seed)
    more = [rng.standard_normal(var.spec.shape) for var in pulled.inputs[len(inputs) :]]
    hold(simplify(pulled) if seed % 2 else pulled, [*inputs, *more], FLOAT64)


WAYS: dict[str, tuple[Callable[[int], None], int]] = {
    "float32": (in_type(FLOAT32), 120),
    "float64": (in_type(FLOAT64), 60),
    "float16": (in_type(DTYPES["f16"]), 20),
    "bfloat16": (in_type(BFLOAT16), 20),
    "large": (large, 40),
    "derivative": (derivative, 60),
}
TRIALS = [(name, seed) for name, (_, count) in WAYS.items() for seed in range(count)]


@pytest.mark.parametrize(("way", "seed"), TRIALS)
def test_random_graphs(way: str, seed: int) -> None:
    WAYS[way][0](seed)


def test_graphs_are_varied() -> None:
    """Most primitives of programs occur, several results too, and inputs that are results."""
    graphs = [random_case(seed)[0] for seed in range(120)]
    names = {node.primitive.name for graph in graphs for node in graph.nodes}
    assert len(names) >= 38, names
    assert sum(len(graph.outputs) > 2 for graph in graphs) > 20
    assert any(set(graph.outputs) & set(graph.inputs) for graph in graphs)
    assert any(len(set(graph.outputs)) < len(graph.outputs) for graph in graphs)
    assert any(graph.guards for graph in graphs)


def main(begin: int, end: int) -> None:
    for seed in range(begin, end):
        for name, (way, _) in WAYS.items():
            try:
                way(seed)
            except Exception as problem:
                print(name, seed, type(problem).__name__, str(problem)[:200], flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
