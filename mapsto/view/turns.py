"""The work of a graph node by node, what runs in loops as often as it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mapsto.ir.body import Body
from mapsto.ir.graph import Graph, Node
from mapsto.ir.primitive import Primitive
from mapsto.transform.branch import Branch
from mapsto.transform.own_rule import OwnRule
from mapsto.transform.scan import Scan


def worked(graph: Graph, turns: int = 1) -> Iterator[tuple[Node, int]]:
    """A graph ↦ its nodes that have no bodies, those within bodies too, and how often each runs.

    Of branches it is the one with most operations on floats; a `while` counts for one turn, for how many it will take
    is not known.

    >>> import mapsto as mt
    >>> graph = mt.graph(lambda x: mt.fori(0, 10, lambda i, y: mt.xp.sin(y), x))(mt.xp.ones(())).graph
    >>> [(node.primitive.name, turns) for node, turns in worked(graph) if node.flops]
    [('sin', 10)]
    """
    for node in graph.nodes:
        if not node.primitive.inner():
            yield node, turns
        for body, times in running(node.primitive):
            yield from worked(body.graph, turns * times)


def running(primitive: Primitive) -> Sequence[tuple[Body, int]]:
    """The bodies that run when a primitive is applied, and how often."""
    match primitive:
        case Scan(body, length):
            return [(body, length)]
        case Branch(bodies):
            return [(max(bodies, key=lambda body: body.flops), 1)]
        case OwnRule(body):
            return [(body, 1)]
        case _:
            return [(body, 1) for body in primitive.inner()]
