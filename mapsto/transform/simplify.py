"""A graph ↦ a smaller one that computes the same bits: equal nodes merged, dead ones dropped, empty steps removed."""

from __future__ import annotations

from collections.abc import Sequence

from mapsto.ir.graph import Builder, Graph, Node, Var, live_nodes
from mapsto.ir.primitive import Primitive
from mapsto.prims.compare import Cast, StopGradient
from mapsto.prims.elementary import IntegerPow
from mapsto.prims.elementwise import Mul, Neg
from mapsto.prims.layout import Broadcast, Flip, Pad, Reshape, Slice, Transpose
from mapsto.prims.literal import Const
from mapsto.prims.reduce import Sum

Producers = dict[Var, Node]


def simplify(graph: Graph) -> Graph:
    """Rewrite every node by the rules below. The result is meant to run: deliberate stops of derivatives are gone."""
    builder = Builder()
    names: dict[Var, Var] = {var: var for var in graph.inputs}
    made_by: Producers = {}
    for node in live_nodes(graph):
        inputs = tuple(names[var] for var in node.inputs)
        primitive, inputs = combined(node.primitive, inputs, made_by)
        same = unchanged(primitive, inputs, made_by)
        outputs = (same,) if same is not None else builder.add(primitive, inputs, node.path, node.line)
        if same is None and outputs[0] not in made_by:
            made_by.update(dict.fromkeys(outputs, builder.nodes[-1]))
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
    node = made_by.get(var)
    while node is not None and isinstance(node.primitive, (Broadcast, Reshape)):
        node = made_by.get(node.inputs[0])
    return node is not None and isinstance(node.primitive, Const) and node.primitive.value == 1


def combined(primitive: Primitive, inputs: tuple[Var, ...], made_by: Producers) -> tuple[Primitive, tuple[Var, ...]]:
    """Two layouts of one kind in a row are one."""
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
