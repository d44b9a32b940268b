"""Matrices as products of simpler ones: Cholesky, QR, eigenvalues of symmetric matrices, singular values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from mapsto.core.errors import DataError
from mapsto.core.spec import Spec
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import Case, prim
from mapsto.prims.elementwise import Div, ZeroMul, add, constant_like, mul
from mapsto.prims.kinds import case
from mapsto.prims.matrices import Numbers, OfMatrices, first_failing, iterated, named
from mapsto.prims.rules import (
    BELOW,
    DIAGONAL,
    columns_of,
    diagonal,
    dropped,
    first_columns,
    identity,
    kept,
    less,
    product,
    rows_of,
    turned,
)
from mapsto.prims.solve import Solve


def halved(x: Var) -> Var:
    return mul(x, constant_like(x, 0.5))


def symmetric(x: Var) -> Var:
    """(x + xᵀ)/2."""
    return halved(add(x, turned(x)))


def symmetric_part(x: Numbers) -> Numbers:
    """The same of numbers; halved first, so that nothing overflows."""
    half = x / 2
    return half + np.swapaxes(half, -1, -2)


@prim
class Cholesky(OfMatrices):
    """A symmetric positive definite x ↦ the lower triangular l with l·lᵀ = x, of the symmetric part of x.

    dl = l·Φ(l⁻¹ dx l⁻ᵀ), where Φ keeps what is below the diagonal and half of the diagonal (Murray, Differentiation of
    the Cholesky decomposition, 2016, eq. 8). Any other matrix is a DataError (LINALG-03).
    """

    square: ClassVar[bool] = True
    times: ClassVar[int] = 1

    def shapes(self, rows: int, columns: int) -> tuple[tuple[int, ...], ...]:
        return ((rows, columns),)

    def of_finite(self, x: Numbers) -> tuple[Numbers, ...]:
        whole = symmetric_part(x)
        try:
            return (np.linalg.cholesky(whole),)
        except np.linalg.LinAlgError:
            place = first_failing(np.linalg.cholesky, whole)
            least = np.linalg.eigvalsh(whole[place])[0]
            rows = (("x", Spec(x.dtype, x.shape), f"smallest eigenvalue {least:.3g}"),)
            fix = "all eigenvalues must be above 0: add to the diagonal, x + 1e-6 * xp.eye(n)"
            raise DataError("LINALG-03", function=self.name, which=named(place), operands=rows, fix=fix) from None

    def refuses(self, inputs: Sequence[Spec]) -> bool:
        return True

    def differential(self, outputs: Sequence[Var], inputs: Sequence[Var], tangent: Var) -> list[Var | None]:
        (lower,) = outputs
        left = bind(Solve(), lower, symmetric(tangent))
        both = bind(Solve(), lower, turned(left))
        return [product(lower, add(kept(BELOW, both), halved(kept(DIAGONAL, both))))]

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls(), "f64[3,3]", fitted=positive_definite),
            case(cls(), "f64[2,2,2]", fitted=positive_definite),
            case(cls(), "f32[4,4]", fitted=positive_definite),
            case(cls(), "f32[1,1]", special=([[math.nan]],)),
            case(cls(), "f64[1,1]", fitted=positive_definite),
            case(cls(), "f32[0,0]"),
            case(cls(), "f32[0,2,2]"),
        ]


def positive_definite(x: Numbers) -> tuple[Numbers, ...]:
    """Numbers for a case ↦ symmetric matrices with eigenvalues above 1, far apart."""
    n = x.shape[-1]
    small = np.tanh(x) / (4 * n)
    return (small + np.swapaxes(small, -1, -2) + np.diag(np.arange(2.0, n + 2)),)


@prim
class Eigh(OfMatrices):
    """A symmetric x ↦ its eigenvalues in ascending order and orthonormal eigenvectors, the columns; of (x + xᵀ)/2.

    With p = vᵀ dx v: dw = diag(p), dv = v·(p[i,j] / (w[j] - w[i]) for i ≠ j) (Giles 2008, 3.1). Eigenvectors of equal
    eigenvalues have no derivative: it comes out infinite or NaN. That of the eigenvalues alone is finite.
    """

    square: ClassVar[bool] = True
    times: ClassVar[int] = 9

    def shapes(self, rows: int, columns: int) -> tuple[tuple[int, ...], ...]:
        return (rows,), (rows, rows)

    def of_finite(self, x: Numbers) -> tuple[Numbers, ...]:
        return iterated(lambda one: tuple(np.linalg.eigh(one)), symmetric_part(x))

    def differential(self, outputs: Sequence[Var], inputs: Sequence[Var], tangent: Var) -> list[Var | None]:
        w, v = outputs
        turning = product(turned(v), product(symmetric(tangent), v))
        gaps = less(rows_of(w, v), columns_of(w, v))
        return [diagonal(turning), product(v, apart(turning, gaps))]

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls(), "f64[3,3]", fitted=positive_definite),
            case(cls(), "f64[2,2,2]", fitted=positive_definite),
            case(cls(), "f32[3,3]", fitted=positive_definite),
            case(cls(), "f32[2,1,1]", special=([[[math.inf]], [[3.0]]],)),
            case(cls(), "f64[1,1]"),
            case(cls(), "f32[0,0]"),
            case(cls(), "f32[0,2,2]"),
        ]


def apart(numerators: Var, gaps: Var) -> Var:
    """Quotients off the diagonal, 0 on it. Where a gap is 0 they are infinite, unless the numerator is 0, too."""
    inverse = bind(Div(), constant_like(gaps, 1.0), add(gaps, identity(gaps)))
    return bind(ZeroMul(), dropped(DIAGONAL, numerators), inverse)


@prim
class QR(OfMatrices):
    """x[…, m, n] ↦ q[…, m, k] with orthonormal columns, and the upper triangular r[…, k, n]; q·r = x.

    k is the smaller of m and n. By Householder reflections: the diagonal of r may be negative. With the first k columns
    of dx and r, s = qᵀ dx r⁻¹ and Ω = s below the diagonal, less its transpose: dq = q·Ω + (dx r⁻¹ - q·s), and
    dr = qᵀ dx - Ω·r (Walter and Lehmann, Algorithmic differentiation of linear algebra functions, 2010). Where these
    columns depend on each other there is no derivative: a DataError (LINALG-02).
    """

    times: ClassVar[int] = 4

    def shapes(self, rows: int, columns: int) -> tuple[tuple[int, ...], ...]:
        least = min(rows, columns)
        return (rows, least), (least, columns)

    def of_finite(self, x: Numbers) -> tuple[Numbers, ...]:
        return tuple(np.linalg.qr(x))

    def differential(self, outputs: Sequence[Var], inputs: Sequence[Var], tangent: Var) -> list[Var | None]:
        q, r = outputs
        count = q.spec.shape[-1]
        straight = turned(bind(Solve(), turned(first_columns(r, count)), turned(first_columns(tangent, count))))
        s = product(turned(q), straight)
        lower = kept(BELOW, s)
        turning = less(lower, turned(lower))
        moved = add(product(q, turning), less(straight, product(q, s)))
        return [moved, dropped(BELOW, less(product(turned(q), tangent), product(turning, r)))]

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls(), "f64[4,3]", fitted=spread_out),
            case(cls(), "f64[2,4]", fitted=spread_out),
            case(cls(), "f64[2,2,2]", fitted=spread_out),
            case(cls(), "f32[3,2]", fitted=spread_out),
            case(cls(), "f32[2,2,1]", special=([[[math.nan], [1.0]], [[3.0], [4.0]]],)),
            case(cls(), "f64[3,1]"),
            case(cls(), "f32[3,0]"),
            case(cls(), "f32[0,2,2]"),
        ]


def spread_out(x: Numbers) -> tuple[Numbers, ...]:
    """Numbers for a case ↦ matrices with different singular values, none near 0."""
    rows, columns = x.shape[-2:]
    large = np.zeros((rows, columns))
    np.fill_diagonal(large, np.arange(2.0, 2 + min(rows, columns)))
    return (np.tanh(x) / (2 * max(rows, columns)) + large,)


@prim
class SVD(OfMatrices):
    """x[…, m, n] ↦ u[…, m, k], the singular values s[…, k] in descending order, and vᵀ[…, k, n]; x = u·diag(s)·vᵀ.

    k is the smaller of m and n. With p = uᵀ dx v and f[i,j] = 1 / (s[j]² - s[i]²) for i ≠ j: ds = diag(p),
    du = u·(f ∘ (p·s + s·pᵀ)) + (1 - u·uᵀ) dx v s⁻¹, dv = v·(f ∘ (s·p + pᵀ·s)) + (1 - v·vᵀ) dxᵀ u s⁻¹ (Townsend,
    Differentiating the singular value decomposition, 2016). Where two singular values are equal, or one is 0 and x is
    not square, u and v have no derivative: it comes out infinite or NaN. That of s alone is finite.
    """

    times: ClassVar[int] = 12

    def shapes(self, rows: int, columns: int) -> tuple[tuple[int, ...], ...]:
        least = min(rows, columns)
        return (rows, least), (least,), (least, columns)

    def of_finite(self, x: Numbers) -> tuple[Numbers, ...]:
        return iterated(lambda one: tuple(np.linalg.svd(one, full_matrices=False)), x)

    def differential(self, outputs: Sequence[Var], inputs: Sequence[Var], tangent: Var) -> list[Var | None]:
        u, s, vt = outputs
        v, ut = turned(vt), turned(u)
        p = product(ut, product(tangent, v))
        by_column, by_row = rows_of(s, p), columns_of(s, p)
        gaps = mul(less(by_column, by_row), add(by_column, by_row))
        q = turned(p)
        du = product(u, apart(add(mul(p, by_column), mul(q, by_row)), gaps))
        dv = product(v, apart(add(mul(p, by_row), mul(q, by_column)), gaps))
        rows, columns = inputs[0].spec.shape[-2:]
        if rows > columns:
            du = add(du, outside(u, product(tangent, v), s))
        if rows < columns:
            dv = add(dv, outside(v, product(turned(tangent), u), s))
        return [du, diagonal(p), turned(dv)]

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls(), "f64[4,3]", fitted=spread_out),
            case(cls(), "f64[2,3]", fitted=spread_out),
            case(cls(), "f64[2,2,2]", fitted=spread_out),
            case(cls(), "f32[3,3]", fitted=spread_out),
            case(cls(), "f32[2,2,1]", special=([[[math.nan], [1.0]], [[3.0], [4.0]]],)),
            case(cls(), "f64[1,1]"),
            case(cls(), "f32[3,0]"),
            case(cls(), "f32[0,2,2]"),
        ]


def outside(q: Var, x: Var, s: Var) -> Var:
    """(1 - q·qᵀ)·x·s⁻¹: the part of x that the columns of q do not span, divided column by column."""
    rest = less(x, product(q, product(turned(q), x)))
    return bind(ZeroMul(), rest, rows_of(bind(Div(), constant_like(s, 1.0), s), rest))
