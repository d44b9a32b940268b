"""A loop that ends when its condition no longer holds, as one node: `While`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from mapsto.core.errors import DTypeError, UsageError
from mapsto.core.spec import BOOL, Spec, is_float
from mapsto.ir.body import Body
from mapsto.ir.graph import Builder, Graph, Var, bind, bind_all, building
from mapsto.ir.primitive import Case, Primitive, prim
from mapsto.prims.compare import Select
from mapsto.prims.elementwise import widen
from mapsto.prims.kinds import case
from mapsto.prims.literal import const
from mapsto.transform.batch import batch_graph
from mapsto.transform.bodies import body_of, check_specs, inline, zeros_for
from mapsto.transform.derive import forward, varying
from mapsto.transform.predication import AddPredicate, any_lane, over_lanes, predicated


@prim
class While(Primitive):
    """Constants and first carries ↦ last carries: `body` again and again, as long as `condition` holds before a turn.

    Both take (constants, carries); the condition makes one truth value, the body the next carries.
    """

    arity: ClassVar[int | None] = None

    condition: Body
    body: Body
    constants: int

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        check_specs(self.name, self.body.inputs, inputs)
        check_specs(self.name, self.condition.inputs, inputs)
        check_specs(self.name, inputs[self.constants :], self.body.outputs)
        if self.condition.outputs != (Spec(BOOL, ()),):
            found = ", ".join(map(str, self.condition.outputs))
            raise DTypeError("DTYPE-04", function=self.name, wanted="a bool[] as condition", found=found)
        return self.body.outputs

    def eval(self, *inputs: Any) -> Any:
        constants, carries = list(inputs[: self.constants]), list(inputs[self.constants :])
        while self.condition(*constants, *carries)[0]:
            carries = self.body(*constants, *carries)
        return tuple(carries)

    def jvp(self, outputs: Sequence[Var], inputs: Sequence[Var], tangents: Sequence[Var | None]) -> list[Var | None]:
        graph, first = self.body.graph, self.constants
        floats = [i for i, x in enumerate(inputs) if is_float(x.spec.dtype)]
        moved = [i for i in floats if tangents[i] is not None or i >= first]
        derived = forward(graph, moved)
        seeds = dict(zip(moved, derived.inputs[len(graph.inputs) :], strict=True))
        whole = {i: zeros_for(inputs[i], tangents[i]) for i in moved}
        places = (range(first), range(first, len(inputs)))

        def beside(one: Sequence[Var], other: dict[int, Var]) -> tuple[Var, ...]:
            """Constants, then their tangents; carries, then theirs."""
            return tuple(
                var
                for part in places
                for row in ([one[i] for i in part], [other[i] for i in part if i in other])
                for var in row
            )

        inside = beside(graph.inputs, seeds)
        asked = dict(zip(graph.inputs, self.condition.graph.inputs, strict=True))
        condition = self.condition.graph
        condition = Graph(tuple(asked.get(var, var) for var in inside), condition.nodes, condition.outputs)
        loop = While(
            Body(condition), Body(Graph(inside, derived.nodes, derived.outputs)), sum(i < first for i in moved) + first
        )
        made = bind_all(loop, *beside(inputs, whole))
        own = iter(made[len(outputs) :])
        return [next(own) if is_float(y.spec.dtype) else None for y in outputs]

    def vjp(self, outputs: Sequence[Var], inputs: Sequence[Var], cotangents: Sequence[Var | None]) -> list[Var | None]:
        fix = "mt.fori with Python integers as bounds, mt.scan; mt.implicit for a fixed point; mt.jvp goes forward"
        raise UsageError("LOOP-01", fix=fix)

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        """Lanes that ask for different numbers of turns: as long as one goes on, and the others keep what they have."""
        graph, asking, first = self.body.graph, self.condition.graph, self.constants
        flags = list(batched)
        while True:
            wide = varying(graph.nodes, [var for var, has in zip(graph.inputs, flags, strict=True) if has])
            own = varying(asking.nodes, [var for var, has in zip(asking.inputs, flags, strict=True) if has])
            several = asking.outputs[0] in own
            reached = [i for i, var in enumerate(graph.outputs) if (several or var in wide) and not flags[first + i]]
            if not reached:
                break
            for i in reached:
                flags[first + i] = True
        condition = batch_graph(asking, flags, extent, [several])
        if several:
            going = Var(Spec(BOOL, ()))
            part = predicated(
                graph, (*graph.inputs, going), lambda node: going if wide.intersection(node.inputs) else None
            )
            body = batch_graph(part, [*flags, True], extent, flags[first:])
            body, condition = kept_apart(body, condition, first)
        else:
            body = batch_graph(graph, flags, extent, flags[first:])
        given = [widen(extent, x) if flags[i] and not batched[i] else x for i, x in enumerate(inputs)]
        made = bind_all(While(Body(condition), Body(body), first), *given)
        return tuple(y if has else widen(extent, y) for y, has in zip(made, flags[first:], strict=True)), True

    def inner(self) -> tuple[Body, ...]:
        return (self.condition, self.body)

    def with_predicate(self, change: AddPredicate) -> tuple[Primitive, int]:
        condition, body = (change(one, self.constants) for one in (self.condition, self.body))
        builder = Builder(list(condition.graph.nodes))
        with building(builder):
            (more,), taken = condition.graph.outputs, condition.graph.inputs[self.constants]
            more = bind(Select(), taken, more, bind(const(False, BOOL)))
        condition = Body(Graph(condition.graph.inputs, tuple(builder.nodes), (more,)))
        return While(condition, body, self.constants + 1), self.constants

    def refuses(self, inputs: Sequence[Spec]) -> bool:
        return True

    def flops(self, inputs: Sequence[Spec], outputs: Sequence[Spec]) -> int:
        return self.body.flops + self.condition.flops  # of one turn: how many there will be is not known

    @classmethod
    def cases(cls) -> list[Case]:
        """x ← x·c as long as its sum of squares is small; a count to a bound."""
        inputs = "c: f64[2], n: i64[], x: f64[2]"
        less = body_of(inputs, 'b: i64[] = const(text="3", dtype="i64")', "y: bool[] = less(n, b)", "y")
        more = body_of(
            inputs,
            'o: i64[] = const(text="1", dtype="i64")',
            "m: i64[] = add(n, o)",
            "a: f64[2] = mul(x, c)",
            "y: f64[2] = sin(a)",
            "m, y",
        )
        bound = body_of("b: i64[], n: i64[]", "y: bool[] = less(n, b)", "y")
        one = body_of("b: i64[], n: i64[]", 'o: i64[] = const(text="1", dtype="i64")', "m: i64[] = add(n, o)", "m")
        forward_only: dict[str, Any] = {"differentiate": False}
        return [
            case(cls(less, more, 1), "f64[2]", "i64[]", "f64[2]", special=([0.5, 2.0], 0, [1.0, 0.3]), **forward_only),
            case(cls(less, more, 1), "f64[2]", "i64[]", "f64[2]", special=([0.5, 2.0], 5, [1.0, 0.3]), **forward_only),
            case(cls(bound, one, 1), "i64[]", "i64[]", special=(4, 0), **forward_only),
        ]


def kept_apart(body: Graph, condition: Graph, constants: int) -> tuple[Graph, Graph]:
    """A body and a condition of lanes ↦ a body that leaves alone the lanes that are done, and whether any is not.

    The first body takes a truth value more, at the end: whether a lane goes on.
    """
    inputs = body.inputs[:-1]
    builder = Builder()
    with building(builder):
        (going,) = inline(condition, inputs)
        made = inline(body, (*inputs, going))
        pairs = zip(inputs[constants:], made, strict=True)
        handed = tuple(bind(Select(), over_lanes(going, y.spec), y, x) for x, y in pairs)
    asking = Builder()
    for node in condition.nodes:
        asking.append(node)
    with building(asking):
        anyone = any_lane(condition.outputs[0])
    return Graph(inputs, tuple(builder.nodes), handed), Graph(condition.inputs, tuple(asking.nodes), (anyone,))
