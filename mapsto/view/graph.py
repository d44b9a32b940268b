"""The graph of a function as text."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mapsto.compiler.compile import Compiled
from mapsto.compose.declare import Declared
from mapsto.compose.edge import at_the_edge
from mapsto.compose.mapping import Mapping
from mapsto.core.errors import StateError, UsageError
from mapsto.core.tree import flatten
from mapsto.ir.graph import Graph
from mapsto.ir.show import show


@dataclass(frozen=True)
class GraphView:
    """A graph whose text is for reading: one line for every step, with the mapping and the line it came from."""

    graph: Graph

    def __str__(self) -> str:
        return show(self.graph, origins=True)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def graph(function: Callable[..., Any]) -> Callable[..., GraphView]:
    """f ↦ (examples ↦ the graph that f runs on arrays like these), for any f on trees of arrays; mappings too.

    Only the examples' structure, types and shapes matter. The graph is the simplified one that `mt.compile` runs. Its
    inputs are the leaves of the examples in order; those of a mapping are its parameters first; last come the arrays
    that f closes over. `print(mt.graph(mt.grad(f))(w, x))` shows the derivative.

    Raises UsageError if f is no function, StateError if a mapping has no parameters yet, and whatever tracing f raises:
    TraceError for an `if` on an array's number.

    >>> from mapsto import xp
    >>> print(graph(lambda x: xp.exp(-x))(xp.ones(3)))  # doctest: +ELLIPSIS
    graph(a: f32[3]):
      b: f32[3] = neg(a)   # ...
      c: f32[3] = exp(b)   # ...
      return c
    """
    if isinstance(function, Mapping):
        return lambda *examples: GraphView(graph_of_mapping(function, examples))
    if not callable(function):
        raise UsageError("USE-01", problem=f"mt.graph takes a function, not {type(function).__name__}")
    compiled = Compiled(function, (), ())
    return lambda *examples, **named: GraphView(compiled.graph_for(*examples, **named))


def graph_of_mapping(mapping: Mapping, examples: tuple[Any, ...]) -> Graph:
    """The graph of a mapping that is an argument itself: its parameters are inputs, equal activations have paths."""
    if any(isinstance(leaf.value, Declared) for leaf in flatten(mapping)[0]):
        raise StateError("MAP-02", fix="call net = net.init(mt.key(0), example) first, or use learner.net")
    compiled = Compiled(lambda mapping, inputs: mapping(*inputs), (), ())
    return compiled.graph_for(mapping, at_the_edge(mapping, examples))
