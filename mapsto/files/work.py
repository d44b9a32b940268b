"""What a graph would ask of the machine for one example: steps of work, and memory at one time. Both have limits."""

from __future__ import annotations

import math

from mapsto.core.spec import Spec
from mapsto.files.container import too_large
from mapsto.ir.graph import Graph, Node, Var
from mapsto.prims.window import Window

LARGEST_VALUE = 2**32  # bytes of any one array
LARGEST_MEMORY = 2**34  # bytes of all arrays that are needed at one time
MOST_WORK = 2**44  # multiplications, additions, elements moved: some minutes on one core


def check_work(graph: Graph) -> None:
    """Refuse a graph that would take absurd amounts of memory or time. Raises Refusal."""
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
