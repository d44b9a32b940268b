"""Laws of derivatives: both modes against central differences in float64, first and second order, and each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from mapsto.core.spec import is_float
from mapsto.ir.graph import Graph, run
from mapsto.ir.primitive import Case
from mapsto.transform.derive import backward, forward
from tests.laws.samples import (
    CASES,
    DIFFERENTIATED,
    Array,
    assert_close,
    float_inputs,
    one_node,
    smooth_values,
    spec_of,
    values,
)

STEP = 1e-5
FIRST_ORDER = 1e-7
SECOND_ORDER = 1e-8

differentiated = pytest.mark.parametrize("case", DIFFERENTIATED.values(), ids=list(DIFFERENTIATED))


def normals(like: Sequence[Array], seed: int) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(array.shape) for array in like]


def moved(inputs: Sequence[Array], wrt: Sequence[int], tangents: Sequence[Array], step: float) -> list[Array]:
    """The inputs a step along the tangents of `wrt`."""
    after = list(inputs)
    for i, tangent in zip(wrt, tangents, strict=True):
        after[i] = inputs[i] + step * tangent
    return after


def floats(arrays: Sequence[Array]) -> list[Array]:
    return [array for array in arrays if is_float(array.dtype)]


def differences(graph: Graph, inputs: Sequence[Array], wrt: Sequence[int], tangents: Sequence[Array]) -> list[Array]:
    """The derivative of the float outputs along the tangents, by central differences."""
    ahead, behind = (floats(run(graph, moved(inputs, wrt, tangents, step))) for step in (STEP, -STEP))
    return [(a - b) / (2 * STEP) for a, b in zip(ahead, behind, strict=True)]


def inner(left: Sequence[Array], right: Sequence[Array]) -> float:
    return sum(float(np.vdot(a, b)) for a, b in zip(left, right, strict=True))


def jvp(graph: Graph, inputs: Sequence[Array], wrt: Sequence[int], tangents: Sequence[Array]) -> list[Array]:
    return run(forward(graph, wrt), [*inputs, *tangents])[len(graph.outputs) :]


def check_forward(graph: Graph, inputs: Sequence[Array], wrt: Sequence[int], tolerance: float) -> None:
    """Forward mode is the difference along seeded tangents."""
    tangents = normals([inputs[i] for i in wrt], 1)
    found = jvp(graph, inputs, wrt, tangents)
    for ours, difference in zip(found, differences(graph, inputs, wrt, tangents), strict=True):
        assert_close(ours, difference, tolerance)


def check_duality(graph: Graph, inputs: Sequence[Array], wrt: Sequence[int]) -> None:
    """⟨J t, g⟩ = ⟨t, Jᵀ g⟩."""
    tangents = normals([inputs[i] for i in wrt], 2)
    pushed = jvp(graph, inputs, wrt, tangents)
    cotangents = normals(pushed, 3)
    pulled = run(backward(graph, wrt), [*inputs, *cotangents])
    scale = 1 + sum(float(np.abs(a * b).sum()) for a, b in zip(tangents, pulled, strict=True))
    assert abs(inner(pushed, cotangents) - inner(tangents, pulled)) <= 1e-12 * scale


@differentiated
def test_forward_mode_is_the_difference(case: Case) -> None:
    check_forward(one_node(case, float64=True), smooth_values(case), float_inputs(case), FIRST_ORDER)


@differentiated
def test_reverse_mode_is_the_difference(case: Case) -> None:
    """Every entry of the gradient of ⟨outputs, g⟩."""
    graph, inputs, wrt = one_node(case, float64=True), smooth_values(case), float_inputs(case)
    cotangents = normals(floats(run(graph, inputs)), 4)
    gradients = run(backward(graph, wrt), [*inputs, *cotangents])
    for i, gradient in zip(wrt, gradients, strict=True):
        wanted = np.zeros(inputs[i].shape)
        for place in np.ndindex(*wanted.shape):
            unit = np.zeros(wanted.shape)
            unit[place] = 1
            wanted[place] = inner(differences(graph, inputs, [i], [unit]), cotangents)
        assert_close(gradient, wanted, FIRST_ORDER)


@differentiated
def test_modes_are_dual(case: Case) -> None:
    check_duality(one_node(case, float64=True), smooth_values(case), float_inputs(case))


@differentiated
@pytest.mark.parametrize("mode", [forward, backward], ids=["forward", "backward"])
def test_second_order(case: Case, mode: Callable[..., Graph]) -> None:
    """The derivative of either mode's graph, in both modes, by all of its float inputs."""
    graph, inputs, wrt = one_node(case, float64=True), smooth_values(case), float_inputs(case)
    first = mode(graph, wrt)
    like = [inputs[i] for i in wrt] if mode is forward else floats(run(graph, inputs))
    inputs = [*inputs, *normals(like, 5)]
    by = [i for i, value in enumerate(inputs) if is_float(value.dtype)]
    check_forward(first, inputs, by, SECOND_ORDER)
    check_duality(first, inputs, by)


FLOATS = {name: case for name, case in CASES.items() if float_inputs(case) and case.primitive.name != "while"}


@pytest.mark.parametrize("case", FLOATS.values(), ids=list(FLOATS))
def test_derivatives_keep_types(case: Case) -> None:
    """In every float type, and at special values: a derivative has the spec of what it belongs to."""
    graph, inputs, wrt = one_node(case), values(case), float_inputs(case)
    outputs = floats(run(graph, inputs))
    pushed = jvp(graph, inputs, wrt, [inputs[i] for i in wrt])
    pulled = run(backward(graph, wrt), [*inputs, *outputs])
    assert [spec_of(array) for array in pushed] == [spec_of(array) for array in outputs]
    assert [spec_of(array) for array in pulled] == [spec_of(inputs[i]) for i in wrt]


POLES = {name: case for name, case in FLOATS.items() if getattr(case.primitive, "poles", False)}


@pytest.mark.parametrize("case", POLES.values(), ids=list(POLES))
@pytest.mark.parametrize("order", [1, 2])
def test_nothing_flows_back_through_a_pole_from_nothing(case: Case, order: int) -> None:
    """Zero cotangents give zeros at every special value: the end of the NaN-through-`where` trap."""
    graph, inputs = one_node(case), values(case)
    for _ in range(order):
        inputs = [*inputs, *(np.zeros_like(array) for array in floats(run(graph, inputs)))]
        graph = backward(graph, float_inputs(case))
    for gradient in run(graph, inputs):
        np.testing.assert_array_equal(gradient, 0)
