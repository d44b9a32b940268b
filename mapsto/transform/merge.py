"""Loops and calls whose results another one makes as well, of the same inputs, are left out.

The derivative of a loop asks for a loop that hands out more than the first did, and forward mode for one that carries
more. Both do all that the first does; the first is left out, and its results are taken from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mapsto.ir.body import with_bodies
from mapsto.ir.graph import Graph, Node, Var
from mapsto.ir.primitive import Primitive
from mapsto.transform.block import Call
from mapsto.transform.scan import Scan

Looping = Scan | Call


def merged(graph: Graph) -> Graph:
    """A graph ↦ the same results, without loops and calls that others make superfluous."""
    while True:
        merging = Merging(graph)
        if not merging.left_out:
            return graph
        graph = merging.rest()


class Merging:
    """One search through a graph. A node that has part in one merger waits for the next search with others."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.left_out: set[Node] = set()
        self.joined: dict[Node, Node] = {}  # a large loop ↦ the same, which hands out more
        self.same: dict[Var, Var] = {}  # what is left out makes ↦ what that is the same as
        looping = [node for node in graph.nodes if isinstance(node.primitive, Looping)]
        if len(looping) < 2:
            return
        self.maker = {var: node for node in graph.nodes for var in node.outputs}
        readers: dict[Var, list[Node]] = {}
        for node in looping:
            for var in dict.fromkeys(node.inputs):
                readers.setdefault(var, []).append(node)
        taken: set[Node] = set()
        for small in looping:
            for large in readers[small.inputs[0]] if small.inputs else looping:
                if small is large or small in taken or large in taken:
                    continue
                results = covered(small, large)
                if results is not None and not self.depends(large, small):
                    self.leave_out(small, large, results)
                    taken.update((small, large))

    def depends(self, node: Node, other: Node) -> bool:
        """Whether a node needs what another one makes."""
        waiting, met = [node], {node}
        while waiting:
            for var in waiting.pop().inputs:
                maker = self.maker.get(last(var, self.same))
                if maker is other:
                    return True
                if maker is not None and maker not in met:
                    met.add(maker)
                    waiting.append(maker)
        return False

    def leave_out(self, small: Node, large: Node, results: Sequence[Var]) -> None:
        """Leave out the small loop, whose results the large one hands out."""
        body = large.primitive.inner()[0]
        carries, first = carries_of(small.primitive), carries_of(large.primitive)
        self.same.update(zip(small.outputs[:carries], large.outputs, strict=False))
        rows = dict(zip(body.graph.outputs[first:], large.outputs[first:], strict=True))
        new: dict[Var, Var] = {}
        for var, inner in zip(small.outputs[carries:], results[carries:], strict=True):
            if inner in rows:
                self.same[var] = rows[inner]
            else:
                rows[inner] = new[inner] = var
        wider = with_bodies(large.primitive, [body.handing((*body.graph.outputs, *new))])
        self.left_out.add(small)
        self.joined[large] = Node(wider, large.inputs, (*large.outputs, *new.values()), large.path, large.line)
        self.maker.update(dict.fromkeys(new.values(), large))

    def rest(self) -> Graph:
        """The graph without what is left out."""
        graph, same = self.graph, self.same
        names = {var: last(var, same) for var in same}
        kept = [self.joined.get(node, node) for node in graph.nodes if node not in self.left_out]
        return graph.remade(in_order([replaced(node, names) for node in kept]), names)


def last(var: Var, same: Mapping[Var, Var]) -> Var:
    """What a variable is the same as, in the end."""
    while var in same:
        var = same[var]
    return var


def covered(small: Node, large: Node) -> list[Var] | None:
    """The results of a small loop ↦ the equal variables in a larger loop's body; None if one is missing.

    What goes into the small one comes first, in every part of what goes into the large one.
    """
    one, other = small.primitive, large.primitive
    if not alike(one, other):
        return None
    own, others = one.inner()[0].graph, other.inner()[0].graph
    names: dict[Var, Var] = {}
    for ours, theirs in zip(pairs(small), pairs(large), strict=True):
        if len(ours) > len(theirs) or any(a is not b for (a, _), (b, _) in zip(ours, theirs, strict=False)):
            return None
        names.update((mine, same) for (_, mine), (_, same) in zip(ours, theirs, strict=False))
    made = {(node.primitive, *node.inputs): node.outputs for node in others.nodes}
    for node in own.nodes:
        outputs = made.get((node.primitive, *(names[var] for var in node.inputs)))
        if outputs is None:
            return None
        names.update(zip(node.outputs, outputs, strict=True))
    results = [names[var] for var in own.outputs]
    carries = carries_of(one)
    return results if results[:carries] == list(others.outputs[:carries]) else None


def alike(one: Primitive, other: Primitive) -> bool:
    """Whether two primitives are loops of as many turns in one direction, or calls of one kind."""
    if isinstance(one, Scan) and isinstance(other, Scan):
        return (one.length, one.reverse) == (other.length, other.reverse)
    return isinstance(one, Call) and isinstance(other, Call) and one.again == other.again


def carries_of(primitive: Primitive) -> int:
    return primitive.carries if isinstance(primitive, Scan) else 0


def pairs(node: Node) -> list[list[tuple[Var, Var]]]:
    """Pairs (a node's input, its body's input): a loop's constants, carries and rows; a call's arguments."""
    both = list(zip(node.inputs, node.primitive.inner()[0].graph.inputs, strict=True))
    return list(node.primitive.parts(both)) if isinstance(node.primitive, Scan) else [both]


def replaced(node: Node, same: dict[Var, Var]) -> Node:
    if not any(var in same for var in node.inputs):
        return node
    inputs = tuple(same.get(var, var) for var in node.inputs)
    return Node(node.primitive, inputs, node.outputs, node.path, node.line)


def in_order(nodes: Sequence[Node]) -> list[Node]:
    """Nodes in an order in which everything is made before it is used; otherwise as they come."""
    made_by = {var: node for node in nodes for var in node.outputs}
    placed: dict[Node, None] = {}
    for node in nodes:
        waiting = [node]
        while waiting:
            one = waiting[-1]
            missing = [maker for var in one.inputs if (maker := made_by.get(var)) is not None and maker not in placed]
            if missing:
                waiting += missing
            else:
                placed[waiting.pop()] = None
    return list(placed)
