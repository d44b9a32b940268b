"""A graph ↦ a smaller one that computes the same bits: equal nodes merged, dead ones dropped, empty steps removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mapsto.ir.graph import Builder, Graph, Node, Var, live_nodes
from mapsto.ir.primitive import Primitive, outputs_of
from mapsto.prims.cast import Cast, StopGradient
from mapsto.prims.elementwise import Mul, Neg, ZeroMul
from mapsto.prims.kinds import Elementwise
from mapsto.prims.layout import Broadcast, Flip, Pad, Reshape, Slice, Transpose
from mapsto.prims.literal import Const, const
from mapsto.prims.power import IntegerPow
from mapsto.prims.reduce import Sum

Producers = dict[Var, Node]


def simplify(graph: Graph) -> Graph:
    """Rewrite every node by the rules below. The result is meant to run: deliberate stops of derivatives are gone."""
    builder = Builder()
    names: dict[Var, Var] = {var: var for var in graph.inputs}
    made_by: Producers = {}

    def add(primitive: Primitive, inputs: tuple[Var, ...], origin: Node) -> tuple[Var, ...]:
        outputs = builder.add(primitive, inputs, origin.path, origin.line)
        if outputs[0] not in made_by:
            made_by.update(dict.fromkeys(outputs, builder.nodes[-1]))
        return outputs

    for node in live_nodes(graph):
        inputs = tuple(names[var] for var in node.inputs)
        primitive, inputs = combined(node.primitive, inputs, made_by)
        same = unchanged(primitive, inputs, made_by)
        number = uniform(primitive, inputs, made_by)
        if same is not None:
            outputs = (same,)
        elif number is not None:
            spec = node.outputs[0].spec
            outputs = add(const(number, spec.dtype), (), node)
            outputs = add(Broadcast(spec.shape, ()), outputs, node) if spec.rank else outputs
        else:
            outputs = add(primitive, inputs, node)
        names.update(zip(node.outputs, outputs, strict=True))
    outputs = tuple(names[var] for var in graph.outputs)
    guards = tuple((name, names[var]) for name, var in graph.guards)
    smaller = Graph(graph.inputs, tuple(builder.nodes), outputs, guards)
    return Graph(graph.inputs, tuple(live_nodes(smaller)), outputs, guards)


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
        case Mul() if is_one(x, made_by):
            return inputs[1]
        case _:
            return None


def is_one(var: Var, made_by: Producers) -> bool:
    """Whether a variable is 1 everywhere, by its making."""
    number = constant(var, made_by)
    return number is not None and number.value == 1


def constant(var: Var, made_by: Producers) -> Const | None:
    """The number that a variable is everywhere, by its making, if it is one."""
    node = made_by.get(var)
    while node is not None and isinstance(node.primitive, (Broadcast, Reshape)):
        node = made_by.get(node.inputs[0])
    return node.primitive if node is not None and isinstance(node.primitive, Const) else None


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
    before = made_by.get(inputs[0]) if len(inputs) == 1 else None
    if before is None:
        return primitive, inputs
    match before.primitive, primitive:
        case Reshape(), Reshape():
            return primitive, before.inputs
        case Transpose(first), Transpose(second):
            return Transpose(tuple(first[axis] for axis in second)), before.inputs
        case Broadcast(_, first), Broadcast(shape, second):
            return Broadcast(shape, tuple(second[axis] for axis in first)), before.inputs
        case _:
            return primitive, inputs
