"""Linear equations and determinants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mapsto.core.errors import DataError, DTypeError, ShapeError
from mapsto.core.spec import Spec
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import Case, Primitive, prim
from mapsto.prims.elementwise import mul, neg
from mapsto.prims.kinds import case, operands
from mapsto.prims.layout import Reshape, Transpose
from mapsto.prims.matrices import Numbers, OfMatrices, by_lapack, check_matrices, first_failing, iterated, mapped, named
from mapsto.prims.precision import widened
from mapsto.prims.rules import everywhere, identity, inner, less, product, turned


def solved(function: str, a: Numbers, b: Numbers) -> Numbers:
    """The solution x of a·x = b. Raises DataError for a singular matrix."""
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        place = first_failing(np.linalg.solve, a, b)
        rank = np.linalg.matrix_rank(a[place])
        rows = (("a", Spec(a.dtype, a.shape), f"rank {rank} of {a.shape[-1]}"),)
        fix = "xp.linalg.pinv(a) @ b is the least-squares solution; or add to the diagonal: a + 1e-6 * xp.eye(n)"
        raise DataError("LINALG-02", function=function, which=named(place), operands=rows, fix=fix) from None


@prim
class Solve(Primitive):
    """`a[…, n, n]`, `b[…, n, k]` ↦ the x with a·x = b, by LU with pivots. A singular a is a DataError (LINALG-02).

    dx = a⁻¹(db - da·x), and backwards b̄ = a⁻ᵀx̄, ā = -b̄·xᵀ (Giles 2008, 2.3.1).
    """

    arity: ClassVar[int | None] = 2

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        a, b = inputs
        rows = operands(inputs, ("a", "b"))
        check_matrices(self.name, a, square=True)
        check_matrices(self.name, b)
        if a.dtype != b.dtype:
            raise DTypeError("DTYPE-03", function=self.name, operands=rows, fix="cast one of them")
        if a.shape[:-2] != b.shape[:-2]:
            raise ShapeError("SHAPE-02", function=self.name, operands=rows, fix="broadcast the leading axes first")
        if a.shape[-1] != b.shape[-2]:
            fix = f"b has {b.shape[-2]} rows, a has {a.shape[-1]}"
            raise ShapeError("SHAPE-03", left="a", right="b", axis="rows", operands=rows, fix=fix)
        return (Spec(b.dtype, b.shape),)

    def eval(self, *inputs: Any) -> Any:
        b = widened(inputs[1])
        return by_lapack(lambda a: (solved(self.name, a, b),), inputs[0])[0]

    def refuses(self, inputs: Sequence[Spec]) -> bool:
        return True

    def jvp(self, outputs: Sequence[Var], inputs: Sequence[Var], tangents: Sequence[Var | None]) -> list[Var | None]:
        (x,), (a, _), (by_a, by_b) = outputs, inputs, tangents
        if by_a is not None:
            moved = product(by_a, x)
            by_b = neg(moved) if by_b is None else less(by_b, moved)
        return [None if by_b is None else bind(self, a, by_b)]

    def vjp(self, outputs: Sequence[Var], inputs: Sequence[Var], cotangents: Sequence[Var | None]) -> list[Var | None]:
        (x,), (a, _), (g,) = outputs, inputs, cotangents
        if g is None:
            return [None, None]
        back = bind(self, turned(a), g)
        return [neg(product(back, turned(x))), back]

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        """Many right sides of one matrix are its columns, for which it is factored once."""
        a, b = inputs
        if batched[0]:
            return mapped(self, extent, batched, inputs)
        *lead, n, k = b.spec.shape[1:]
        axes = tuple(range(1, b.spec.rank - 1))
        beside = bind(Reshape((*lead, n, extent * k)), bind(Transpose((*axes, 0, b.spec.rank - 1)), b))
        x = bind(Reshape((*lead, n, extent, k)), bind(self, a, beside))
        return (bind(Transpose((len(axes), *range(len(axes)), len(axes) + 1)), x),), True

    def flops(self, inputs: Sequence[Spec], outputs: Sequence[Spec]) -> int:
        a, b = inputs
        return (2 * a.size // 3 + 2 * b.size) * a.shape[-1]

    @classmethod
    def cases(cls) -> list[Case]:
        singular_with_nan = [[[math.nan, 1.0], [1.0, 1.0]], [[2.0, 1.0], [1.0, 1.0]]]
        return [
            case(cls(), "f64[3,3]", "f64[3,2]", fitted=far_from_singular),
            case(cls(), "f64[2,2,2]", "f64[2,2,1]", fitted=far_from_singular),
            case(cls(), "f32[2,2,2]", "f32[2,2,1]", special=(singular_with_nan, [[[1.0], [0.0]], [[1.0], [2.0]]])),
            case(cls(), "f32[0,0]", "f32[0,2]"),
            case(cls(), "f32[0,2,2]", "f32[0,2,1]"),
            case(cls(), "f32[2,2]", "f32[2,0]", fitted=far_from_singular),
        ]


def far_from_singular(a: Numbers, *others: Numbers) -> tuple[Numbers, ...]:
    """Numbers for a case ↦ the same, with square matrices whose diagonal outweighs the rest."""
    n = a.shape[-1]
    return a / (1 + np.abs(a)) + (n + 1) * np.eye(n), *others


class Determinant(OfMatrices):
    """Of square matrices, none of which is too singular."""

    square: ClassVar[bool] = True

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls(), "f64[3,3]", fitted=far_from_singular),
            case(cls(), "f64[2,2,2]", fitted=far_from_singular),
            case(cls(), "f32[2,2,2]", special=([[[math.inf, 1.0], [1.0, 1.0]], [[2.0, 1.0], [1.0, 1.0]]],)),
            case(cls(), "f64[1,1]", fitted=far_from_singular),
            case(cls(), "f32[0,0]"),
            case(cls(), "f32[0,2,2]"),
        ]


@prim
class Det(Determinant):
    """The determinant of every matrix, by LU with pivots. Its derivative is the matrix of cofactors."""

    def shapes(self, rows: int, columns: int) -> tuple[tuple[int, ...], ...]:
        return ((),)

    def of_finite(self, x: Numbers) -> tuple[Numbers, ...]:
        return (np.asarray(np.linalg.det(x)),)

    def differential(self, outputs: Sequence[Var], inputs: Sequence[Var], tangent: Var) -> list[Var | None]:
        return [inner(bind(Cofactors(), inputs[0]), tangent)]

    @classmethod
    def cases(cls) -> list[Case]:
        singular = [[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.0, -1.0, 5.0]]
        return [*super().cases(), case(cls(), "f32[3,3]", special=(singular,))]


@prim
class Cofactors(Determinant):
    """The derivative of the determinant: det(x)·x⁻ᵀ, and what that tends to where x is singular.

    By x = u·diag(s)·vᵀ it is det(u)·det(v)·u·diag(Π_{j≠i} s[j])·vᵀ (Stewart, On the adjugate matrix, 1998). Its own
    derivative is that of det(x)·x⁻ᵀ: a singular matrix is a DataError there (LINALG-02).
    """

    def shapes(self, rows: int, columns: int) -> tuple[tuple[int, ...], ...]:
        return ((rows, columns),)

    def of_finite(self, x: Numbers) -> tuple[Numbers, ...]:
        u, s, v = iterated(lambda one: tuple(np.linalg.svd(one)), x)
        others = np.where(np.eye(s.shape[-1], dtype=bool), 1, s[..., None, :]).prod(-1)
        sign = np.linalg.det(u) * np.linalg.det(v)
        return (np.matmul(u * (sign[..., None] * others)[..., None, :], v),)

    def differential(self, outputs: Sequence[Var], inputs: Sequence[Var], tangent: Var) -> list[Var | None]:
        (c,), (x,) = outputs, inputs
        grown = inner(turned(bind(Solve(), x, identity(x))), tangent)
        back = bind(Solve(), turned(x), product(turned(tangent), c))
        return [less(mul(c, everywhere(grown, c)), back)]


@prim
class LogDet(Determinant):
    """The sign of every determinant, and log |det|: 0 and -∞ for a singular matrix, where there is no derivative.

    d log |det x| = tr(x⁻¹ dx) (Giles 2008, 2.2.3); a singular matrix is a DataError there (LINALG-02).
    """

    def shapes(self, rows: int, columns: int) -> tuple[tuple[int, ...], ...]:
        return (), ()

    def of_finite(self, x: Numbers) -> tuple[Numbers, ...]:
        sign, log = np.linalg.slogdet(x)
        return np.asarray(sign), np.asarray(log)

    def differential(self, outputs: Sequence[Var], inputs: Sequence[Var], tangent: Var) -> list[Var | None]:
        (x,) = inputs
        return [None, inner(turned(bind(Solve(), x, identity(x))), tangent)]
