"""The graph of a function as text."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mapsto.compiler.compile import Compiled
from mapsto.compose.mapping import Mapping
from mapsto.core.errors import UsageError
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

    Raises UsageError if f is no function, and whatever tracing f raises: TraceError for an `if` on an array's number.

    >>> from mapsto import grad, xp
    >>> print(str(graph(grad(lambda x: xp.sum(x * x)))(xp.ones(3))).replace("   # <doctest", " #").split(" #")[0])
    graph(a: f32[3]):
    """
    if isinstance(function, Mapping):
        # As an argument, so that its parameters are inputs and equal activations are told apart by path.
        call = Compiled(lambda mapping, inputs: mapping(*inputs), (), ())
        return lambda *examples: GraphView(call.graph_for(function, examples))
    if not callable(function):
        raise UsageError("USE-01", problem=f"mt.graph takes a function, not {type(function).__name__}")
    compiled = Compiled(function, (), ())
    return lambda *examples, **named: GraphView(compiled.graph_for(*examples, **named))
