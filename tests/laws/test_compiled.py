"""The law *compiled = eval*: every primitive and case, natively and by the reference, to the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

from mapsto.compiler.program import Native
from mapsto.ir.graph import run
from mapsto.ir.primitive import Case
from tests.laws.samples import CASES, assert_close, one_node, values

every_case = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))


@every_case
def test_compiled_is_eval(case: Case) -> None:
    graph, inputs = one_node(case), values(case)
    wanted = run(graph, inputs)
    found = Native(graph).run(inputs)
    for one, other in zip(found, wanted, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert_close(one, other)
