"""Mapping a graph over a leading axis of some of its inputs: graph ↦ graph."""

from __future__ import annotations

from collections.abc import Sequence

from mapsto.core.spec import Spec
from mapsto.ir.graph import Builder, Graph, Var, building, live_nodes
from mapsto.prims.elementwise import widen


def batch_graph(graph: Graph, batched: Sequence[bool], extent: int, wide: Sequence[bool] | None = None) -> Graph:
    """`inputs ↦ outputs` becomes the same over a new leading axis of the inputs marked in `batched`.

    Every output has the axis, or, of those that `wide` does not mark, whichever must. What does not depend on a marked
    input is computed once.
    """
    builder = Builder()
    names: dict[Var, Var] = {}  # original variable ↦ its batched form
    inputs: list[Var] = []
    for var, has in zip(graph.inputs, batched, strict=True):
        if has:
            names[var] = Var(Spec(var.spec.dtype, (extent, *var.spec.shape), var.spec.weak))
        inputs.append(names.get(var, var))
    for node in live_nodes(graph):
        flags = [var in names for var in node.inputs]
        if not any(flags):
            builder.append(node)
            continue
        with building(builder, node.path, node.line):
            made, has = node.primitive.batch(extent, flags, [names.get(var, var) for var in node.inputs])
            for old, new in zip(node.outputs, made, strict=True):
                names[old] = new if has else widen(extent, new)
    with building(builder):
        outputs = tuple(
            names[var] if var in names else widen(extent, var) if wide is None or wide[i] else var
            for i, var in enumerate(graph.outputs)
        )
    guards = tuple((name, names.get(var, var)) for name, var in graph.guards)
    return Graph(tuple(inputs), tuple(builder.nodes), outputs, guards)
