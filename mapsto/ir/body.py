"""A graph as an attribute of a primitive: what a loop does in every turn, a branch, a block that is called."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, cast

import numpy as np

from mapsto.core.spec import Spec
from mapsto.ir.graph import Graph, Var, any_refuses, run
from mapsto.ir.primitive import Primitive, attributes


class Body:
    """A graph without guards; equal to another that has the same nodes, whatever its variables are."""

    def __init__(self, graph: Graph) -> None:
        if graph.guards:
            raise ValueError("a body hands out what it guards, and has no guards of its own")
        self.graph = graph

    @property
    def inputs(self) -> tuple[Spec, ...]:
        return tuple(var.spec for var in self.graph.inputs)

    @property
    def outputs(self) -> tuple[Spec, ...]:
        return tuple(var.spec for var in self.graph.outputs)

    @cached_property
    def key(self) -> Any:
        """Specs of the inputs, what is applied to which, and what is handed out; variables by number."""
        numbers: dict[Var, int] = {}
        for var in (*self.graph.inputs, *(var for node in self.graph.nodes for var in node.outputs)):
            numbers[var] = len(numbers)
        nodes = tuple((node.primitive, *(numbers[var] for var in node.inputs)) for node in self.graph.nodes)
        return self.inputs, nodes, tuple(numbers[var] for var in self.graph.outputs)

    def __call__(self, *values: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
        """NumPy arrays ↦ NumPy arrays, by the reference rules."""
        return run(self.graph, values)

    @cached_property
    def refuses(self) -> bool:
        """Whether there are numbers for which it raises an error, or does not end."""
        return any_refuses(self.graph)

    @cached_property
    def flops(self) -> int:
        """Arithmetic operations on floats, of one call."""
        return sum(node.flops for node in self.graph.nodes)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Body) and self.key == other.key)

    def __hash__(self) -> int:
        return hash(self._hash)

    @cached_property
    def _hash(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        arrows = (", ".join(map(str, side)) for side in (self.inputs, self.outputs))
        return f"Body({' ↦ '.join(arrows)}, {len(self.graph.nodes)} nodes)"

    def __reduce__(self) -> tuple[Any, ...]:
        return Body, (self.graph,)


def with_bodies(primitive: Primitive, bodies: Sequence[Body]) -> Primitive:
    """A primitive ↦ the same with other bodies, in the order of `inner`."""
    remaining = iter(bodies)

    def changed(value: Any) -> Any:
        if isinstance(value, Body):
            return next(remaining)
        if isinstance(value, tuple):
            return tuple(map(changed, cast("tuple[Any, ...]", value)))
        return value

    return type(primitive)(*map(changed, attributes(primitive).values()))
