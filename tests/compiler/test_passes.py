"""How often common programs go over memory: kernels over large arrays, bytes read and written, against the least."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from mapsto.compiler.account import cost_of, memory_of
from mapsto.compiler.groups import Group
from mapsto.compiler.pipeline import Plan, planned
from mapsto.compiler.terms import parts
from mapsto.ir.formula import Word
from mapsto.ir.graph import Graph
from mapsto.ir.loops_text import show
from tests.golden import programs

ROWS, WIDTH = 512, 1024
N = 4 * ROWS * WIDTH  # bytes of one large array
LITTLE = N // 10  # parameters, labels, samples, sums of chunks


def traffic(plan: Plan) -> tuple[int, int, int]:
    """Kernels that go over large arrays, and the bytes that all read and write."""
    costs = [cost_of(plan, written) for written in plan.written.values()]
    large = sum(cost.read + cost.written > N // 2 for cost in costs)
    return large, sum(cost.read for cost in costs), sum(cost.written for cost in costs)


def slopes(layer: mt.Mapping) -> Callable[[int, int], Graph]:
    """The gradients of a layer's parameters and input, in training."""

    def program(rows: int, width: int) -> Graph:
        x = programs.numbers(rows // 64, width, 64)

        def loss(pair: tuple[mt.Mapping, mt.xp.Array], g: mt.xp.Array) -> mt.xp.Array:
            return xp.sum(mt.training(pair[0])(mt.key(0), pair[1])[0] * g)

        return programs.of(mt.grad(loss), (layer.init(mt.key(0), x), x), x)

    return program


# Kernels over large arrays, arrays read, arrays written. What is written is the results, each once; what is read is the
# inputs, each once. Batch norm reads its input twice: the result needs the sums over all of it. Backwards it needs two
# passes more, for sums and for the result, over the input and what comes back.
LEAST: dict[str, tuple[Callable[[int, int], Graph], int, int, int]] = {
    "chain": (programs.chain, 1, 3, 1),
    "softmax": (programs.softmax, 1, 1, 1),
    "layer_norm": (programs.layer_norm, 1, 1, 1),
    "batch_norm": (programs.batch_norm, 2, 2, 1),
    "cross_entropy": (programs.cross_entropy, 1, 1, 1),
    "dropout": (programs.dropout, 1, 1, 1),
    "batch_norm_slopes": (slopes(nn.BatchNorm()), 3, 5, 1),
    "layer_norm_slopes": (slopes(nn.LayerNorm()), 1, 2, 1),
    "rms_norm_slopes": (slopes(nn.RMSNorm()), 1, 2, 1),
    "group_norm_slopes": (slopes(nn.GroupNorm(16)), 1, 2, 1),
    "instance_norm_slopes": (slopes(nn.InstanceNorm(scale=True)), 1, 2, 1),
    "adam": (programs.adam, 1, 4, 3),
}


@pytest.mark.parametrize("name", LEAST)
def test_no_more_passes_than_needed(name: str) -> None:
    function, kernels, reads, writes = LEAST[name]
    plan = planned(function(ROWS, WIDTH))
    large, read, written = traffic(plan)
    assert large == kernels
    assert reads * N <= read <= reads * N + LITTLE
    assert writes * N <= written <= writes * N + LITTLE


@pytest.mark.parametrize("name", LEAST)
def test_what_is_needed_only_within_a_row_stays_in_the_cache(name: str) -> None:
    """Intermediate arrays are never in memory as a whole: the arena has sums and statistics alone."""
    memory = memory_of(planned(LEAST[name][0](ROWS, WIDTH)))
    assert memory.arena <= LITTLE
    assert memory.scratch <= 2**19  # half of a second-level cache


@pytest.mark.parametrize("name", [name for name in LEAST if "norm" in name])
def test_what_is_dear_is_done_by_channel_or_row(name: str) -> None:
    """Roots and quotients are of small arrays: no formula of a large one has them."""
    plan = planned(LEAST[name][0](ROWS, WIDTH))
    members = [member.stage for step in plan.steps if isinstance(step, Group) for member in step.members]
    large = [stage.formula for stage in members if prod(axis.extent for axis in stage.domain) == ROWS * WIDTH]
    assert large and not {part.word for part in parts(*large) if isinstance(part, Word)} & {"sqrt", "div"}


def test_sums_over_the_same_share_a_loop() -> None:
    """Each number is read once, by one load, for three sums over rows and for two within them."""
    x = programs.numbers(512, 64)
    for total in (partial(xp.sum, axis=0), partial(xp.sum, axis=1)):
        plan = planned(programs.of(lambda x, total=total: (total(x), total(x * x), total(xp.abs(x))), x))
        (kernel,) = [written.kernel for written in plan.written.values() if cost_of(plan, written).read >= 4 * x.size]
        (buffer,) = [one.name for one in kernel.buffers if one.role == "in"]
        assert show(kernel).count(f"{buffer}[") == 1


def test_a_row_of_a_large_table_is_counted_as_a_row() -> None:
    """Of what indices name, only so much is read."""
    table, index = xp.asarray(np.zeros((10_000, 64), np.float32)), xp.asarray(np.zeros(8, np.int64))
    plan = planned(mt.graph(lambda table, index: xp.take(table, index, axis=0))(table, index).graph)
    _, read, _ = traffic(plan)
    assert 8 * 64 * 4 <= read <= 2 * 8 * 64 * 4


def test_a_sum_over_everything_is_shared_by_threads() -> None:
    """A flat group is cut by its elements, of which a row may have many."""
    x = xp.asarray(np.zeros((4096, 1000), np.float32))
    plan = planned(mt.graph(lambda x: xp.sum(x**2))(x).graph)
    assert max(written.chunks for written in plan.written.values()) == 16
