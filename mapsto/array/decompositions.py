"""Matrices as products of simpler ones, and what is read off these: `cholesky`, `qr`, `eigh`, `svd` of `xp.linalg`.

Matrices stand in the last two axes; a matrix with a NaN or an infinity gives NaN. Computed by LAPACK on this thread.
"""

from __future__ import annotations

import builtins
from typing import NamedTuple

from mapsto.array.arithmetic import multiply, stop_gradient, subtract
from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import greater
from mapsto.array.convert import cast, one_float, strong
from mapsto.array.diagonals import eye
from mapsto.array.linear import matmul
from mapsto.array.manipulate import between, broadcast_to, concat, expand_dims, matrix_transpose, zeros
from mapsto.array.reduction import count_nonzero, max
from mapsto.array.trace import apply, apply_all
from mapsto.core.check import one_of
from mapsto.core.spec import INT64, float_info
from mapsto.prims.factor import QR, SVD, Cholesky, Eigh
from mapsto.prims.matrices import check_matrices


class EighResult(NamedTuple):
    """Eigenvalues in ascending order, and the eigenvectors as columns."""

    eigenvalues: Array
    eigenvectors: Array


class QRResult(NamedTuple):
    """Orthonormal columns, and an upper triangular matrix."""

    Q: Array
    R: Array


class SVDResult(NamedTuple):
    """Left singular vectors as columns, singular values in descending order, right singular vectors as rows."""

    U: Array
    S: Array
    Vh: Array


def floats_of(function: str, x: ArrayLike, square: bool = False) -> Array:
    """An array of matrices of floats, square ones if it is asked; integers become float32."""
    x = strong(one_float(x))
    check_matrices(function, x.spec, square)
    return x


def cholesky(x: ArrayLike, /, *, upper: bool = False) -> Array:
    """A positive definite matrix ↦ the lower triangular L with L·Lᵀ = x, or Lᵀ if `upper`: `[…, n, n] ↦ […, n, n]`.

    The matrix meant is (x + xᵀ)/2, so the derivative is symmetric. Raises ShapeError for what is not square,
    DataError (LINALG-03) for a matrix that is not positive definite. Derivative: Murray 2016 (arXiv:1602.07527).

    >>> cholesky([[4.0, 2.0], [2.0, 2.0]])
    array([[2., 0.],
           [1., 1.]], f32[2,2])
    """
    lower = apply(Cholesky(), floats_of("cholesky", x, square=True))
    return matrix_transpose(lower) if upper else lower


def eigh(x: ArrayLike, /) -> EighResult:
    """A symmetric matrix ↦ its eigenvalues, ascending, and orthonormal eigenvectors: `[…, n, n] ↦ […, n], […, n, n]`.

    x = V·diag(w)·Vᵀ; the matrix meant is (x + xᵀ)/2, and the sign of each vector is LAPACK's. Derivatives by Giles
    2008, 3.1: where eigenvalues are equal, that of the vectors does not exist and comes out infinite or NaN; that of
    the eigenvalues alone is finite. Raises ShapeError for what is not square.

    >>> eigh([[2.0, 0.0], [0.0, 1.0]]).eigenvalues
    array([1., 2.], f32[2])
    """
    return EighResult(*apply_all(Eigh(), floats_of("eigh", x, square=True)))


def eigvalsh(x: ArrayLike, /) -> Array:
    """The eigenvalues of symmetric matrices in ascending order, as `eigh` finds them: `[…, n, n] ↦ […, n]`.

    >>> eigvalsh([[2.0, 0.0], [0.0, 1.0]])
    array([1., 2.], f32[2])
    """
    return eigh(x).eigenvalues


