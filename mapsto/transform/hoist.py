"""Loop-invariant code motion: what is the same in every turn of a loop is made once, before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mapsto.ir.body import Body
from mapsto.ir.graph import Graph, Var
from mapsto.prims.layout import Broadcast
from mapsto.transform.loop import While
from mapsto.transform.scan import Scan


@dataclass(frozen=True)
class Hoisted:
    """`before` maps the constants of a loop to more constants, which `loop` takes after those that it had."""

    before: Graph
    loop: Scan | While


def hoisted(loop: Scan | While) -> Hoisted | None:
    """A loop ↦ the loop without what its constants alone determine; None if that is nothing.

    What refuses some numbers stays in a loop that may have no turn.
    """
    count, body = loop.constants, loop.body.graph
    made = invariants(body, count, isinstance(loop, Scan) and loop.length > 0)
    if not made:
        return None
    before = Graph(body.inputs[:count], body.nodes, tuple(made)).alive()
    rest = Body(taking(body, count, made))
    if isinstance(loop, Scan):
        return Hoisted(before, Scan(rest, loop.length, count + len(made), loop.carries, loop.reverse))
    condition = taking(loop.condition.graph, count, [Var(var.spec) for var in made])
    return Hoisted(before, While(Body(condition), rest, count + len(made)))


def taking(graph: Graph, count: int, made: Sequence[Var]) -> Graph:
    """A body that takes what it made, after its first inputs."""
    inputs = (*graph.inputs[:count], *made, *graph.inputs[count:])
    nodes = tuple(node for node in graph.nodes if not any(var in made for var in node.outputs))
    return Graph(inputs, nodes, graph.outputs).alive()


def invariants(graph: Graph, constants: int, always: bool = True) -> list[Var]:
    """What a body makes of its first inputs alone and uses in what it makes of others.

    If it does not `always` run, only what refuses no numbers. A broadcast stays in the loop: the smaller array is less
    to read.
    """
    given = set(graph.inputs[:constants])
    made_by = {var: node for node in graph.nodes for var in node.outputs}
    fixed, free = set(given), set[Var]()  # of constants, and of nothing at all
    for node in graph.nodes:
        if not always and node.primitive.refuses([var.spec for var in node.inputs]):
            continue
        if all(var in free for var in node.inputs):
            free.update(node.outputs)
        elif all(var in fixed or var in free for var in node.inputs):
            fixed.update(node.outputs)
    asked: dict[Var, None] = {}
    varied = (node for node in graph.nodes if node.outputs[0] not in fixed)
    for var in (*(var for node in varied for var in node.inputs), *graph.outputs):
        while var in made_by and isinstance(made_by[var].primitive, Broadcast):
            var = made_by[var].inputs[0]
        if var in fixed and var not in given:
            asked[var] = None
    return list(asked)
