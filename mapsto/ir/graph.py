"""The graph: single-assignment variables typed by specs, nodes that apply a primitive, and the builder that makes them.

A builder interns: the same primitive on the same inputs is one node. Lines and paths stay outside the key.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mapsto.core.errors import MapstoError, TraceError
from mapsto.core.spec import Spec
from mapsto.ir.primitive import Primitive, Values, outputs_of


class Var:
    """A variable of a graph; two variables are the same only if they are the same object."""

    __slots__ = ("spec",)

    def __init__(self, spec: Spec) -> None:
        self.spec = spec

    def __repr__(self) -> str:
        return f"Var({self.spec})"


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One primitive applied: `outputs = primitive(inputs)`, with the mapping's path and the user's line."""

    primitive: Primitive
    inputs: tuple[Var, ...]
    outputs: tuple[Var, ...]
    path: str = ""
    line: str = ""

    @property
    def flops(self) -> int:
        """Arithmetic operations on floats."""
        return self.primitive.flops([x.spec for x in self.inputs], [y.spec for y in self.outputs])


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """`inputs ↦ outputs` through `nodes`, in an order in which every variable is made before it is used.

    `guards` are named variables that must be finite for the outputs to count (losses, gradients).
    """

    inputs: tuple[Var, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Var, ...]
    guards: tuple[tuple[str, Var], ...] = ()

    @property
    def results(self) -> tuple[Var, ...]:
        """Everything that must be computed: the outputs, then the guards."""
        return self.outputs + tuple(var for _, var in self.guards)

    def remade(self, nodes: Sequence[Node], names: Mapping[Var, Var]) -> Graph:
        """The same inputs and results by other nodes; `names` says what results are called there, if not the same."""
        outputs = tuple(names.get(var, var) for var in self.outputs)
        guards = tuple((name, names.get(var, var)) for name, var in self.guards)
        return Graph(self.inputs, tuple(nodes), outputs, guards)

    def alive(self) -> Graph:
        """The same without the nodes that no result depends on."""
        return Graph(self.inputs, tuple(live_nodes(self)), self.outputs, self.guards)


@dataclass(slots=True)
class Builder:
    """Collects nodes in order, merging equal ones."""

    nodes: list[Node] = field(default_factory=list[Node])
    interned: dict[Any, tuple[Var, ...]] = field(default_factory=dict[Any, tuple[Var, ...]])

    def add(self, primitive: Primitive, inputs: Sequence[Var], path: str = "", line: str = "") -> tuple[Var, ...]:
        """The variables of a primitive on these inputs, by a new node if there is none yet."""
        key = (primitive, *inputs)
        known = self.interned.get(key)
        return self.insert(key, path, line) if known is None else known

    def insert(self, key: tuple[Any, ...], path: str, line: str) -> tuple[Var, ...]:
        """A new node, of a primitive and inputs that are not there yet."""
        primitive, *inputs = key
        specs = primitive.type(*(var.spec for var in inputs))
        outputs = tuple(Var(spec) for spec in specs)
        self.interned[key] = outputs
        self.nodes.append(Node(primitive, tuple(inputs), outputs, path, line))
        return outputs

    def append(self, node: Node) -> None:
        """Take over a node of another graph as it is, variables and all."""
        self.interned.setdefault((node.primitive, *node.inputs), node.outputs)
        self.nodes.append(node)


class _Building(threading.local):
    def __init__(self) -> None:
        self.stack: list[tuple[Builder, str, str]] = []


_building = _Building()


@contextmanager
def building(builder: Builder, path: str = "", line: str = "") -> Generator[None, None, None]:
    """Within this block, `bind` adds to `builder`, and new nodes carry this path and line."""
    _building.stack.append((builder, path, line))
    try:
        yield
    finally:
        _building.stack.pop()


def bind_all(primitive: Primitive, *inputs: Var) -> tuple[Var, ...]:
    """Apply a primitive inside a rule: variables ↦ variables of the graph being built."""
    if not _building.stack:
        raise TraceError("TRACE-05", fix="use the functions of xp; rules of primitives are called by the transforms")
    builder, path, line = _building.stack[-1]
    return builder.add(primitive, inputs, path, line)


def bind(primitive: Primitive, *inputs: Var) -> Var:
    """`bind_all` for primitives with one output."""
    return bind_all(primitive, *inputs)[0]


def any_refuses(graph: Graph) -> bool:
    """Whether a node raises an error for some numbers, or does not end."""
    return any(node.primitive.refuses([var.spec for var in node.inputs]) for node in graph.nodes)


def live_nodes(graph: Graph) -> list[Node]:
    """The nodes that some result depends on, in order."""
    needed = set(graph.results)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if any(var in needed for var in node.outputs):
            needed.update(node.inputs)
            kept.append(node)
    return kept[::-1]


def evaluate(graph: Graph, inputs: Sequence[Any], apply: Callable[..., tuple[Any, ...]]) -> list[Any]:
    """Run a graph on any kind of values, given how one primitive is applied to them. Returns the results.

    Values are dropped after their last use.
    """
    nodes = live_nodes(graph)
    uses: dict[Var, int] = {}
    for var in (*(var for node in nodes for var in node.inputs), *graph.results):
        uses[var] = uses.get(var, 0) + 1
    values: dict[Var, Any] = dict(zip(graph.inputs, inputs, strict=True))
    for node in nodes:
        arguments = [values[var] for var in node.inputs]
        for var, value in zip(node.outputs, apply(node, *arguments), strict=True):
            if var in uses:
                values[var] = value
        for var in node.inputs:
            uses[var] -= 1
            if not uses[var]:
                values.pop(var, None)
    return [values[var] for var in graph.results]


def run(graph: Graph, inputs: Sequence[np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
    """Run a graph on NumPy arrays by the reference rules."""

    def apply(node: Node, *values: np.ndarray[Any, Any]) -> Values:
        try:
            return outputs_of(node.primitive, values)
        except MapstoError as error:
            error.place(node.path, node.line)
            raise

    return evaluate(graph, inputs, apply)


def given(graph: Graph, known: Set[Var]) -> Graph:
    """The same results from variables whose values are known already: they become inputs, in the order of use."""
    wanted = {*graph.inputs, *known}
    inputs: dict[Var, None] = dict.fromkeys(var for var in graph.inputs)
    made: set[Var] = set()
    kept: list[Node] = []
    for node in graph.nodes:
        if not all(var in wanted for var in node.outputs):
            kept.append(node)
            made.update(node.outputs)
    short = live_nodes(Graph(graph.inputs, tuple(kept), graph.outputs, graph.guards))
    for var in (*(var for node in short for var in node.inputs), *graph.results):
        if var not in made:
            inputs.setdefault(var)
    return Graph(tuple(inputs), tuple(short), graph.outputs, graph.guards)
