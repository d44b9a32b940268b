"""The graph of a function: as Python source that a person follows and runs, and as text that is read back."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mapsto.array.array import Array
from mapsto.compiler.compile import Compiled
from mapsto.compose.declare import Declared
from mapsto.compose.edge import at_the_edge
from mapsto.compose.mapping import Mapping
from mapsto.core.errors import StateError, UsageError
from mapsto.core.tree import flatten, join
from mapsto.ir.graph import Graph
from mapsto.ir.show import show
from mapsto.view.source import source


@dataclass(frozen=True)
class GraphView:
    """A graph for reading. `str` is Python source in the functions of `xp`, which runs to the same bits.

    `names` are those of the inputs; the last of them take `captured`, the arrays that the function closes over. `text`
    has one line for every node, with its attributes, the mapping and the line it came from; `mapsto.ir.show.parse`
    reads it back.
    """

    graph: Graph
    name: str
    names: tuple[str, ...]
    captured: tuple[Array, ...] = ()

    @property
    def text(self) -> str:
        return show(self.graph, origins=True)

    def __str__(self) -> str:
        return source(self.graph, self.name, self.names)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def graph(function: Callable[..., Any]) -> Callable[..., GraphView]:
    """f ↦ (examples ↦ the graph that f runs on arrays like these), for any f on trees of arrays; mappings too.

    Only the examples' structure, types and shapes matter. The graph is the simplified one that `mt.compile` runs. Its
    inputs are the leaves of the examples in order; those of a mapping are its parameters first; last come the arrays
    that f closes over. `print(mt.graph(mt.grad(f))(w, x))` shows the derivative as source that runs.

    Raises UsageError if f is no function, StateError if a mapping has no parameters yet, and whatever tracing f raises:
    TraceError for an `if` on an array's number.

    >>> from mapsto import grad, xp
    >>> print(graph(grad(lambda w, x: xp.mean((x @ w) ** 2)))(xp.ones(3), xp.ones((4, 3))))
    from mapsto import xp
    <BLANKLINE>
    def f(w, x):
        # f32[3], f32[4,3] ↦ f32[3]
        return xp.einsum("ik,i->k", x, 0.25 * (2.0 * (x @ w)))
    """
    if isinstance(function, Mapping):
        return lambda *examples: graph_of_mapping(function, examples)
    if not callable(function):
        raise UsageError("ARG-03", function="mt.graph", found=type(function).__name__)
    compiled = function if isinstance(function, Compiled) else Compiled(function, (), ())
    return lambda *examples, **named: graph_of(compiled, examples, named)


def graph_of(compiled: Compiled, examples: tuple[Any, ...], named: dict[str, Any]) -> GraphView:
    """The graph of a call, with its arguments' names; `w`, `net.dense_1.weight`, and `captured` for the hidden ones."""
    program = compiled.prepare(examples, named)[1]
    arguments = compiled.signature.bind(*examples, **named).arguments
    names = [
        join(name, leaf.path) if leaf.path else name
        for name, value in arguments.items()
        if name not in compiled.static
        for leaf in flatten(value)[0]
    ]
    hidden = ["captured"] * len(program.captured)
    return GraphView(program.graph, compiled.name, (*names, *hidden), tuple(program.captured))


def graph_of_mapping(mapping: Mapping, examples: tuple[Any, ...]) -> GraphView:
    """The graph of a mapping that is an argument itself: its parameters are inputs, equal activations have paths."""
    if any(isinstance(leaf.value, Declared) for leaf in flatten(mapping)[0]):
        raise StateError("MAP-02", fix="call net = net.init(mt.key(0), example) first, or use learner.net")

    def call(net: Any, x: Any) -> Any:
        return net(*x)

    inputs = at_the_edge(mapping, examples)
    view = graph_of(Compiled(call, (), ()), (mapping, inputs), {})
    single = tuple(name.replace("x.0", "x") for name in view.names) if len(inputs) == 1 else view.names
    return GraphView(view.graph, mapping.label, tuple(name.removeprefix("net.") for name in single), view.captured)
