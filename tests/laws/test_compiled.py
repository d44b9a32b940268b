"""The law *compiled = eval*: every primitive and case, natively and by the reference, to the same numbers.

In every element type that a primitive accepts, wherever in memory the inputs lie, for the derivatives of the cases too,
and as if the processor were one without AVX-512, or without AVX.
"""

from __future__ import annotations

import numpy as np
import pytest

from mapsto.compiler.program import Native
from mapsto.core.spec import FLOAT64, float_info, is_float
from mapsto.ir.graph import Graph, run
from mapsto.ir.primitive import Case
from mapsto.prims.kinds import Elementwise
from mapsto.transform.derive import backward, forward
from tests.laws.layouts import LAYOUTS, repeated
from tests.laws.samples import CASES, DIFFERENTIATED, Array, assert_close, float_inputs, one_node, smooth_values, values
from tests.laws.variants import VARIANTS
from tests.target.native_loops import kind, kinds

every_case = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
OTHER_MACHINES = [word for word in kinds() if word]
ULPS = 8  # of functions of single elements; ours and NumPy's are each off by up to half of that


def assert_near(found: Array, wanted: Array) -> None:
    """Entry by entry: the same NaNs, infinities and zeros with their signs; elsewhere some units in the last place."""
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    if not is_float(wanted.dtype):
        np.testing.assert_array_equal(found, wanted)
        return
    info = float_info(wanted.dtype)
    found, wanted = found.astype(FLOAT64), wanted.astype(FLOAT64)
    near = ULPS * (float(info.eps) * np.abs(wanted) + float(info.smallest_subnormal))
    finite = np.isfinite(wanted)
    np.testing.assert_array_equal(np.where(finite, 0, found), np.where(finite, 0, wanted))
    assert (np.abs(found[finite] - wanted[finite]) <= near[finite]).all()
    np.testing.assert_array_equal(np.signbit(found) & (found == 0), np.signbit(wanted) & (wanted == 0))


def hold(case: Case) -> None:
    graph, inputs = one_node(case), values(case)
    check = assert_near if isinstance(case.primitive, Elementwise) else assert_close
    for found, wanted in zip(Native(graph).run(inputs), run(graph, inputs), strict=True):
        check(found, wanted)


@every_case
def test_compiled_is_eval(case: Case) -> None:
    hold(case)


@pytest.mark.parametrize("case", VARIANTS.values(), ids=list(VARIANTS))
def test_in_every_element_type(case: Case) -> None:
    hold(case)


@pytest.mark.parametrize("word", OTHER_MACHINES)
def test_on_lesser_processors(word: str) -> None:
    with kind(word):
        for case in CASES.values():
            hold(case)


@pytest.mark.parametrize("word", OTHER_MACHINES)
def test_every_element_type_on_lesser_processors(word: str) -> None:
    """Every second variant with AVX2, the others without: left out are each one's other half, and other layouts."""
    begin = OTHER_MACHINES.index(word)
    with kind(word):
        for case in list(VARIANTS.values())[begin :: len(OTHER_MACHINES)]:
            hold(case)


@every_case
def test_wherever_the_inputs_lie(case: Case) -> None:
    """Views of all kinds give the same bits as arrays in one piece."""
    graph, inputs = one_node(case), values(case)
    native = Native(graph)
    wanted = [array.copy() for array in native.run(inputs)]
    for arranged in LAYOUTS.values():
        for found, one in zip(native.run([arranged(array) for array in inputs]), wanted, strict=True):
            assert found.tobytes() == one.tobytes()
    alike = [repeated(array) if case.fitted is None else array for array in inputs]  # no singular matrices
    for found, one in zip(native.run(alike), run(graph, alike), strict=True):
        assert_close(found, one)
    for array, before in zip(inputs, values(case), strict=True):
        assert array.tobytes() == before.tobytes()


def derivatives(case: Case) -> list[Graph]:
    """Forward, backward, and backward of backward."""
    graph, wrt = one_node(case, float64=True), float_inputs(case)
    pulled = backward(graph, wrt)
    again = [i for i, var in enumerate(pulled.inputs) if is_float(var.spec.dtype)]
    return [forward(graph, wrt), pulled, backward(pulled, again)]


@pytest.mark.parametrize("case", DIFFERENTIATED.values(), ids=list(DIFFERENTIATED))
def test_derivatives_compiled(case: Case) -> None:
    rng = np.random.default_rng(1)
    for graph in derivatives(case):
        known = smooth_values(case)
        more = [rng.standard_normal(var.spec.shape) for var in graph.inputs[len(known) :]]
        inputs = [*known, *more]
        for found, wanted in zip(Native(graph).run(inputs), run(graph, inputs), strict=True):
            assert_close(found, wanted)
