"""A graph as text that a person reads; `ir.parse` is the way back.

    graph(a: f32[3,4], b: f32[4,2]):
      c: f32[3,2] = contract(a, b; x="ik", y="kj", out="ij")   # net.dense_1 model.py:31
      return c

Attributes are JSON; a primitive of another version than 1 is written `name.2`. An attribute that is a body stands
below, as a graph with a name: `scan(c, x; body=graph_1, length=10, …)`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, cast

from mapsto.ir.body import Body
from mapsto.ir.graph import Graph, Var
from mapsto.ir.primitive import attributes


def variable_names() -> Iterator[str]:
    """a, b, … z, a1, b1, …"""
    for turn in count():
        for letter in "abcdefghijklmnopqrstuvwxyz":
            yield letter + (str(turn) if turn else "")


def show(graph: Graph, origins: bool = False) -> str:
    """A graph ↦ its text; with `origins`, each line ends with the mapping's path and the user's line."""
    named = {body: f"graph_{number}" for number, body in enumerate(bodies_of(graph), 1)}
    lines = shown(graph, "graph", named, origins)
    for body, name in named.items():
        lines += shown(body.graph, name, named, origins)
    return "\n".join(lines)


def bodies_of(graph: Graph) -> list[Body]:
    """The bodies in a graph, those within bodies too, each before those within it."""
    found: dict[Body, None] = {}

    def visit(one: Graph) -> None:
        for body in dict.fromkeys(body for node in one.nodes for body in node.primitive.inner()):
            if body not in found:
                visit(body.graph)
                found[body] = None

    visit(graph)
    return list(found)[::-1]


def shown(graph: Graph, title: str, bodies: Mapping[Body, str], origins: bool) -> list[str]:
    """The lines of one graph."""
    fresh = variable_names()
    names: dict[Var, str] = {}

    def declared(var: Var) -> str:
        names.setdefault(var, next(fresh))
        return f"{names[var]}: {var.spec}"

    lines = [f"{title}({', '.join(map(declared, graph.inputs))}):"]
    for node in graph.nodes:
        arguments = ", ".join(names[var] for var in node.inputs)
        settings = ", ".join(f"{key}={written(value, bodies)}" for key, value in attributes(node.primitive).items())
        version = f".{node.primitive.version}" if node.primitive.version != 1 else ""
        left = ", ".join(map(declared, node.outputs))
        text = f"  {left} = {node.primitive.name}{version}({'; '.join(filter(None, (arguments, settings)))})"
        if origins and (node.path or node.line):
            text += "   # " + " ".join(filter(None, (node.path, node.line)))
        lines.append(text)
    for name, var in graph.guards:
        lines.append(f"  guard {json.dumps(name)} {names[var]}")
    return [*lines, f"  return {', '.join(names[var] for var in graph.outputs)}"]


def written(value: Any, bodies: Mapping[Body, str]) -> str:
    """An attribute: JSON, or the names of bodies."""
    if isinstance(value, Body):
        return bodies[value]
    if isinstance(value, tuple) and any(isinstance(one, Body) for one in cast("tuple[Any, ...]", value)):
        return f"[{', '.join(written(one, bodies) for one in cast('tuple[Any, ...]', value))}]"
    return json.dumps(value)
