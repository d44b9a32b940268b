"""One of several bodies, chosen by a number, as one node: `Branch`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from mapsto.core.errors import DTypeError
from mapsto.core.spec import INT64, Spec, is_float
from mapsto.ir.body import Body
from mapsto.ir.graph import Graph, Var, bind, bind_all
from mapsto.ir.primitive import Case, Primitive, prim
from mapsto.prims.compare import Equal, Maximum, Minimum, Select
from mapsto.prims.elementwise import constant_like
from mapsto.prims.kinds import case
from mapsto.prims.layout import Reshape
from mapsto.transform.batch import batch_graph
from mapsto.transform.bodies import body_of, check_specs, floats_among, zeros_for
from mapsto.transform.derive import backward, forward
from mapsto.transform.predication import AddPredicate, over_lanes, run_on_lanes


@prim
class Branch(Primitive):
    """A number i and operands ↦ what body i makes of the operands; 0 for a smaller number, the last for a larger one.

    Only that body runs. All bodies take the same and make the same.
    """

    arity: ClassVar[int | None] = None

    bodies: tuple[Body, ...]

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        index, *operands = inputs
        if index.dtype != INT64 or index.shape:
            raise DTypeError("DTYPE-04", function=self.name, wanted="an i64[] as the number of a body", found=index)
        for body in self.bodies:
            check_specs(self.name, body.inputs, operands)
            check_specs(self.name, self.bodies[0].outputs, body.outputs)
        return self.bodies[0].outputs

    def eval(self, *inputs: Any) -> Any:
        number = min(max(int(inputs[0]), 0), len(self.bodies) - 1)
        return tuple(self.bodies[number](*inputs[1:]))

    def jvp(self, outputs: Sequence[Var], inputs: Sequence[Var], tangents: Sequence[Var | None]) -> list[Var | None]:
        moved = [i for i in floats_among(inputs[1:]) if tangents[i + 1] is not None]
        bodies = [tangents_only(forward(body.graph, moved), len(outputs)) for body in self.bodies]
        made = iter(
            bind_all(Branch(tuple(bodies)), *inputs, *(zeros_for(inputs[i + 1], tangents[i + 1]) for i in moved))
        )
        return [next(made) if is_float(y.spec.dtype) else None for y in outputs]

    def vjp(self, outputs: Sequence[Var], inputs: Sequence[Var], cotangents: Sequence[Var | None]) -> list[Var | None]:
        """The chosen body runs again, and then its derivative: what another would have kept is not known."""
        wrt = floats_among(inputs[1:])
        bodies = [Body(backward(body.graph, wrt)) for body in self.bodies]
        seeds = [zeros_for(y, g) for y, g in zip(outputs, cotangents, strict=True) if is_float(y.spec.dtype)]
        made = bind_all(Branch(tuple(bodies)), *inputs, *seeds)
        found = dict(zip(wrt, made, strict=True))
        return [None, *(found.get(i) for i in range(len(inputs) - 1))]

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        """If every lane has a number of its own, all bodies run and each lane takes its own; a lone lane chooses."""
        if batched[0] and extent == 1 and any(batched[1:]):
            index = bind(Reshape(()), inputs[0])
            return self.batch(extent, (False, *batched[1:]), (index, *inputs[1:]))
        if not batched[0]:
            bodies = [batch_graph(body.graph, batched[1:], extent) for body in self.bodies]
            return bind_all(Branch(tuple(map(Body, bodies))), *inputs), True
        last = len(self.bodies) - 1
        index = bind(Maximum(), constant_like(inputs[0], 0), bind(Minimum(), inputs[0], constant_like(inputs[0], last)))
        found: list[Var] = []
        for number, body in enumerate(self.bodies):
            lanes = bind(Equal(), index, constant_like(index, number))
            made = run_on_lanes(body.graph, extent, batched[1:], inputs[1:], lanes)
            pairs = zip(made, found or made, strict=True)
            found = [bind(Select(), over_lanes(lanes, x.spec), x, y) if found else x for x, y in pairs]
        return tuple(found), True

    def inner(self) -> tuple[Body, ...]:
        return self.bodies

    def with_predicate(self, change: AddPredicate) -> tuple[Primitive, int]:
        count = len(self.bodies[0].inputs)
        return Branch(tuple(change(body, count) for body in self.bodies)), count + 1

    def flops(self, inputs: Sequence[Spec], outputs: Sequence[Spec]) -> int:
        return max(body.flops for body in self.bodies)

    @classmethod
    def cases(cls) -> list[Case]:
        inputs = "a: f64[2], b: f64[2]"
        product = body_of(inputs, "c: f64[2] = mul(a, b)", "d: f64[2] = tanh(c)", "d, a")
        total = body_of(inputs, "c: f64[2] = add(a, b)", "d: f64[2] = exp(c)", "d, c")
        plain = body_of(inputs, "b, b")
        bodies = (product, total, plain)
        numbers = [[1.0, 0.5], [2.0, -1.0]]
        return [
            case(cls(bodies), "i64[]", "f64[2]", "f64[2]", special=(number, *numbers)) for number in (0, 1, 2, -3, 7)
        ]


def tangents_only(derived: Graph, outputs: int) -> Body:
    return Body(Graph(derived.inputs, derived.nodes, derived.outputs[outputs:]))
