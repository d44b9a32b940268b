"""A kind of primitive that states its derivative once, in forward mode; reverse mode is that rule run backwards."""

from __future__ import annotations

from collections.abc import Sequence

from mapsto.ir.graph import Builder, Graph, Var, bind_all, building, live_nodes
from mapsto.ir.primitive import Primitive
from mapsto.prims.elementwise import add


class Differential(Primitive):
    """Differentiable by its first input. A subclass states `differential`, linear in the tangent.

    Reverse mode writes that rule down for a tangent that nobody knows, and follows it from its results back to the
    tangent. Every step is linear there, so the step's own reverse rule transposes it: no rule is written twice, and
    both modes agree in every order.
    """

    def differential(self, outputs: Sequence[Var], inputs: Sequence[Var], tangent: Var) -> list[Var | None]:
        """The tangent of the first input ↦ those of the outputs, by primitives that are linear in it."""
        raise NotImplementedError

    def jvp(self, outputs: Sequence[Var], inputs: Sequence[Var], tangents: Sequence[Var | None]) -> list[Var | None]:
        if tangents[0] is None:
            return [None] * len(outputs)
        return self.differential(outputs, inputs, tangents[0])

    def vjp(self, outputs: Sequence[Var], inputs: Sequence[Var], cotangents: Sequence[Var | None]) -> list[Var | None]:
        aside = Builder()  # the rule stands here only to be followed backwards
        with building(aside):
            tangent = Var(inputs[0].spec)
            pushed = self.differential(outputs, inputs, tangent)
            pulled = transposed(aside, tangent, pushed, cotangents)
        rest: list[Var | None] = [None] * (len(inputs) - 1)
        return [None if pulled is None else taken_over(aside, pulled), *rest]


def transposed(
    builder: Builder, tangent: Var, pushed: Sequence[Var | None], cotangents: Sequence[Var | None]
) -> Var | None:
    """What a builder makes of a tangent, and the cotangents of that ↦ the cotangent of the tangent."""
    nodes = list(builder.nodes)
    moving = {tangent}  # what depends on the tangent
    for node in nodes:
        if any(var in moving for var in node.inputs):
            moving.update(node.outputs)
    found: dict[Var, Var] = {}

    def accumulate(var: Var | None, g: Var | None) -> None:
        if var is not None and g is not None and var in moving:
            found[var] = add(found[var], g) if var in found else g

    for var, g in zip(pushed, cotangents, strict=True):
        accumulate(var, g)
    for node in reversed(nodes):
        given = [found.get(var) for var in node.outputs]
        if any(g is not None for g in given):
            for var, g in zip(node.inputs, node.primitive.vjp(node.outputs, node.inputs, given), strict=True):
                accumulate(var, g)
    return found.get(tangent)


def taken_over(builder: Builder, wanted: Var) -> Var:
    """A variable of another builder ↦ the same in the graph being built, with the nodes that it needs and no others."""
    names: dict[Var, Var] = {}
    for node in live_nodes(Graph((), tuple(builder.nodes), (wanted,))):
        made = bind_all(node.primitive, *(names.get(var, var) for var in node.inputs))
        names.update(zip(node.outputs, made, strict=True))
    return names.get(wanted, wanted)
