"""Programs with bodies as functions for C: the driver's bits, made in nothing but the workspace they are given."""

from __future__ import annotations

import ctypes
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import xp
from mapsto.array.trace import apply_all
from mapsto.compiler.export import Layout, stand_alone
from mapsto.compiler.pipeline import planned
from mapsto.compiler.program import Native
from mapsto.core.spec import Spec
from mapsto.ir.graph import Graph
from mapsto.target.host import host
from mapsto.target.native import load
from tests.compiler.bodies import drawn_scan
from tests.laws.guard_pages import guarded


def exported(graph: Graph, x: np.ndarray[Any, Any], times: int = 2) -> tuple[int, np.ndarray[Any, Any]]:
    """Call a graph of one input as C would, several times in one workspace ↦ the status of the last call, and y."""
    assert len(graph.inputs) == 1, "something was captured"
    layout = Layout(planned(graph))
    ir = stand_alone(layout, "net", host(), {}, Path())
    run = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 3)(load(ir, ["net_run"])["net_run"])
    y = np.empty(graph.outputs[0].spec.shape, graph.outputs[0].spec.dtype)
    room = Spec(np.dtype(np.uint8), (layout.workspace().size,))
    with guarded(room, at_end=True) as workspace:
        workspace[...] = 255
        for _ in range(times):
            status = run(x.ctypes.data, y.ctypes.data, workspace.ctypes.data)
    return status, y


def turns(x: Any) -> Any:
    """Loops in a loop, a branch in it, one loop the other way, one with a condition, blocks that are called."""

    weights, zero = x[0].T @ x[1], xp.argmax(x[0, 0, :1])  # a number would be an input of its own

    def block(h: Any) -> Any:
        return xp.tanh(h @ weights * 0.1)

    def turn(carry: Any, row: Any) -> Any:
        n, h = carry
        h = block(block(h) + row)
        h = mt.cond(n % 3 > 0, lambda h: h * 0.5, lambda h: 1.0 - h, h)
        return (n + 1, mt.fori(0, 3, lambda _, y: y + 0.1 * xp.sin(y), h)), h

    last, made = mt.scan(turn, (zero, x[0]), x)
    (_, first), _ = mt.scan(lambda carry, row: (turn(carry, row)[0], None), last, made, reverse=True)
    return mt.while_loop(lambda y: xp.sum(xp.abs(y)) < 1000.0, lambda y: 1.5 * y + 0.01, first)


def test_loops_in_an_object() -> None:
    x = np.random.default_rng(0).standard_normal((5, 4, 6)).astype(np.float32)
    graph = mt.graph(turns)(xp.asarray(x)).graph
    status, y = exported(graph, x)
    assert status == 0 and y.tobytes() == Native(graph).run([x])[0].tobytes()


@pytest.mark.parametrize("seed", range(12))
def test_drawn_scans_in_an_object(seed: int) -> None:
    drawn = drawn_scan(random.Random(seed))
    shapes = [var.spec.shape for var in drawn.inputs]
    ends = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])

    def together(x: Any) -> Any:
        pairs = zip(ends[:-1], ends[1:], shapes, strict=True)
        given = [xp.reshape(x[int(first) : int(last)], shape) for first, last, shape in pairs]
        made = apply_all(drawn.nodes[0].primitive, *given)
        return xp.concat([xp.reshape(y, (-1,)) for y in made])

    x = np.random.default_rng(seed).standard_normal(int(ends[-1]))
    graph = mt.graph(together)(xp.asarray(x)).graph
    status, y = exported(graph, x)
    assert status == 0 and y.tobytes() == Native(graph).run([x])[0].tobytes()


def test_an_index_out_of_range_is_a_status() -> None:
    """In a loop in a called function too; the next call is as good as any."""

    def walk(i: Any) -> Any:
        return mt.scan(lambda at, step: (xp.take(i, at + step), at), i[0], i[1:])[0]

    graph = mt.graph(walk)(xp.asarray([1, 1, 0])).graph
    for numbers, wanted in (([1, 1, 0], 1), ([1, 9, 0], None), ([0, 1, 1], 1)):
        status, y = exported(graph, np.asarray(numbers), times=1)
        assert status == (wanted is None) and (wanted is None or y == wanted)
