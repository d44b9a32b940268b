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
from mapsto.transform.taken import Change


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
        graph = self.body.graph
        moved = [i for i in floats_among(inputs) if tangents[i] is not None]
        derived = forward(graph, moved)
        body = Body(Graph(derived.inputs, derived.nodes, derived.outputs))
        made = bind_all(Call(body, self.again), *inputs, *(zeros_for(inputs[i], tangents[i]) for i in moved))
        own = iter(made[len(outputs) :])
        return [next(own) if is_float(y.spec.dtype) else None for y in outputs]

    def vjp(self, outputs: Sequence[Var], inputs: Sequence[Var], cotangents: Sequence[Var | None]) -> list[Var | None]:
        graph = self.body.graph
        made = [i for i in floats_among(outputs) if cotangents[i] is not None]
        wrt = floats_among(inputs)
        part = Graph(graph.inputs, graph.nodes, tuple(graph.outputs[i] for i in made))
        derived = backward(part, wrt)
        given = [zeros_for(outputs[i], cotangents[i]) for i in made]
        if self.again:
            found = bind_all(Call(Body(derived), True), *inputs, *given)
        else:
            nodes, kept = second_half(graph, derived.nodes, derived.outputs)
            body = Graph((*kept, *derived.inputs[len(inputs) :]), tuple(nodes), derived.outputs)
            found = bind_all(Call(Body(body), False), *self.handing_out(kept, inputs), *given)
        results = dict(zip(wrt, found, strict=True))
        return [results.get(i) for i in range(len(inputs))]

    def handing_out(self, kept: Sequence[Var], inputs: Sequence[Var]) -> list[Var]:
        """What is asked of the forward pass: operands, and what the body hands out besides its results."""
        graph = self.body.graph
        outside = dict(zip(graph.inputs, inputs, strict=True))
        new = tuple(var for var in kept if var not in outside)
        if new:
            body = Body(Graph(graph.inputs, graph.nodes, (*graph.outputs, *new)))
            made = bind_all(Call(body, self.again), *inputs)
            outside.update(zip(new, made[len(graph.outputs) :], strict=True))
        return [outside[var] for var in kept]

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        return bind_all(Call(Body(batch_graph(self.body.graph, batched, extent)), self.again), *inputs), True

    def inner(self) -> tuple[Body, ...]:
        return (self.body,)

    def one_more(self, change: Change) -> tuple[Primitive, int]:
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
