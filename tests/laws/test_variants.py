"""The laws of values, text, batching and derivatives' types in every element type that a primitive accepts."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from mapsto.core.spec import DTYPES, FLOAT64, DType, Spec, float_info, is_float
from mapsto.ir.formula import Index, interpret
from mapsto.ir.graph import run
from mapsto.ir.parse import parse
from mapsto.ir.primitive import PRIMITIVES, Case, Primitive, outputs_of
from mapsto.ir.show import show
from mapsto.prims.kinds import Elementwise
from mapsto.transform.batch import batch_graph
from mapsto.transform.derive import backward, forward
from tests.laws.samples import Array, assert_close, float_inputs, one_node, spec_of, values
from tests.laws.test_batching import lanes_of, loop, stacked
from tests.laws.variants import VARIANTS
from tests.laws.words import WORDS

every_variant = pytest.mark.parametrize("case", VARIANTS.values(), ids=list(VARIANTS))


def assert_equal_numbers(found: Array, wanted: Array) -> None:
    """Entry by entry: the same NaNs, infinities and zeros with their signs; elsewhere 4 units in the last place."""
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    if not is_float(wanted.dtype):
        np.testing.assert_array_equal(found, wanted)
        return
    info = float_info(wanted.dtype)
    found, wanted = found.astype(FLOAT64), wanted.astype(FLOAT64)
    near = 4 * float(info.eps) * np.abs(wanted) + float(info.smallest_subnormal)
    finite = np.isfinite(wanted)
    np.testing.assert_array_equal(np.where(finite, 0, found), np.where(finite, 0, wanted))
    assert (np.abs(found[finite] - wanted[finite]) <= near[finite]).all()
    np.testing.assert_array_equal(np.signbit(found) & (found == 0), np.signbit(wanted) & (wanted == 0))


@every_variant
def test_type_and_formula(case: Case) -> None:
    inputs = values(case)
    before = [array.tobytes() for array in inputs]
    outputs = outputs_of(case.primitive, inputs)
    assert [array.tobytes() for array in inputs] == before
    promised = case.primitive.type(*case.inputs)
    assert [spec_of(output) for output in outputs] == [Spec(spec.dtype, spec.shape) for spec in promised]
    indices = [Index(extent) for extent in promised[0].shape]
    formula = case.primitive.at(indices, case.inputs)
    if formula is None:
        return
    places = np.ogrid[tuple(slice(extent) for extent in promised[0].shape)]
    found = interpret(formula, dict(zip(indices, places, strict=True)), inputs, WORDS)
    if isinstance(found, (bool, int, float)) and not isinstance(found, np.generic):
        found = promised[0].dtype.type(found)  # a bare number takes the type that the output has
    check = assert_equal_numbers if isinstance(case.primitive, Elementwise) else assert_close
    check(np.broadcast_to(found, promised[0].shape), outputs[0])


@every_variant
def test_text(case: Case) -> None:
    graph = one_node(case)
    text = show(graph)
    read = parse(text)
    assert show(read) == text
    assert [node.primitive for node in read.nodes] == [case.primitive]


@every_variant
def test_batching(case: Case) -> None:
    """A mapped primitive is a loop, whichever inputs have the new axis; over no lanes it keeps its types."""
    graph = one_node(case)
    for pattern in product([True, False], repeat=len(case.inputs)):
        if not any(pattern):
            continue
        lanes = lanes_of(case, pattern, 0, 2)
        mapped = batch_graph(graph, pattern, 2)
        for found, wanted in zip(run(mapped, stacked(lanes, pattern)), loop(graph, lanes), strict=True):
            assert_close(found, wanted)


FLOATS = {name: case for name, case in VARIANTS.items() if float_inputs(case)}


@pytest.mark.parametrize("case", FLOATS.values(), ids=list(FLOATS))
def test_derivatives_keep_types(case: Case) -> None:
    """A derivative has the type and shape of what it belongs to."""
    graph, wrt = one_node(case), float_inputs(case)
    made = [var.spec for var in graph.outputs if is_float(var.spec.dtype)]
    pushed, pulled = forward(graph, wrt), backward(graph, wrt)
    assert [var.spec for var in pushed.outputs[len(graph.outputs) :]] == made
    assert [var.spec for var in pulled.outputs] == [case.inputs[i] for i in wrt]
    inputs = values(case)
    tangents = [inputs[i] for i in wrt]
    cotangents = [array for array in run(graph, inputs) if is_float(array.dtype)]
    for derivative, seeds in ((pushed, tangents), (pulled, cotangents)):
        assert [spec_of(array) for array in run(derivative, [*inputs, *seeds])] == [v.spec for v in derivative.outputs]


def test_every_type_is_tried() -> None:
    """Each element type goes into, or comes out of, most primitives; and no primitive is left out for being new."""
    tried: dict[str, set[DType]] = {}
    for case in VARIANTS.values():
        specs = (*case.inputs, *case.primitive.type(*case.inputs))
        tried.setdefault(case.primitive.name, set()).update(spec.dtype for spec in specs)
    for short, dtype in DTYPES.items():
        assert sum(dtype in found for found in tried.values()) > 25, short
    of_one_type = {"weaken", "random_bits", "fold_key"}
    with_bodies = {name for name, kind in PRIMITIVES.items() if kind.inner is not Primitive.inner}  # typed as these are
    assert set(PRIMITIVES) - set(tried) <= of_one_type | with_bodies
