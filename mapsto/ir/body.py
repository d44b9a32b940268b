"""A graph as an attribute of a primitive: what a loop does in every turn, a branch, a block that is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np

from mapsto.core.spec import Spec
from mapsto.ir.graph import Graph, Node, Var, any_refuses, run
from mapsto.ir.primitive import Primitive, attributes

T = TypeVar("T")


class Body:
    """A graph without guards; equal to another that has the same nodes, whatever its variables are.

    `path` is where it was traced, if it may be moved to where another mapping does the same.
    """

    def __init__(self, graph: Graph, path: str = "") -> None:
        if graph.guards:
            raise ValueError("a body hands out what it guards, and has no guards of its own")
        self.graph = graph
        self.path = path
        self.shared: dict[Any, Any] = {}  # what was made of it, and of those that it was moved to

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

    def moved(self, path: str) -> Body:
        """The same, with the same variables, as if it had been traced at another path."""
        return self if path == self.path else self.renamed(self.path, path)

    def renamed(self, old: str, new: str) -> Body:
        """The same with paths that begin with `new` where they began with `old`."""
        nodes = tuple(renamed(node, old, new) for node in self.graph.nodes)
        made = Body(Graph(self.graph.inputs, nodes, self.graph.outputs), moved(self.path, old, new))
        vars(made).update(key=self.key, _hash=self._hash, shared=self.shared)
        return made

    def once(self, what: Any, make: Callable[[Body], T]) -> T:
        """What `make` makes of a body, made once for all that were moved from one another; `what` says what it is."""
        if what not in self.shared:
            self.shared[what] = make(self)
        return self.shared[what]

    def into(self, what: Any, make: Callable[[Body], Body]) -> Body:
        """The same for another body that is made of it, which is moved as this one was."""
        return self.once(what, make).moved(self.path)

    def handing(self, outputs: tuple[Var, ...]) -> Body:
        """The same with other results."""

        def make(body: Body) -> Body:
            return Body(Graph(body.graph.inputs, body.graph.nodes, outputs), body.path)

        return self.into(("handing", outputs), make)

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


def moved(path: str, old: str, new: str) -> str:
    """A path ↦ the one that begins with `new` if it began with `old`."""
    return new + path[len(old) :] if path == old or path.startswith(f"{old}.") else path


def renamed(node: Node, old: str, new: str) -> Node:
    primitive = node.primitive
    if primitive.inner():
        primitive = with_bodies(primitive, [body.renamed(old, new) for body in primitive.inner()])
    return Node(primitive, node.inputs, node.outputs, moved(node.path, old, new), node.line)


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
