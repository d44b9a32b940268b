"""A net ↦ its graph, in which the arrays that it holds are inputs: what a file is made of, and what its check reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mapsto.array.array import Array
from mapsto.array.convert import asarray, strong
from mapsto.array.trace import tracing
from mapsto.compose.declare import Declared
from mapsto.compose.frame import CallFrame, calling
from mapsto.compose.mapping import Mapping
from mapsto.core.spec import Spec
from mapsto.core.tree import flatten, rebuild
from mapsto.ir.graph import Graph


@dataclass(frozen=True)
class Recorded:
    """A graph of x, of the leaves of a net, by their numbers, and of other arrays that it closed over."""

    graph: Graph
    leaves: list[tuple[int, Array]]
    hidden: list[Array]

    @property
    def arrays(self) -> list[Array]:
        """What the graph takes besides x, in order."""
        return [*(array for _, array in self.leaves), *self.hidden]


def recorded(mapping: Mapping, frame: CallFrame, spec: Spec, way: Callable[[Mapping, Array], Array]) -> Recorded:
    """The graph of x ↦ `way(mapping, x)`, for an x of this spec; mappings are called through `frame`.

    The leaves are inputs from the start, or what is done to them before they meet x would be done now, and a bias be
    stored as large as what it is added to. Raises what the mapping raises.
    """
    leaves, structure = flatten(mapping)
    with tracing(keeps_values=False) as trace:
        x = trace.input(spec, None)
        held: dict[int, tuple[int, Array]] = {}  # by identity: what is shared is one input
        for number, leaf in enumerate(leaves):
            if not isinstance(leaf.value, Declared):
                held.setdefault(id(leaf.value), (number, asarray(leaf.value)))
        inputs = {one: trace.input(array.spec, None) for one, (_, array) in held.items()}
        values = [inputs.get(id(leaf.value), leaf.value) for leaf in leaves]
        with calling(frame):
            y = strong(way(rebuild(structure, values), x))
        output = trace.var_of(y)
    graph = trace.graph([x.variable, *(one.variable for one in inputs.values())], [output])
    return Recorded(graph, list(held.values()), trace.captured)
