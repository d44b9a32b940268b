"""A graph as text that a person reads, and back.

    graph(a: f32[3,4], b: f32[4,2]):
      c: f32[3,2] = contract(a, b; x="ik", y="kj", out="ij")   # net.dense_1 model.py:31
      return c

Attributes are JSON; a primitive of another version than 1 is written `name.2`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import count
from typing import Any, cast

from mapsto.core.errors import FormatError
from mapsto.core.spec import parse_spec
from mapsto.ir.graph import Graph, Node, Var
from mapsto.ir.primitive import PRIMITIVES, Primitive, attributes


def variable_names() -> Iterator[str]:
    """a, b, … z, a1, b1, …"""
    for turn in count():
        for letter in "abcdefghijklmnopqrstuvwxyz":
            yield letter + (str(turn) if turn else "")


def show(graph: Graph, origins: bool = False) -> str:
    """A graph ↦ its text; with `origins`, each line ends with the mapping's path and the user's line."""
    fresh = variable_names()
    names: dict[Var, str] = {}

    def declared(var: Var) -> str:
        names.setdefault(var, next(fresh))
        return f"{names[var]}: {var.spec}"

    lines = [f"graph({', '.join(map(declared, graph.inputs))}):"]
    for node in graph.nodes:
        arguments = ", ".join(names[var] for var in node.inputs)
        settings = ", ".join(f"{key}={json.dumps(value)}" for key, value in attributes(node.primitive).items())
        version = f".{node.primitive.version}" if node.primitive.version != 1 else ""
        left = ", ".join(map(declared, node.outputs))
        text = f"  {left} = {node.primitive.name}{version}({'; '.join(filter(None, (arguments, settings)))})"
        if origins and (node.path or node.line):
            text += "   # " + " ".join(filter(None, (node.path, node.line)))
        lines.append(text)
    for name, var in graph.guards:
        lines.append(f"  guard {json.dumps(name)} {names[var]}")
    lines.append(f"  return {', '.join(names[var] for var in graph.outputs)}")
    return "\n".join(lines)


def parse(text: str) -> Graph:
    """The text of a graph ↦ the graph. Raises FormatError naming the line that does not read."""
    lines = text.strip("\n").split("\n")
    names: dict[str, Var] = {}
    nodes: list[Node] = []
    guards: list[tuple[str, Var]] = []
    outputs: tuple[Var, ...] | None = None
    number = 0
    try:
        head = re.fullmatch(r"graph\((.*)\):", lines[0])
        if head is None:
            raise ValueError("it does not begin with graph(…):")
        inputs = tuple(declare(part, names) for part in split_declarations(head[1]))
        for line in lines[1:]:
            number += 1
            body = line.split("   # ")[0].strip()
            if body.startswith("return"):
                outputs = tuple(names[name.strip()] for name in body[6:].split(",") if name.strip())
            elif body.startswith("guard "):
                label, name = body[6:].rsplit(" ", 1)
                guards.append((json.loads(label), names[name]))
            elif outputs is not None:
                raise ValueError("a line after the return")
            else:
                nodes.append(parse_node(body, names))
        if outputs is None:
            raise ValueError("no return")
    # A hostile attribute can make a type rule fail in any of these ways.
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as problem:
        raise FormatError("GRAPH-01", number=number + 1, reason=problem) from problem
    return Graph(inputs, tuple(nodes), outputs, tuple(guards))


def split_declarations(text: str) -> list[str]:
    return re.findall(r"\w+: \w+\*?\[[\d,]*\]", text)


def declare(text: str, names: dict[str, Var]) -> Var:
    name, spec = text.split(": ")
    if name in names:
        raise ValueError(f"{name} is made twice")
    names[name] = Var(parse_spec(spec))
    return names[name]


def parse_node(body: str, names: dict[str, Var]) -> Node:
    match = re.fullmatch(r"(.+?) = ([a-z0-9_]+)(?:\.(\d+))?\((.*)\)", body)
    if match is None:
        raise ValueError(f"not a node: {body[:60]}")
    left, name, version, inside = match.groups()
    kind = PRIMITIVES.get(name)
    if kind is None or kind.version != int(version or 1):
        raise ValueError(f"no primitive {name} of version {version or 1} here")
    split = re.fullmatch(r"(?:((?:\w+(?:, \w+)*))(?:; |$))?((?:\w+=.*)?)", inside)
    if split is None:
        raise ValueError(f"arguments do not read: {inside[:60]}")
    inputs = tuple(names[argument] for argument in (split[1] or "").split(", ") if argument)
    if len(inputs) != kind.arity if kind.arity is not None else not inputs:
        raise ValueError(f"{name} takes {kind.arity or '1 or more'} inputs, not {len(inputs)}")
    primitive = kind(**parse_settings(kind, split[2]))
    specs = primitive.type(*(var.spec for var in inputs))
    outputs = tuple(declare(part, names) for part in split_declarations(left))
    if tuple(var.spec for var in outputs) != specs:
        raise ValueError(f"{name} yields {', '.join(map(str, specs))}, not {left}")
    return Node(primitive, inputs, outputs)


def parse_settings(kind: type[Primitive], text: str) -> dict[str, Any]:
    """`x="ik", axes=[0, 1]` ↦ the primitive's fields; lists become tuples."""
    settings: dict[str, Any] = {}
    decoder = json.JSONDecoder()
    position = 0
    while position < len(text):
        match = re.compile(r"(?:, )?(\w+)=").match(text, position)
        if match is None:
            raise ValueError(f"settings do not read: {text[position:][:60]}")
        value, position = decoder.raw_decode(text, match.end())
        if match[1] in settings:
            raise ValueError(f"{match[1]} is set twice")
        settings[match[1]] = checked(value)
    if set(settings) != set(kind.fields):
        raise ValueError(f"{kind.name} takes {sorted(kind.fields)}, not {sorted(settings)}")
    return settings


def checked(value: Any) -> Any:
    """JSON ↦ a field's value: numbers, strings and truth values, and tuples of them."""
    if isinstance(value, list):
        return tuple(checked(item) for item in cast(list[Any], value))
    if isinstance(value, (bool, int, str)):
        return value
    raise ValueError(f"{value!r} is no attribute")