def qr(x: ArrayLike, /, *, mode: str = "reduced") -> QRResult:
    """x = Q·R: `[…, m, n] ↦ […, m, k], […, k, n]` with k = min(m, n), or k = m in the mode "complete".

    Q has orthonormal columns, R is upper triangular, its diagonal may be negative. Derivatives by Walter and Lehmann
    2010; where the first k columns of x depend on each other there is none, which is a DataError (LINALG-02). The
    columns that "complete" adds are one basis of many: their derivative is right for what all bases agree in.

    >>> qr([[3.0], [4.0]]).R
    array([[-5.]], f32[1,1])
    """
    one_of("qr", "mode", mode, ("reduced", "complete"))
    x = floats_of("qr", x)
    rows, columns = x.shape[-2:]
    q, r = apply_all(QR(), x)
    if mode == "complete" and rows > columns:
        q = completed(q)
        r = concat([r, zeros((*x.shape[:-2], rows - columns, columns), dtype=x.dtype)], axis=-2)
    return QRResult(q, r)


def svd(x: ArrayLike, /, *, full_matrices: bool = True) -> SVDResult:
    """x = U·diag(S)·Vh, S descending: `[…, m, n] ↦ […, m, m], […, k], […, n, n]`, k = min(m, n).

    Without `full_matrices` U is `[…, m, k]` and Vh `[…, k, n]`, which is what most uses need, and cheaper. The signs
    are LAPACK's. Derivatives by Townsend 2016: where two singular values are equal, that of the vectors does not exist
    and comes out infinite or NaN; that of S alone is finite. What `full_matrices` adds is one basis of many.

    >>> svd([[3.0, 0.0], [0.0, -2.0]]).S
    array([3., 2.], f32[2])
    """
    u, s, vh = apply_all(SVD(), floats_of("svd", x))
    if full_matrices and u.shape[-2] > u.shape[-1]:
        u = completed(u)
    if full_matrices and vh.shape[-1] > vh.shape[-2]:
        vh = matrix_transpose(completed(matrix_transpose(vh)))
    return SVDResult(u, s, vh)


def completed(q: Array) -> Array:
    """Orthonormal columns ↦ as many more as make a square matrix: `[…, m, k] ↦ […, m, m]`.

    Some complement is found and held fixed; made orthogonal to q again, which changes no digit of it, it moves with q
    as little as it can. The derivative is so that of one smooth choice of bases.
    """
    rows, columns = q.shape[-2:]
    rest = subtract(eye(rows, dtype=q.dtype), matmul(q, matrix_transpose(q)))  # its eigenvalues are 0 and 1
    vectors = eigh(stop_gradient(rest)).eigenvectors
    complement = between(vectors, q.ndim - 1, columns, rows)
    square = apply_all(QR(), concat([q, complement], axis=-1))[0]
    return concat([q, between(square, q.ndim - 1, columns, rows)], axis=-1)


def svdvals(x: ArrayLike, /) -> Array:
    """The singular values of matrices in descending order, as `svd` finds them: `[…, m, n] ↦ […, min(m, n)]`.

    >>> svdvals([[3.0, 0.0], [0.0, -2.0]])
    array([3., 2.], f32[2])
    """
    return svd(x, full_matrices=False).S


def tolerance(x: Array, rtol: ArrayLike | None) -> Array:
    """`rtol`, one for each matrix, in the type of the matrices; by default max(m, n) · eps of that type."""
    eps = float(float_info(x.dtype).eps)
    given = builtins.max(x.shape[-2:]) * eps if rtol is None else rtol
    return broadcast_to(cast(strong(given), x.dtype), x.shape[:-2])


def matrix_rank(x: ArrayLike, /, *, rtol: ArrayLike | None = None) -> Array:
    """How many singular values exceed rtol times the largest one: `[…, m, n] ↦ […]`, int64.

    `rtol` is one number or one for each matrix, by default max(m, n) · eps.

    >>> matrix_rank([[1.0, 2.0], [2.0, 4.0]])
    array(1, i64[])
    """
    x = floats_of("matrix_rank", x)
    if 0 in x.shape[-2:]:
        return zeros(x.shape[:-2], dtype=INT64)
    s = svdvals(x)
    least = multiply(expand_dims(tolerance(x, rtol), axis=-1), max(s, axis=-1, keepdims=True))
    return count_nonzero(greater(s, least), axis=-1)
