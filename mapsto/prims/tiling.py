"""Tiles of an axis, each mapped by one small matrix: what fast convolutions do before and after they multiply."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mapsto.core.errors import DTypeError, ShapeError
from mapsto.core.spec import Shape, Spec, is_float
from mapsto.ir.formula import Formula, Literal, Load, as_index, within, word
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import Case, prim
from mapsto.prims.kinds import Multilinear, case
from mapsto.prims.precision import rounded_term, wide_term, widened, working

Matrix = tuple[tuple[int, ...], ...]


@prim
class Tiling(Multilinear):
    """`t[…,j,a,…] = Σ m[a][i] · x[…, step·j + i - before, …]` over i, for `count` tiles j of an axis of x.

    The matrix m is that of the integers `matrix`, each divided by `over`, a power of 2. What lies outside of the axis,
    which has `extent` places, counts 0. `out = "t"` is this map; `out = "x"` is its transpose, t ↦ x, which adds up
    where tiles overlap. The axis j is number `axis` of both; a stands behind it.
    """

    out: str
    axis: int
    matrix: Matrix
    over: int
    step: int
    before: int
    extent: int
    count: int
    wrt: ClassVar[tuple[int, ...]] = (0,)

    @property
    def size(self) -> int:
        """How many places a tile has."""
        return len(self.matrix[0])

    def with_out(self, out: str, axis: int) -> Tiling:
        return Tiling(out, axis, self.matrix, self.over, self.step, self.before, self.extent, self.count)

    def numbers(self) -> list[list[float]]:
        """The matrix m."""
        return [[number / self.over for number in row] for row in self.matrix]

    def sides(self) -> tuple[Shape, Shape]:
        """What the input has in the place of the axis, and what the output has."""
        x, t = (self.extent,), (self.count, len(self.matrix))
        return (x, t) if self.out == "t" else (t, x)

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        (x,) = inputs
        if self.out not in ("x", "t"):
            raise ShapeError("PRIM-07", function=self.name, choices="x or t", out=self.out, fix='"t" makes tiles')
        if min(self.step, self.over) < 1:
            raise ShapeError("PRIM-11", function=self.name, fix="so are step and over")
        if not self.matrix or len(set(map(len, self.matrix))) > 1 or not self.size:
            raise ShapeError(
                "PRIM-06", function=self.name, operand=self.matrix, axes="[a, i]", fix="rows of one length"
            )
        if not is_float(x.dtype):
            raise DTypeError("DTYPE-04", function=self.name, wanted="floats", found=x, fix="cast it to float32")
        given, made = self.sides()
        behind = self.axis + len(given)
        if self.axis < 0 or x.shape[self.axis : behind] != given:
            raise ShapeError("PRIM-08", function=self.name, operand=x, extents=given, fix="write its extents")
        return (Spec(x.dtype, (*x.shape[: self.axis], *made, *x.shape[behind:])),)

    def eval(self, *inputs: Any) -> Any:
        (given,) = inputs
        wide = widened(given)
        shape = self.type(Spec(given.dtype, given.shape))[0].shape
        made = np.zeros(shape, working(given.dtype))
        t, x = (np.moveaxis(one, self.axis, 0) for one in ((made, wide) if self.out == "t" else (wide, made)))
        for j in range(self.count):
            for i in range(self.size):
                place = self.step * j + i - self.before
                if not 0 <= place < self.extent:
                    continue
                for a, row in enumerate(self.numbers()):
                    pair = np.moveaxis(t, self.axis + 1, 1)[j, a, ...], x[place, ...]
                    target, source = pair if self.out == "t" else pair[::-1]
                    target += row[i] * source
        return made.astype(given.dtype, copy=False)

    def transpose(self, i: int, g: Var, *inputs: Var) -> Var:
        return bind(self.with_out("x" if self.out == "t" else "t", self.axis), g)

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        return (bind(self.with_out(self.out, self.axis + 1), *inputs),), True

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        dtype = inputs[0].dtype
        before, place = o[: self.axis], o[self.axis]

        def load(index: tuple[Formula, ...], number: Formula, extent: int, behind: Sequence[Formula]) -> Formula:
            element = Load(0, (*before, *index, *behind), within(number, extent), Literal(0, ""))
            return wide_term(element, dtype)

        if self.out == "t":
            inner = [place * self.step + (i - self.before) for i in range(self.size)]
            xs = [load((number,), number, self.extent, o[self.axis + 2 :]) for number in inner]
            rows = [combined(zip(row, xs, strict=True)) for row in self.numbers()]
            value = chosen(o[self.axis + 1], rows)
        else:
            value = chosen((place + self.before) % self.step, [self.met(rest, o, load) for rest in range(self.step)])
        return rounded_term(value, dtype)

    def met(self, rest: int, o: Sequence[Formula], load: Any) -> Formula:
        """The sum at a place of x that is number `rest` of its step: over the tiles that it lies in."""
        first = (o[self.axis] + self.before) // self.step
        terms: list[tuple[float, Formula]] = []
        for earlier, i in enumerate(range(rest, self.size, self.step)):
            tile = first - earlier
            for a, row in enumerate(self.numbers()):
                if row[i]:
                    terms.append((row[i], load((tile, as_index(a)), tile, self.count, o[self.axis + 1 :])))
        return combined(terms)

    def flops(self, inputs: Sequence[Spec], outputs: Sequence[Spec]) -> int:
        """An addition for every number of the matrix that is not 0, beyond one a row."""
        used = sum(number != 0 for row in self.matrix for number in row)
        size = outputs[0].size if self.out == "t" else inputs[0].size
        return size // len(self.matrix) * (used - len(self.matrix))

    @classmethod
    def cases(cls) -> list[Case]:
        matrix = ((4, 0, -4, 0), (0, 4, 2, -1), (0, 0, 0, 8))
        return [
            case(cls("t", 1, matrix, 4, 2, 1, 5, 3), "f64[2,5,3]"),
            case(cls("x", 1, matrix, 4, 2, 1, 5, 3), "f64[2,3,3,2]"),
            case(cls("t", 0, ((1,), (-1,)), 1, 3, 0, 7, 2), "f64[7]"),  # gaps between tiles
            case(cls("x", 0, ((1,), (-1,)), 1, 3, 0, 7, 2), "f64[2,2]"),
            case(cls("t", 1, matrix, 4, 2, 0, 6, 2), "f32[1,6,2]"),
            case(cls("x", 0, matrix, 4, 1, 0, 6, 3), "f16[3,3,1]"),
        ]


def combined(terms: Any) -> Formula:
    """Pairs of number and formula ↦ Σ number · formula, without those times 0 and the products with ±1."""
    total: Formula | None = None
    for number, term in sorted((pair for pair in terms if pair[0]), key=lambda pair: pair[0] < 0):
        size = term if abs(number) == 1 else word("mul", term, Literal(abs(number), ""))
        if total is None:
            total = size if number > 0 else word("neg", size)
        else:
            total = word("add" if number > 0 else "sub", total, size)
    return Literal(0.0, "") if total is None else total


def chosen(place: Formula, values: Sequence[Formula]) -> Formula:
    """The value whose number `place` is."""
    value = values[-1]
    for number in reversed(range(len(values) - 1)):
        value = word("select", word("equal", place, as_index(number)), values[number], value)
    return value
