"""What a graph would ask of the machine: steps and memory for one example, and code to be made. All have limits."""

from __future__ import annotations

import math

from mapsto.core.spec import FLOAT64, Spec
from mapsto.files.container import too_large
from mapsto.ir.graph import Graph, Node, Var
from mapsto.prims.kinds import Elementwise
from mapsto.prims.layout import Layout
from mapsto.prims.window import Window

LARGEST_VALUE = 2**32  # bytes of any one array
LARGEST_MEMORY = 2**34  # bytes of all arrays that are needed at one time
MOST_WORK = 2**44  # multiplications, additions, elements moved: some minutes on one core
MOST_CODE = 10_000  # some seconds of compiling: one stands for about half a millisecond
MOST_AXES = 63  # NumPy has 64, and one is for the batch
# How many additions have as much code as one of these, found out with chains of 40 lines each. What is not here counts
# as one if it is done element by element or only moves elements, and otherwise as a loop of its own.
LOOP = 10
CODE = {
    **dict.fromkeys(("exp", "expm1", "tanh", "sigmoid", "acos", "asin", "sinh", "cosh", "hypot"), 4),
    **dict.fromkeys(("log", "log2", "log10", "log1p", "atan", "atan2", "asinh", "acosh", "atanh"), 8),
    "erf": 10,
    **dict.fromkeys(("pow", "erf_inv", "remainder", "floor_divide", "arg_max", "arg_min"), 25),
    **dict.fromkeys(("sin", "cos", "tan"), 50),
}


def check_work(graph: Graph) -> None:
    """Refuse a graph that would take absurd amounts of memory or time. Raises Refusal."""
    code = sum(map(code_of, graph.nodes))
    if code > MOST_CODE:
        raise too_large(f"the graph would take as much code as {code} additions", f"{MOST_CODE}")
    for var in (*graph.inputs, *(var for node in graph.nodes for var in node.outputs)):
        if var.spec.rank > MOST_AXES:
            raise too_large(f"an array of {var.spec.rank} axes", f"{MOST_AXES}")
    last: dict[Var, int] = {var: i for i, node in enumerate(graph.nodes) for var in node.inputs}
    last.update(dict.fromkeys(graph.outputs, len(graph.nodes)))
    done = held = 0
    for i, node in enumerate(graph.nodes):
        for var in node.outputs:
            if size_of(var.spec) > LARGEST_VALUE:
                raise too_large(f"{node.primitive.name} would make {var.spec}", f"{LARGEST_VALUE} bytes")
            held += size_of(var.spec)
        done += work_of(node)
        if held > LARGEST_MEMORY:
            raise too_large(f"the graph would hold {held} bytes at one time", f"{LARGEST_MEMORY}")
        if done > MOST_WORK:
            name = node.primitive.name
            raise too_large(f"the graph would take {done} steps for one example, up to its {name}", f"{MOST_WORK}")
        free = {var for var in (*node.inputs, *node.outputs) if last.get(var, i) == i}
        held -= sum(size_of(var.spec) for var in free if var not in graph.inputs)


def size_of(spec: Spec) -> int:
    """Bytes of an array; one that is empty counts as one element."""
    return max(1, spec.size) * spec.dtype.itemsize


def work_of(node: Node) -> int:
    """How many steps a node takes: its arithmetic, or the elements that it reads and writes if those are more.

    A window goes over its extent for every element, whatever its arithmetic is.
    """
    inputs, outputs = [var.spec for var in node.inputs], [var.spec for var in node.outputs]
    elements = sum(max(1, spec.size) for spec in (*inputs, *outputs))
    window = node.primitive.size if isinstance(node.primitive, Window) else ()
    return max(node.primitive.flops(inputs, outputs), elements * math.prod(map(abs, window)))


def code_of(node: Node) -> int:
    """How much code a node takes, in additions; a hostile file has few bytes and much to compile."""
    small = isinstance(node.primitive, Elementwise | Layout)
    code = CODE.get(node.primitive.name, 1 if small else LOOP)
    wide = any(var.spec.dtype == FLOAT64 for var in (*node.inputs, *node.outputs))
    return max(code * (2 if wide else 1), len(node.inputs))
