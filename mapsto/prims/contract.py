"""Contraction of two arrays by letters: every matrix product, `Contract("ik", "kj", "ij")`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mapsto.core.errors import DTypeError, ShapeError
from mapsto.core.spec import Spec
from mapsto.ir.formula import Formula, Index, Literal, Load, Reduce, word
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import Case, prim
from mapsto.prims.elementwise import numbers_only
from mapsto.prims.kinds import Multilinear, case
from mapsto.prims.precision import rounded_term, wide_term, widened

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@prim
class Contract(Multilinear):
    """`out[o] = Σ x[…]·y[…]` over the letters that `x` and `y` share and `out` lacks.

    Every letter of `out` stands in `x` or `y`; a letter of only one operand stands in `out`; none repeats. Half floats
    are multiplied and summed in float32 and rounded once; integers wrap.
    """

    arity: ClassVar[int | None] = 2

    x: str
    y: str
    out: str
    wrt: ClassVar[tuple[int, ...]] = (0, 1)

    def extents(self, x: Spec, y: Spec) -> dict[str, int]:
        extents: dict[str, int] = {}
        for letters, spec in ((self.x, x), (self.y, y)):
            if len(letters) != spec.rank:
                facts: dict[str, Any] = {"operand": spec, "rank": spec.rank, "letters": letters, "named": len(letters)}
                raise ShapeError("PRIM-12", **facts, fix="one letter for every axis")
            for letter, extent in zip(letters, spec.shape, strict=True):
                if extents.setdefault(letter, extent) != extent:
                    rows = (("x", x, self.x), ("y", y, self.y))
                    raise ShapeError("SHAPE-03", left="x", right="y", axis=letter, operands=rows)
        return extents

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        x, y = inputs
        numbers_only(self.name, x)
        if x.dtype != y.dtype:
            raise DTypeError(
                "DTYPE-03", function=self.name, operands=(("x", x, ""), ("y", y, "")), fix="cast one of them"
            )
        extents = self.extents(x, y)
        lonely = set(self.x) ^ set(self.y)
        if not lonely <= set(self.out) <= set(self.x + self.y) or any(
            len(set(letters)) < len(letters) for letters in (self.x, self.y, self.out)
        ):
            raise ShapeError("PRIM-13", x=self.x, y=self.y, out=self.out, fix="write it for xp.einsum")
        return (Spec(x.dtype, tuple(extents[letter] for letter in self.out)),)

    @property
    def groups(self) -> tuple[str, str, str, str]:
        """Letters by role: in all three, in x and out, in y and out, summed."""
        both = [letter for letter in self.x if letter in self.y]
        return (
            "".join(letter for letter in both if letter in self.out),
            "".join(letter for letter in self.x if letter not in self.y),
            "".join(letter for letter in self.y if letter not in self.x),
            "".join(letter for letter in both if letter not in self.out),
        )

    def eval(self, *inputs: Any) -> Any:
        """As one (stacked) matrix product of reordered operands."""
        x, y = inputs
        batch, left, right, summed = self.groups
        extents = dict(zip(self.x + self.y, x.shape + y.shape, strict=True))

        def size(letters: str) -> int:
            return math.prod(extents[letter] for letter in letters)

        def arranged(array: Any, letters: str, order: str, shape: tuple[int, ...]) -> Any:
            return array.transpose([letters.index(letter) for letter in order]).reshape(shape)

        b, m, n, k = size(batch), size(left), size(right), size(summed)
        rows = arranged(widened(x), self.x, batch + left + summed, (b, m, k))
        columns = arranged(widened(y), self.y, batch + summed + right, (b, k, n))
        # A sum begins with 0 and so never is -0.0, which a product can be.
        product = (np.matmul(rows, columns) if summed else rows * columns).astype(x.dtype, copy=False)
        order = batch + left + right
        return arranged(product.reshape([extents[letter] for letter in order]), order, self.out, (-1,)).reshape(
            [extents[letter] for letter in self.out]
        )

    def transpose(self, i: int, g: Var, *inputs: Var) -> Var:
        if i == 0:
            return bind(Contract(self.out, self.y, self.x), g, inputs[1])
        return bind(Contract(self.x, self.out, self.y), inputs[0], g)

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        letter = next(letter for letter in LETTERS if letter not in self.x + self.y)
        x, y = (letter + old if has else old for old, has in zip((self.x, self.y), batched, strict=True))
        return (bind(Contract(x, y, letter + self.out), *inputs),), True

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        extents = self.extents(*inputs)
        where: dict[str, Formula] = dict(zip(self.out, o, strict=True))
        summed = {letter: Index(extents[letter]) for letter in self.groups[3]}
        where.update(summed)
        x = Load(0, tuple(where[letter] for letter in self.x))
        y = Load(1, tuple(where[letter] for letter in self.y))
        dtype = inputs[0].dtype
        value: Formula = word("mul", wide_term(x, dtype), wide_term(y, dtype))
        for letter in reversed(self.groups[3]):
            value = Reduce("add", summed[letter], Literal(0, ""), value)
        return rounded_term(value, dtype)

    def flops(self, inputs: Sequence[Spec], outputs: Sequence[Spec]) -> int:
        return 2 * math.prod(self.extents(*inputs).values())

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls("ik", "kj", "ij"), "f64[3,4]", "f64[4,2]"),
            case(cls("bik", "bjk", "bij"), "f64[2,3,4]", "f64[2,2,4]"),
            case(cls("i", "i", ""), "f64[5]", "f64[5]"),
            case(cls("i", "j", "ji"), "f64[2]", "f64[3]"),
            case(cls("i", "j", "ij"), "f32[2]", "f32[2]", special=([-1.0, 0.0], [0.0, -2.0])),
            case(cls("ik", "kj", "ij"), "f32[2,0]", "f32[0,3]"),
            case(cls("ik", "kj", "ij"), "i64[2,3]", "i64[3,2]"),
            case(cls("i", "ij", "ij"), "f64[2]", "f64[2,3]"),
            case(cls("ik", "kj", "ij"), "f64[1,1]", "f64[1,1]"),
            case(cls("", "", ""), "f64[]", "f64[]"),
            case(cls("k", "k", ""), "f16[300]", "f16[300]", special=([0.1] * 300, [1.0] * 300)),
            case(cls("k", "k", ""), "u8[2]", "u8[2]", special=([200, 3], [2, 100])),
            case(cls("ik", "k", "i"), "f32[2,2]", "f32[2]", special=([[math.inf, 1], [2, 1e-40]], [0.0, math.nan])),
        ]
