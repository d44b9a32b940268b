"""How finely a function computes: the coarsest float type on the way from its arguments to its result."""

from __future__ import annotations

from mapsto.array.trace import tracing
from mapsto.core.spec import DType, float_info, is_float
from mapsto.ir.graph import Graph, live_nodes
from mapsto.laws.case import Case


def roundoff(case: Case) -> float:
    """The rounding unit of that type; where the function cannot be traced, of the types that go in and come out."""
    try:
        types = types_within(graph_of(case))
    except Exception:  # whatever keeps it from being traced is told by the laws that trace it
        types = [array.dtype for array in (*case.arrays, *case.values().values())]
    return max((float(float_info(dtype).eps) for dtype in types if is_float(dtype)), default=0.0)


def graph_of(case: Case) -> Graph:
    with tracing(keeps_values=False) as frame:
        inputs = [frame.input(array.spec, None) for array in case.arrays]
        outputs = [frame.var_of(array) for array in case.outputs(inputs)]
    return frame.graph([x.variable for x in inputs], outputs)


def types_within(graph: Graph) -> list[DType]:
    """The types of what follows from the inputs as floats; what a comparison or an index decides does not count."""
    met = {var for var in graph.inputs if is_float(var.spec.dtype)}
    for node in live_nodes(graph):
        if any(var in met for var in node.inputs):
            met.update(var for var in node.outputs if is_float(var.spec.dtype))
    return [var.spec.dtype for var in (*met, *graph.outputs)]
