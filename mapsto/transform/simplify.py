"""A graph ↦ a smaller one that computes the same bits: equal nodes merged, dead ones dropped, empty steps removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from mapsto.core.spec import Shape, Spec
from mapsto.ir.body import Body, with_bodies
from mapsto.ir.graph import Builder, Graph, Node, Var, live_nodes
from mapsto.ir.primitive import Primitive, outputs_of
from mapsto.prims.cast import Cast, StopGradient
from mapsto.prims.compare import Comparison
from mapsto.prims.elementwise import Div, Mul, Neg, ZeroMul
from mapsto.prims.kinds import Elementwise
from mapsto.prims.layout import Broadcast, Flip, Pad, Reshape, Slice, Transpose
from mapsto.prims.literal import const
from mapsto.prims.power import IntegerPow
from mapsto.prims.reduce import Sum
from mapsto.transform.block import Call
from mapsto.transform.hoist import hoisted
from mapsto.transform.known import Producers, constant, is_one
from mapsto.transform.loop import While
from mapsto.transform.masks import Clamps, masked_windows
from mapsto.transform.merge import merged
from mapsto.transform.own_rule import OwnRule
from mapsto.transform.scan import Scan
from mapsto.transform.trim import trimmed


def simplify(graph: Graph) -> Graph:
    """Rewrite every node by the rules below. The result is meant to run: deliberate stops of derivatives are gone."""
    graph = trimmed(merged(graph))
    rewriting = Rewriting(Counter(node.primitive for node in graph.nodes if isinstance(node.primitive, Call)))
    names: dict[Var, Var] = {var: var for var in graph.inputs}
    for node in live_nodes(graph):
        outputs = rewriting.make(node.primitive, tuple(names[var] for var in node.inputs), node)
        names.update(zip(node.outputs, outputs, strict=True))
    return trimmed(graph.remade(rewriting.builder.nodes, names).alive())


def simplified(body: Body) -> Body:
    return Body(simplify(body.graph), body.path)


class Rewriting:
    """A graph that is made node by node, each in its simplest form. `calls` says how often each call stands in it."""

    def __init__(self, calls: Counter[Primitive]) -> None:
        self.calls = calls
        self.builder = Builder()
        self.made_by: Producers = {}
        self.clamps = Clamps(self.made_by)

    def make(self, primitive: Primitive, inputs: tuple[Var, ...], origin: Node) -> tuple[Var, ...]:
        """The variables that a primitive makes of these inputs; new nodes have the path and the line of `origin`."""
        if primitive.inner():
            return self.make_nested(primitive, inputs, origin)
        primitive, inputs = combined(primitive, inputs, self.made_by)
        if isinstance(primitive, Comparison):
            inputs = self.clamps.asked(primitive, inputs)
        same = unchanged(primitive, inputs, self.made_by)
        if same is not None:
            return (same,)
        number = uniform(primitive, inputs, self.made_by)
        if number is not None:
            return self.everywhere(number, primitive.type(*(var.spec for var in inputs))[0], origin)
        if isinstance(primitive, Mul):
            masked = masked_windows(inputs, self.made_by, self.builder.interned, self.make_one)
            if masked is not None:
                return (masked,)
        return self.add(primitive, inputs, origin)

    def make_nested(self, primitive: Primitive, inputs: tuple[Var, ...], origin: Node) -> tuple[Var, ...]:
        """A loop, branch or call, its bodies simplified; a call that stands alone is written out."""
        once = isinstance(primitive, Call) and not primitive.again and self.calls[primitive] == 1
        if once or isinstance(primitive, OwnRule):
            return tuple(self.make_all(simplify(primitive.inner()[0].graph), inputs))
        primitive = with_bodies(primitive, [body.into("simplified", simplified) for body in primitive.inner()])
        if isinstance(primitive, Scan | While) and (found := hoisted(primitive)) is not None:
            constants, rest = inputs[: primitive.constants], inputs[primitive.constants :]
            primitive, inputs = found.loop, (*constants, *self.make_all(found.before, constants), *rest)
        return self.add(primitive, inputs, origin)

    def make_all(self, graph: Graph, inputs: Sequence[Var]) -> list[Var]:
        """A whole graph of these inputs ↦ its outputs."""
        names = dict(zip(graph.inputs, inputs, strict=True))
        for node in graph.nodes:
            made = self.make(node.primitive, tuple(names[var] for var in node.inputs), node)
            names.update(zip(node.outputs, made, strict=True))
        return [names[var] for var in graph.outputs]

    def make_one(self, primitive: Primitive, inputs: tuple[Var, ...], origin: Node) -> Var:
        return self.make(primitive, inputs, origin)[0]

    def everywhere(self, number: Any, spec: Spec, origin: Node) -> tuple[Var, ...]:
        outputs = self.add(const(number, spec.dtype), (), origin)
        return self.add(Broadcast(spec.shape, ()), outputs, origin) if spec.rank else outputs

    def add(self, primitive: Primitive, inputs: tuple[Var, ...], origin: Node) -> tuple[Var, ...]:
        """A node as it is, if there is none like it yet."""
        outputs = self.builder.add(primitive, inputs, origin.path, origin.line)
        if outputs[0] not in self.made_by:
            self.made_by.update(dict.fromkeys(outputs, self.builder.nodes[-1]))
            self.clamps.note(primitive, inputs, outputs[0])
        return outputs


def unchanged(primitive: Primitive, inputs: Sequence[Var], made_by: Producers) -> Var | None:
    """The input that a node passes on as it is, if it does."""
    if not inputs:
        return None
    x = inputs[0]
    match primitive:
        case StopGradient():
            return x
        case Cast() | Reshape() | Broadcast() if primitive.type(x.spec)[0] == x.spec:
            return x
        case Transpose(order) if order == tuple(range(len(order))):
            return x
        case Sum(()) | Flip(()) | IntegerPow(1):
            return x
        case Slice() if primitive.type(x.spec)[0] == x.spec:
            return x
        case Pad() if primitive.type(x.spec)[0] == x.spec:
            return x
        case Neg() if isinstance(made_by[x].primitive if x in made_by else None, Neg):
            return made_by[x].inputs[0]
        case Mul() if is_one(inputs[1], made_by):
            return x
        case Div() if is_one(inputs[1], made_by):
            return x
        case Mul() if is_one(x, made_by):
            return inputs[1]
        case _:
            return None


def uniform(primitive: Primitive, inputs: Sequence[Var], made_by: Producers) -> Any:
    """The number that a node makes everywhere, where each of its inputs is one number everywhere."""
    numbers = [number for var in inputs if (number := constant(var, made_by)) is not None]
    if not isinstance(primitive, (Elementwise, Reshape)) or not inputs or len(numbers) < len(inputs):
        return None
    if primitive.type(*(var.spec for var in inputs))[0].weak:
        return None
    known = [number.eval() for number in numbers]
    return known[0] if isinstance(primitive, Reshape) else outputs_of(primitive, known)[0]


def combined(primitive: Primitive, inputs: tuple[Var, ...], made_by: Producers) -> tuple[Primitive, tuple[Var, ...]]:
    """Two layouts of one kind in a row are one; beside a number that is not 0, `ZeroMul` is a plain product."""
    factor = constant(inputs[0], made_by) if isinstance(primitive, ZeroMul) else None
    if factor is not None and factor.value != 0:
        return Mul(), inputs
    if isinstance(primitive, Transpose) and keeps_order(primitive.order, inputs[0].spec.shape):
        primitive = Reshape(primitive.to(inputs[0].spec.shape))
    before = made_by.get(inputs[0]) if len(inputs) == 1 else None
    if before is None:
        return primitive, inputs
    match before.primitive, primitive:
        case Reshape(), Reshape():
            return primitive, before.inputs
        case Transpose(first), Transpose(second):
            return combined(Transpose(tuple(first[axis] for axis in second)), before.inputs, made_by)
        case Broadcast(_, first), Broadcast(shape, second):
            return Broadcast(shape, tuple(second[axis] for axis in first)), before.inputs
        case Reshape(between), Broadcast(shape, axes) if before.inputs[0].spec.shape == without_ones(between):
            return Broadcast(shape, tuple(a for a, e in zip(axes, between, strict=True) if e != 1)), before.inputs
        case _:
            return primitive, inputs


def without_ones(shape: Shape) -> Shape:
    return tuple(extent for extent in shape if extent != 1)


def keeps_order(order: tuple[int, ...], shape: Shape) -> bool:
    """Whether an order of axes moves none but those of extent 1, and so no element."""
    moved = [axis for axis in order if shape[axis] != 1]
    return moved == sorted(moved)
