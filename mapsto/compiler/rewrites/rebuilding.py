"""A graph made anew node by node, by a rule that may put something else in the place of a node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mapsto.ir.graph import Builder, Graph, Node, Var, bind, building, live_nodes
from mapsto.ir.primitive import Primitive
from mapsto.prims.layout import Transpose


class Rebuilding:
    """Goes through the nodes of a graph; a rule states `instead`. Nodes that nobody needs in the end are left out.

    `made_by` knows what made a variable of the new graph, `uses` how often the variable that it stands for was used.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.builder = Builder()
        self.made_by: dict[Var, Node] = {}
        self.noted = 0  # nodes whose variables `made_by` knows
        self.changed = False
        self.names: dict[Var, Var] = {var: var for var in graph.inputs}
        self.nodes = live_nodes(graph)
        self.used = Counter((*(var for node in self.nodes for var in node.inputs), *graph.results))
        self.uses: Counter[Var] = Counter()

    def instead(self, node: Node, inputs: tuple[Var, ...]) -> Var | None:
        """What to put in the place of a node's only result, given its inputs now; None to leave it as it is."""
        raise NotImplementedError

    def kept(self, primitive: Primitive, inputs: tuple[Var, ...], outputs: tuple[Var, ...]) -> None:
        """A primitive is left as it is; these are its inputs and outputs now."""

    def rebuilt(self) -> Graph:
        """The new graph; the one that was given, if the rule has found nothing."""
        for node in self.nodes:
            inputs = tuple(self.names[var] for var in node.inputs)
            with building(self.builder, node.path, node.line):
                found = self.instead(node, inputs) if len(node.outputs) == 1 else None
                outputs = self.plain(node, inputs) if found is None else (found,)
                self.note_makers()
                self.changed |= found is not None
                if found is None:
                    self.kept(node.primitive, inputs, outputs)
            for old, new in zip(node.outputs, outputs, strict=True):
                self.names[old] = new
                self.uses[new] += self.used[old]
        if not self.changed:
            return self.graph
        return self.graph.remade(self.builder.nodes, self.names).alive()

    def plain(self, node: Node, inputs: tuple[Var, ...]) -> tuple[Var, ...]:
        """A node as it is, of its inputs now."""
        return self.builder.add(node.primitive, inputs, node.path, node.line)

    def note_makers(self) -> None:
        for node in self.builder.nodes[self.noted :]:
            self.made_by.update(dict.fromkeys(node.outputs, node))
        self.noted = len(self.builder.nodes)


def transposed(var: Var, order: Sequence[int]) -> Var:
    """A variable with its axes in another order; itself, if that is the one it has."""
    return var if list(order) == list(range(len(order))) else bind(Transpose(tuple(order)), var)
