"""Forward and reverse mode as transforms of graphs: graph ↦ graph of its derivative.

Both keep the original nodes as they are and add new ones, so a derivative is a graph like any other: it can be
printed, simplified, batched, and derived again.
"""

from __future__ import annotations

from collections.abc import Sequence

from mapsto.core.spec import is_float
from mapsto.ir.graph import Builder, Graph, Node, Var, building, live_nodes
from mapsto.prims.elementwise import add, constant_like


def forward(graph: Graph, wrt: Sequence[int]) -> Graph:
    """`(inputs) ↦ outputs` becomes `(inputs, tangents of wrt) ↦ (outputs, tangents of the float outputs)`."""
    builder = Builder()
    tangents: dict[Var, Var | None] = {graph.inputs[i]: Var(graph.inputs[i].spec) for i in wrt}
    seeds = [tangents[graph.inputs[i]] for i in wrt]
    for node in live_nodes(graph):
        builder.append(node)
        given = [tangents.get(var) for var in node.inputs]
        if all(t is None for t in given):
            continue
        with building(builder, node.path, node.line):
            made = node.primitive.jvp(node.outputs, node.inputs, given)
        tangents.update(zip(node.outputs, made, strict=True))
    with building(builder):
        results = [written(tangents.get(var), var) for var in graph.outputs if is_float(var.spec.dtype)]
    inputs = (*graph.inputs, *(seed for seed in seeds if seed is not None))
    return Graph(inputs, tuple(builder.nodes), (*graph.outputs, *results), graph.guards)


def backward(graph: Graph, wrt: Sequence[int]) -> Graph:
    """`(inputs) ↦ outputs` becomes `(inputs, cotangents of the float outputs) ↦ cotangents of wrt`."""
    builder = Builder()
    nodes = live_nodes(graph)
    for node in nodes:
        builder.append(node)
    seeds = [Var(var.spec) for var in graph.outputs if is_float(var.spec.dtype)]
    cotangents: dict[Var, Var | None] = {}
    with building(builder):
        for var, seed in zip((v for v in graph.outputs if is_float(v.spec.dtype)), seeds, strict=True):
            accumulate(cotangents, var, seed)
    leading = varying(nodes, [graph.inputs[i] for i in wrt])
    for node in reversed(nodes):
        given = [cotangents.pop(var, None) for var in node.outputs]
        if all(g is None for g in given) or not any(var in leading for var in node.inputs):
            continue
        with building(builder, node.path, node.line):
            made = node.primitive.vjp(node.outputs, node.inputs, given)
            for var, g in zip(node.inputs, made, strict=True):
                if var in leading:
                    accumulate(cotangents, var, g)
    with building(builder):
        results = tuple(written(cotangents.get(graph.inputs[i]), graph.inputs[i]) for i in wrt)
    return Graph((*graph.inputs, *seeds), tuple(builder.nodes), results)


def varying(nodes: Sequence[Node], inputs: Sequence[Var]) -> set[Var]:
    """The variables that depend on some of the inputs; nothing else needs a cotangent."""
    found = set(inputs)
    for node in nodes:
        if any(var in found for var in node.inputs):
            found.update(node.outputs)
    return found


def accumulate(cotangents: dict[Var, Var | None], var: Var, g: Var | None) -> None:
    """Add `g` to what has reached `var` so far."""
    if g is not None:
        before = cotangents.get(var)
        cotangents[var] = g if before is None else add(before, g)


def written(derivative: Var | None, like: Var) -> Var:
    """A derivative, or the zeros that it stands for."""
    return constant_like(like, 0.0) if derivative is None else derivative
