"""A graph with a derivative of its own, as one node: `OwnRule`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from mapsto.core.errors import UsageError
from mapsto.core.spec import Spec, is_float
from mapsto.ir.body import Body
from mapsto.ir.graph import Var, bind_all
from mapsto.ir.primitive import Case, Primitive, prim
from mapsto.prims.elementwise import constant_like, widen
from mapsto.prims.kinds import case
from mapsto.transform.batch import batch_graph
from mapsto.transform.bodies import body_of, check_specs, floats_among, inline, zeros_for
from mapsto.transform.derive import backward
from mapsto.transform.predication import AddPredicate
from mapsto.transform.trim import asked_of


@prim
class OwnRule(Primitive):
    """Arguments, then what is closed over ↦ what `body` makes of them; its derivative is as the rules say.

    There are `arguments` arguments; what is closed over is constant. `push` maps (arguments and closed over, results,
    tangents of the float arguments) to tangents of the float results, linear in the former tangents; `pull` maps (…,
    cotangents of the float results) to cotangents of the float arguments. One of them is enough: each is the other's
    transpose.
    """

    arity: ClassVar[int | None] = None

    body: Body
    push: tuple[Body, ...]
    pull: tuple[Body, ...]
    arguments: int

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        check_specs(self.name, self.body.inputs, inputs)
        known = (*inputs, *self.body.outputs)
        given = [spec for spec in inputs[: self.arguments] if is_float(spec.dtype)]
        made = [spec for spec in self.body.outputs if is_float(spec.dtype)]
        for rules, more, wanted in ((self.push, given, made), (self.pull, made, given)):
            for rule in rules:
                check_specs(self.name, rule.inputs, (*known, *more))
                check_specs(self.name, rule.outputs, wanted)
        return self.body.outputs

    def eval(self, *inputs: Any) -> Any:
        return tuple(self.body(*inputs))

    def linear(
        self, rules: Sequence[Body], others: Sequence[Body], known: Sequence[Var], given: Sequence[Var]
    ) -> list[Var]:
        """A rule applied, or the other one transposed."""
        if rules:
            return inline(rules[0].graph, [*known, *given])
        graph = others[0].graph
        seeds = range(len(known), len(graph.inputs))
        nothing = [constant_like(graph.inputs[i], 0.0) for i in seeds]  # linear in them, so it does not depend on them
        transposed = backward(graph, seeds)
        if asked_of(transposed, transposed.outputs).intersection(graph.inputs[i] for i in seeds):
            fix = "compute in it with the tangents or cotangents only by what is linear: sums, and products with others"
            raise UsageError("RULE-07", fix=fix)
        return inline(transposed, [*known, *nothing, *given])

    def jvp(self, outputs: Sequence[Var], inputs: Sequence[Var], tangents: Sequence[Var | None]) -> list[Var | None]:
        given = [zeros_for(inputs[i], tangents[i]) for i in floats_among(inputs[: self.arguments])]
        made = iter(self.linear(self.push, self.pull, [*inputs, *outputs], given))
        return [next(made) if is_float(y.spec.dtype) else None for y in outputs]

    def vjp(self, outputs: Sequence[Var], inputs: Sequence[Var], cotangents: Sequence[Var | None]) -> list[Var | None]:
        given = [zeros_for(outputs[i], cotangents[i]) for i in floats_among(outputs)]
        made = self.linear(self.pull, self.push, [*inputs, *outputs], given)
        found = dict(zip(floats_among(inputs[: self.arguments]), made, strict=True))
        return [found.get(i) for i in range(len(inputs))]

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        flags = list(batched)

        def wide(rule: Body) -> Body:
            return Body(batch_graph(rule.graph, [*flags, *[True] * (len(rule.inputs) - len(flags))], extent))

        # All get the axis: where an argument is the same for all lanes, the rule makes a cotangent for each.
        full = [x if has else widen(extent, x) for x, has in zip(inputs, batched, strict=True)]
        flags = [True] * len(flags)
        rules = [tuple(map(wide, rules)) for rules in (self.push, self.pull)]
        return bind_all(OwnRule(wide(self.body), rules[0], rules[1], self.arguments), *full), True

    def inner(self) -> tuple[Body, ...]:
        return (self.body, *self.push, *self.pull)

    def with_predicate(self, change: AddPredicate) -> tuple[Primitive, int]:
        count = len(self.body.inputs)
        rules = [tuple(change(rule, count) for rule in rules) for rules in (self.push, self.pull)]
        return OwnRule(change(self.body, count), rules[0], rules[1], self.arguments), count

    def flops(self, inputs: Sequence[Spec], outputs: Sequence[Spec]) -> int:
        return self.body.flops

    @classmethod
    def cases(cls) -> list[Case]:
        """The sine of a number times another, as if nobody knew its derivative; also where one is closed over."""
        inputs = "x: f64[3], n: i64[3], w: f64[3]"
        body = body_of(inputs, "s: f64[3] = sin(x)", "y: f64[3] = mul(s, w)", "y")
        known = f"{inputs}, y: f64[3]"
        by_x = ("c: f64[3] = cos(x)", "d: f64[3] = mul(c, w)", "u: f64[3] = mul(t, d)")
        by_w = ("s: f64[3] = sin(x)", "v: f64[3] = mul(b, s)", "m: f64[3] = add(u, v)", "m")
        push = body_of(f"{known}, t: f64[3], b: f64[3]", *by_x, *by_w)
        pull = body_of(f"{known}, t: f64[3]", *by_x, "s: f64[3] = sin(x)", "v: f64[3] = mul(t, s)", "u, v")
        closed = body_of(f"{known}, t: f64[3]", *by_x, "u")
        specs = ("f64[3]", "i64[3]", "f64[3]")
        return [
            case(cls(body, (push,), (), 3), *specs),
            case(cls(body, (), (pull,), 3), *specs),
            case(cls(body, (push,), (pull,), 3), *specs),
            case(cls(body, (closed,), (), 2), *specs, differentiate=False),
        ]
