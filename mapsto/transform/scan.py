"""A loop of a known number of turns, as one node: `Scan`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np

from mapsto.core.errors import ShapeError
from mapsto.core.spec import Spec, is_float
from mapsto.ir.body import Body
from mapsto.ir.graph import Graph, Var, bind, bind_all
from mapsto.ir.primitive import Case, Primitive, prim
from mapsto.prims.elementwise import widen
from mapsto.prims.kinds import case
from mapsto.prims.layout import Transpose
from mapsto.transform.batch import batch_graph
from mapsto.transform.bodies import body_of, check_specs, zeros_for
from mapsto.transform.derive import forward, varying
from mapsto.transform.predication import AddPredicate
from mapsto.transform.scan_reverse import backwards

T = TypeVar("T")


@prim
class Scan(Primitive):
    """Constants, first carries and rows ↦ last carries and rows: `length` turns of `body`, each with the carries of the
    one before and the next row of every array; from the last row to the first if `reverse`.

    `body` maps (constants, carries, a row of each array) to (carries, a row of each result). The first `constants`
    inputs are the same in every turn, the next `carries` are the first carries; what follows has rows along axis 0.
    """

    arity: ClassVar[int | None] = None

    body: Body
    length: int
    constants: int
    carries: int
    reverse: bool

    def parts(self, values: Sequence[T]) -> tuple[list[T], list[T], list[T]]:
        """What stands for the inputs of the node, or of its body ↦ constants, carries, rows."""
        first, second = self.constants, self.constants + self.carries
        return list(values[:first]), list(values[first:second]), list(values[second:])

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        if min(self.length, self.constants, self.carries) < 0 or self.constants + self.carries > len(self.body.inputs):
            found = "numbers of turns, constants and carries that do not fit"
            raise ShapeError("PRIM-16", function=self.name, wanted=self.body, found=found, fix="mt.scan counts them")
        constants, carries, rows = self.parts(self.body.inputs)
        check_specs(self.name, [*constants, *carries, *map(self.stacked, rows)], inputs)
        handed = self.body.outputs
        check_specs(self.name, carries, handed[: self.carries])
        return (*handed[: self.carries], *map(self.stacked, handed[self.carries :]))

    def stacked(self, row: Spec) -> Spec:
        return Spec(row.dtype, (self.length, *row.shape))

    def eval(self, *inputs: Any) -> Any:
        constants, carries, arrays = self.parts(inputs)
        made = [np.empty(spec.shape, spec.dtype) for spec in map(self.stacked, self.body.outputs[self.carries :])]
        turns = range(self.length)
        for turn in reversed(turns) if self.reverse else turns:
            results = self.body(*constants, *carries, *(array[turn] for array in arrays))
            carries = results[: self.carries]
            for array, row in zip(made, results[self.carries :], strict=True):
                array[turn] = row
        return (*carries, *made)

    def jvp(self, outputs: Sequence[Var], inputs: Sequence[Var], tangents: Sequence[Var | None]) -> list[Var | None]:
        """A scan whose carries are the carries and their tangents."""
        graph, first = self.body.graph, self.constants
        carried = range(first, first + self.carries)
        floats = [i for i, x in enumerate(inputs) if is_float(x.spec.dtype)]
        moved = [i for i in floats if tangents[i] is not None or i in carried]
        derived = forward(graph, moved)
        seeds = dict(zip(moved, derived.inputs[len(graph.inputs) :], strict=True))
        whole = {i: zeros_for(inputs[i], tangents[i]) for i in moved}
        places = self.parts(range(len(inputs)))

        def beside(one: Sequence[Var], other: dict[int, Var]) -> list[Var]:
            """Constants, then their tangents; carries, then theirs; rows, then theirs."""
            return [
                var
                for part in places
                for row in ([one[i] for i in part], [other[i] for i in part if i in other])
                for var in row
            ]

        made = [i for i, y in enumerate(outputs) if is_float(y.spec.dtype)]
        results = dict(zip(made, derived.outputs[len(graph.outputs) :], strict=True))
        carries = [i for i in made if i < self.carries]
        rows = [i for i in made if i >= self.carries]
        handed = [*derived.outputs[: self.carries], *(results[i] for i in carries)]
        handed += [*derived.outputs[self.carries : len(outputs)], *(results[i] for i in rows)]
        constants = self.constants + sum(i < first for i in moved)
        body = Body(Graph(tuple(beside(graph.inputs, seeds)), derived.nodes, tuple(handed)))
        scan = Scan(body, self.length, constants, self.carries + len(carries), self.reverse)
        found = bind_all(scan, *beside(inputs, whole))
        own = dict(zip(carries, found[self.carries :], strict=False))
        own.update(zip(rows, found[len(found) - len(rows) :], strict=True))
        return [own.get(i) for i in range(len(outputs))]

    def vjp(self, outputs: Sequence[Var], inputs: Sequence[Var], cotangents: Sequence[Var | None]) -> list[Var | None]:
        return backwards(self, inputs, cotangents)

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        """Carries get the axis where something that has it reaches them; rows have it behind that of the turns."""
        graph, flags = self.body.graph, list(batched)
        carries = range(self.constants, self.constants + self.carries)
        while True:
            wide = varying(graph.nodes, [var for var, has in zip(graph.inputs, flags, strict=True) if has])
            reached = [i for i, var in zip(carries, graph.outputs, strict=False) if var in wide and not flags[i]]
            if not reached:
                break
            for i in reached:
                flags[i] = True
        has_axis = [flags[i] for i in carries] + [var in wide for var in graph.outputs[self.carries :]]
        body = batch_graph(graph, flags, extent, has_axis)
        given = [widen(extent, x) if i in carries and flags[i] and not batched[i] else x for i, x in enumerate(inputs)]
        given = [
            exchanged(x) if has and i >= carries.stop else x
            for i, (x, has) in enumerate(zip(given, flags, strict=True))
        ]
        made = bind_all(Scan(Body(body), self.length, self.constants, self.carries, self.reverse), *given)
        outputs: list[Var] = []
        for i, (y, has) in enumerate(zip(made, has_axis, strict=True)):
            outputs.append(widen(extent, y) if not has else exchanged(y) if i >= self.carries else y)
        return tuple(outputs), True

    def inner(self) -> tuple[Body, ...]:
        return (self.body,)

    def with_predicate(self, change: AddPredicate) -> tuple[Primitive, int]:
        body = change(self.body, self.constants)
        return Scan(body, self.length, self.constants + 1, self.carries, self.reverse), self.constants

    def flops(self, inputs: Sequence[Spec], outputs: Sequence[Spec]) -> int:
        return self.length * self.body.flops

    @classmethod
    def cases(cls) -> list[Case]:
        """h ← tanh(h·c + x), which is handed out too; a running product, backwards; a count with numbers of no use."""
        cell = body_of(
            "c: f64[2], h: f64[2], x: f64[2]",
            "m: f64[2] = mul(h, c)",
            "a: f64[2] = add(m, x)",
            "y: f64[2] = tanh(a)",
            "s: f64[2] = mul(y, a)",
            "y, s",
        )
        product = body_of("w: f64[2,2], h: f64[2], x: f64[2,2]", PRODUCTS[0], PRODUCTS[1], "v, h")
        count = body_of(
            "n: i64[], x: f64[2]", 'o: i64[] = const(text="1", dtype="i64")', "m: i64[] = add(n, o)", "m, x, n"
        )
        return [
            case(cls(cell, 3, 1, 1, False), "f64[2]", "f64[2]", "f64[3,2]"),
            case(cls(cell, 3, 1, 1, True), "f64[2]", "f64[2]", "f64[3,2]"),
            case(cls(product, 2, 1, 1, True), "f64[2,2]", "f64[2]", "f64[2,2,2]"),
            case(cls(count, 2, 0, 1, False), "i64[]", "f64[2,2]"),
            case(cls(cell, 1, 1, 1, False), "f64[2]", "f64[2]", "f64[1,2]"),
            case(cls(cell, 0, 1, 1, False), "f64[2]", "f64[2]", "f64[0,2]"),
        ]


PRODUCTS = (
    'u: f64[2,2] = contract(w, x; x="ik", y="kj", out="ij")',
    'v: f64[2] = contract(u, h; x="ij", y="j", out="i")',
)


def exchanged(x: Var) -> Var:
    """The first two axes, each in the other's place."""
    return bind(Transpose((1, 0, *range(2, x.spec.rank))), x)
