"""The text of a graph, as `ir.show` writes it, ↦ the graph."""

from __future__ import annotations

import json
import re
from typing import Any, cast

from mapsto.core.errors import FormatError
from mapsto.core.spec import parse_spec
from mapsto.ir.body import Body
from mapsto.ir.graph import Graph, Node, Var
from mapsto.ir.primitive import PRIMITIVES, Primitive

DEEP = 50  # bodies within bodies
BODIES = re.compile(r"graph_\d+|\[graph_\d+(?:, graph_\d+)*\]")


def parse(text: str) -> Graph:
    """The text of a graph ↦ the graph. Raises FormatError (GRAPH-01) naming the line that does not read."""
    sections = Sections(text)
    graph = sections.graph("graph")
    sections.check_used()
    return graph


class Sections:
    """The graphs of a text by name, each read when another first names it; equal ones become the same body."""

    def __init__(self, text: str) -> None:
        self.lines = text.strip("\n").split("\n")
        self.number = 0
        self.depth = 0
        self.known: dict[str, Body] = {}
        self.bodies: dict[Body, Body] = {}
        starts = [i for i, line in enumerate(self.lines) if i == 0 or line.startswith("graph")]
        ends = [*starts[1:], len(self.lines)]
        self.spans: dict[str, range] = {}
        for i, end in zip(starts, ends, strict=True):
            name = self.lines[i].split("(")[0]
            if name in self.spans:
                raise FormatError("GRAPH-01", number=i + 1, reason=f"{name} is there twice")
            self.spans[name] = range(i, end)

    def check_used(self) -> None:
        """Raise FormatError (GRAPH-01) for a graph that no line names."""
        for name, span in self.spans.items():
            if name != "graph" and name not in self.known:
                raise FormatError("GRAPH-01", number=span.start + 1, reason=f"no line names {name}")

    def graph(self, name: str) -> Graph:
        """The graph of that name. Raises FormatError (GRAPH-01)."""
        try:
            return self.read(name)
        # A hostile attribute can make a type rule fail in any of these ways.
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as problem:
            if isinstance(problem, FormatError):
                raise
            raise FormatError("GRAPH-01", number=self.number + 1, reason=problem) from problem

    def body(self, name: str) -> Body:
        if name not in self.spans:
            raise ValueError(f"there is no {name}")
        if self.spans[name].start <= self.number:
            raise ValueError(f"{name} stands above the line that names it, so it could be within itself")
        if self.depth == DEEP:
            raise ValueError(f"{name} is deeper than {DEEP} graphs within graphs")
        if name not in self.known:
            number, self.depth = self.number, self.depth + 1
            body = Body(self.graph(name))
            # One object for equal graphs: then to compare those around them looks at each but once.
            self.known[name] = self.bodies.setdefault(body, body)
            self.number, self.depth = number, self.depth - 1
        return self.known[name]

    def read(self, name: str) -> Graph:
        names: dict[str, Var] = {}
        nodes: list[Node] = []
        guards: list[tuple[str, Var]] = []
        outputs: tuple[Var, ...] | None = None
        span = self.spans.get(name, range(1))
        self.number = span.start
        head = re.fullmatch(rf"{name}\((.*)\):", self.lines[span.start])
        if head is None:
            raise ValueError("it does not begin with graph(…):")
        inputs = tuple(declare(part, names) for part in split_declarations(head[1]))
        for self.number in span[1:]:
            body = self.lines[self.number].split("   # ")[0].strip()
            if body.startswith("return"):
                outputs = tuple(names[name.strip()] for name in body[6:].split(",") if name.strip())
            elif body.startswith("guard "):
                label, guarded = body[6:].rsplit(" ", 1)
                guards.append((json.loads(label), names[guarded]))
            elif outputs is not None:
                raise ValueError("a line after the return")
            else:
                nodes.append(parse_node(body, names, self))
        if outputs is None:
            raise ValueError("no return")
        return Graph(inputs, tuple(nodes), outputs, tuple(guards))


def split_declarations(text: str) -> list[str]:
    return re.findall(r"\w+: \w+\*?\[[\d,]*\]", text)


def declare(text: str, names: dict[str, Var]) -> Var:
    name, spec = text.split(": ")
    if name in names:
        raise ValueError(f"{name} is made twice")
    names[name] = Var(parse_spec(spec))
    return names[name]


def parse_node(body: str, names: dict[str, Var], sections: Sections) -> Node:
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
    primitive = kind(**parse_settings(kind, split[2], sections))
    specs = primitive.type(*(var.spec for var in inputs))
    outputs = tuple(declare(part, names) for part in split_declarations(left))
    if tuple(var.spec for var in outputs) != specs:
        raise ValueError(f"{name} yields {', '.join(map(str, specs))}, not {left}")
    return Node(primitive, inputs, outputs)


def parse_settings(kind: type[Primitive], text: str, sections: Sections) -> dict[str, Any]:
    """`x="ik", axes=[0, 1]` ↦ the primitive's fields; lists become tuples."""
    settings: dict[str, Any] = {}
    decoder = json.JSONDecoder()
    position = 0
    while position < len(text):
        match = re.compile(r"(?:, )?(\w+)=").match(text, position)
        if match is None:
            raise ValueError(f"settings do not read: {text[position:][:60]}")
        if match[1] in settings:
            raise ValueError(f"{match[1]} is set twice")
        named = BODIES.match(text, match.end())
        if named is None:
            value, position = decoder.raw_decode(text, match.end())
            settings[match[1]] = checked(value)
        else:
            position = named.end()
            listed = tuple(map(sections.body, re.findall(r"\w+", named[0])))
            settings[match[1]] = listed if named[0].startswith("[") else listed[0]
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
