"""A graph that is called, as one node: `Call`. What is called several times is planned and compiled once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from mapsto.core.spec import Spec, is_float
from mapsto.ir.body import Body
from mapsto.ir.graph import Graph, Var, bind_all
from mapsto.ir.primitive import Case, Primitive, prim
from mapsto.prims.kinds import case
from mapsto.transform.batch import batch_graph
from mapsto.transform.bodies import body_of, check_specs, floats_among, second_half, zeros_for
from mapsto.transform.derive import backward, forward
from mapsto.transform.predication import AddPredicate


@prim
class Call(Primitive):
    """Operands ↦ what the body makes of them.

    With `again`, the derivative keeps nothing but the operands, and runs the body again.
    """

    arity: ClassVar[int | None] = None

    body: Body
    again: bool

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        check_specs(self.name, self.body.inputs, inputs)
        return self.body.outputs

    def eval(self, *inputs: Any) -> Any:
        return tuple(self.body(*inputs))

    def jvp(self, outputs: Sequence[Var], inputs: Sequence[Var], tangents: Sequence[Var | None]) -> list[Var | None]:
        moved = [i for i in floats_among(inputs) if tangents[i] is not None]
        body = self.body.into(("forward", tuple(moved)), lambda body: pushing(body, moved))
        made = bind_all(Call(body, self.again), *inputs, *(zeros_for(inputs[i], tangents[i]) for i in moved))
        own = iter(made[len(outputs) :])
        return [next(own) if is_float(y.spec.dtype) else None for y in outputs]

    def vjp(self, outputs: Sequence[Var], inputs: Sequence[Var], cotangents: Sequence[Var | None]) -> list[Var | None]:
        made = [i for i in floats_among(outputs) if cotangents[i] is not None]
        wrt = floats_among(inputs)
        given = [zeros_for(outputs[i], cotangents[i]) for i in made]
        if self.again:
            body = self.body.into(
                ("backward again", tuple(made)), lambda body: Body(pulled(body, made, wrt), body.path)
            )
            found = bind_all(Call(body, True), *inputs, *given)
        else:
            kept, body = self.body.once(("backward", tuple(made)), lambda body: pulling(body, made, wrt))
            found = bind_all(Call(body.moved(self.body.path), False), *self.handing_out(kept, inputs), *given)
        results = dict(zip(wrt, found, strict=True))
        return [results.get(i) for i in range(len(inputs))]

    def handing_out(self, kept: Sequence[Var], inputs: Sequence[Var]) -> list[Var]:
        """What is asked of the forward pass: operands, and what the body hands out besides its results."""
        graph = self.body.graph
        outside = dict(zip(graph.inputs, inputs, strict=True))
        new = tuple(var for var in kept if var not in outside)
        if new:
            made = bind_all(Call(self.body.handing((*graph.outputs, *new)), self.again), *inputs)
            outside.update(zip(new, made[len(graph.outputs) :], strict=True))
        return [outside[var] for var in kept]

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        what = ("batch", extent, tuple(batched))
        body = self.body.into(what, lambda body: Body(batch_graph(body.graph, batched, extent), body.path))
        return bind_all(Call(body, self.again), *inputs), True

    def inner(self) -> tuple[Body, ...]:
        return (self.body,)

    def with_predicate(self, change: AddPredicate) -> tuple[Primitive, int]:
        count = len(self.body.inputs)
        return Call(change(self.body, count), self.again), count

    def flops(self, inputs: Sequence[Spec], outputs: Sequence[Spec]) -> int:
        return self.body.flops

    @classmethod
    def cases(cls) -> list[Case]:
        layer = body_of(
            "w: f64[2,3], x: f64[4,2]",
            'a: f64[4,3] = contract(x, w; x="ik", y="kj", out="ij")',
            "y: f64[4,3] = tanh(a)",
            "y, x",
        )
        return [case(cls(layer, again), "f64[2,3]", "f64[4,2]") for again in (False, True)]


def pushing(body: Body, moved: Sequence[int]) -> Body:
    """A body ↦ the body of its forward mode."""
    derived = forward(body.graph, moved)
    return Body(Graph(derived.inputs, derived.nodes, derived.outputs), body.path)


def pulled(body: Body, made: Sequence[int], wrt: Sequence[int]) -> Graph:
    """A body ↦ the graph of its reverse mode, for cotangents of some results."""
    graph = body.graph
    return backward(Graph(graph.inputs, graph.nodes, tuple(graph.outputs[i] for i in made)), wrt)


def pulling(body: Body, made: Sequence[int], wrt: Sequence[int]) -> tuple[list[Var], Body]:
    """A body ↦ what its reverse mode asks of the forward pass, and a body of what it does itself."""
    graph, derived = body.graph, pulled(body, made, wrt)
    nodes, kept = second_half(graph, derived.nodes, derived.outputs)
    own = Graph((*kept, *derived.inputs[len(graph.inputs) :]), tuple(nodes), derived.outputs)
    return kept, Body(own, body.path)
