"""Laws of values: the type rule tells the truth, `at` says what `eval` does, and text is the graph."""

from __future__ import annotations

import numpy as np
import pytest

from mapsto.core.spec import Spec, is_float
from mapsto.ir.formula import VOCABULARY, Index, interpret
from mapsto.ir.graph import run
from mapsto.ir.parse import parse
from mapsto.ir.primitive import Case, outputs_of
from mapsto.ir.show import show
from mapsto.prims.kinds import Elementwise
from tests.laws.samples import CASES, DIFFERENTIATED, assert_close, one_node, spec_of, values
from tests.laws.words import WORDS

every_case = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))


@every_case
def test_type_rule_is_what_is_evaluated(case: Case) -> None:
    outputs = outputs_of(case.primitive, values(case))
    promised = [Spec(spec.dtype, spec.shape) for spec in case.primitive.type(*case.inputs)]
    assert [spec_of(output) for output in outputs] == promised


WITH_FORMULA = {
    name: case
    for name, case in CASES.items()
    if case.primitive.at([Index(e) for e in case.primitive.type(*case.inputs)[0].shape], case.inputs) is not None
}


@pytest.mark.parametrize("case", WITH_FORMULA.values(), ids=list(WITH_FORMULA))
def test_formula_is_eval(case: Case) -> None:
    inputs = values(case)
    (wanted,) = outputs_of(case.primitive, inputs)
    indices = [Index(extent) for extent in wanted.shape]
    formula = case.primitive.at(indices, case.inputs)
    assert formula is not None
    places = np.ogrid[tuple(slice(extent) for extent in wanted.shape)]
    found = interpret(formula, dict(zip(indices, places, strict=True)), inputs, WORDS)
    if isinstance(found, (bool, int, float)):  # a bare number takes the type that the output has
        found = np.asarray(found, wanted.dtype)
    found = np.broadcast_to(found, wanted.shape)
    assert_close(found, wanted)
    if isinstance(case.primitive, Elementwise) and is_float(wanted.dtype):
        np.testing.assert_array_equal(np.signbit(found) & (found == 0), np.signbit(wanted) & (wanted == 0))


def test_table_of_words_is_complete() -> None:
    assert set(WORDS) == set(VOCABULARY)


@every_case
def test_text_is_the_graph(case: Case) -> None:
    graph = one_node(case)
    text = show(graph)
    read = parse(text)
    assert show(read) == text
    assert [node.primitive for node in read.nodes] == [case.primitive]
    inputs = values(case)
    for first, second in zip(run(graph, inputs), run(read, inputs), strict=True):
        assert first.tobytes() == second.tobytes()


def test_every_differentiable_primitive_is_differentiated() -> None:
    """The skips of single cases leave no primitive out, except those that are flat or stop derivatives by intent."""
    able = {c.primitive.name for c in CASES.values() if c.inputs and is_float(c.primitive.type(*c.inputs)[0].dtype)}
    tried = {case.primitive.name for case in DIFFERENTIATED.values()}
    assert able - tried == {"stop_gradient"}
