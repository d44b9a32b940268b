"""The sum of all that is added to the rows of a table is the sum of the rows, which are fewer: Σ G = Σ put_add(i, G).

So the gradient of a bias behind a product with gathered rows needs no pass of its own over all entries.
"""

from __future__ import annotations

from mapsto.compiler.rewrites.gathers import has_few_rows
from mapsto.ir.graph import Graph, Node, Var
from mapsto.prims.index import PutAdd
from mapsto.prims.reduce import Sum
from mapsto.transform.merge import in_order


def sums_by_rows(graph: Graph) -> Graph:
    """A graph ↦ the same with sums over all entries of an index made from the sums by rows, where these are there."""
    added = {node.inputs[0]: node for node in graph.nodes if isinstance(node.primitive, PutAdd) and has_few_rows(node)}
    if not added:
        return graph
    known = set(graph.inputs)  # so nothing that is asked of the index depends on the sum
    nodes: list[Node] = []
    for node in graph.nodes:
        by_rows = added.get(node.inputs[0]) if isinstance(node.primitive, Sum) else None
        nodes.append(node if by_rows is None else shorter(node, by_rows, known))
        known.update(node.outputs)
    return graph.remade(in_order(nodes), {})


def shorter(node: Node, by_rows: Node, known: set[Var]) -> Node:
    """A sum ↦ that of the rows, if it is over all axes of an index that is known by then."""
    index = by_rows.inputs[1]
    if node.primitive != Sum(tuple(range(index.spec.rank))) or index not in known:
        return node
    return Node(Sum((0,)), by_rows.outputs, node.outputs, node.path, node.line)
