"""Convolutions whose strides leave gaps are contractions, phase by phase, and compiled = eval for them too."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest

from mapsto.compiler.groups import Group
from mapsto.compiler.kernels import KernelWriter
from mapsto.compiler.pipeline import Plan
from mapsto.compiler.program import Native
from mapsto.compiler.terms import folds
from mapsto.core.spec import Spec
from mapsto.ir.graph import Builder, Graph, Var, run
from mapsto.ir.primitive import Case
from mapsto.prims.compare import Maximum
from mapsto.prims.conv import Conv
from mapsto.prims.elementwise import Add
from mapsto.prims.kinds import case
from mapsto.prims.layout import Broadcast, Reshape
from mapsto.target.host import host
from tests.laws.samples import Array, assert_close, one_node, values


def pieces_in(plan: Plan) -> list[int]:
    """The number of pieces of everything in a plan that sums up; 0 for what is left to plain loops."""
    found: list[int] = []
    for step in (step for step in plan.steps if isinstance(step, Group)):
        for member in step.members:
            if folds(member.stage.formula) and not member.stage.total:
                writer = KernelWriter("k", step, plan.specs, set(), host())
                found.append(len(writer.product_pieces(member) or ()))
    return found


def hold(graph: Graph, inputs: list[Array], phases: int | None) -> None:
    """The reference's numbers, and every sum in so many pieces."""
    native = Native(graph)
    if phases is not None:
        assert set(pieces_in(native.plan)) == {phases}
    for found, wanted in zip(native.run(inputs), run(graph, inputs), strict=True):
        assert_close(found, wanted)


def drawn(seed: int) -> tuple[Case, int | None]:
    """A random geometry, and how many phases the input's places have; None if there are hardly more places."""
    rng = np.random.default_rng(seed)
    rank = int(rng.choice([1, 1, 2, 2, 3]))

    def some(low: int, high: int) -> tuple[int, ...]:
        return tuple(int(number) for number in rng.integers(low, high, rank))

    stride, dilation, before, w, x = some(1, 4), some(1, 5), some(0, 3), some(1, 5), some(1, 12 if rank < 3 else 6)
    places = zip(x, before, dilation, w, stride, strict=True)
    y = tuple(max(1, (i + 2 * p - d * (k - 1) - 1) // s + 1) for i, p, d, k, s in places)
    n, g, c, o = int(rng.choice([1, 2, 17])), int(rng.choice([1, 3])), int(rng.choice([1, 5])), int(rng.choice([1, 18]))
    kind = str(rng.choice(["f32", "f64", "i32"]))
    shapes = ((*w, g, c, o), (n, *y, g, o))
    specs = (f"{kind}[{','.join(map(str, shape))}]" for shape in shapes)
    made = case(Conv("x", stride, dilation, before, x, w, y), *specs)
    return made, prod(stride) if all(i > s or s == 1 for s, i in zip(stride, x, strict=True)) else None


@pytest.mark.parametrize("seed", range(24))
def test_input_gradients(seed: int) -> None:
    """Any stride, dilation, border and kernel: as many pieces as phases, and the reference's numbers."""
    made, phases = drawn(seed)
    hold(one_node(made), values(made), phases)


def with_bias(n: int, groups: int) -> tuple[Graph, list[Array]]:
    """A transposed convolution as a layer has it: its channels of all groups in one axis, a bias, an activation."""
    made = case(
        Conv("x", (2, 3), (1, 1), (1, 0), (9, 11), (3, 4), (5, 3)), f"f32[3,4,{groups},3,2]", f"f32[{n},5,3,{groups},2]"
    )
    rng = np.random.default_rng(n)
    arrays = [*values(made), rng.standard_normal(3 * groups).astype("f4")]
    inputs = tuple(Var(Spec(array.dtype, array.shape)) for array in arrays)
    builder = Builder()
    (whole,) = builder.add(made.primitive, inputs[:2])
    (flat,) = builder.add(Reshape((n, 9, 11, 3 * groups)), (whole,))
    (bias,) = builder.add(Broadcast((n, 9, 11, 3 * groups), (3,)), (inputs[2],))
    (moved,) = builder.add(Add(), (flat, bias))
    (out,) = builder.add(Maximum(), (moved, bias))
    return Graph(inputs, tuple(builder.nodes), (out,)), arrays


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("n", [1, 3, 40])
def test_what_follows_a_transposed_convolution(n: int, groups: int) -> None:
    hold(*with_bias(n, groups), 6)
