"""Linear equations, inverses, determinants and powers of matrices, which stand in the last two axes."""

from __future__ import annotations

from typing import NamedTuple

from mapsto.array.array import Array, ArrayLike
from mapsto.array.convert import integer, promote, spread, strong
from mapsto.array.decompositions import floats_of, tolerance
from mapsto.array.diagonals import eye, matrices
from mapsto.array.linear import matmul, stacked
from mapsto.array.manipulate import expand_dims, squeeze
from mapsto.array.trace import apply, apply_all
from mapsto.prims.matrices import check_matrices, check_square
from mapsto.prims.pseudo_inverse import PseudoInverse
from mapsto.prims.solve import Det, LogDet, Solve


class SlogdetResult(NamedTuple):
    """The sign of a determinant, and the logarithm of its size."""

    sign: Array
    logabsdet: Array


def solve(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """The solution x of x1·x = x2: `[…, n, n], […, n, k] ↦ […, n, k]`, or `[…, n, n], [n] ↦ […, n]`.

    By LU with pivots; the leading axes broadcast. Raises ShapeError where the shapes do not fit, DataError (LINALG-02)
    for a singular matrix; nearly singular ones lose digits. Derivative: Giles 2008, 2.3.1.

    >>> solve([[2.0, 0.0], [0.0, 4.0]], [1.0, 1.0])
    array([0.5 , 0.25], f32[2])
    """
    a, b = (strong(x) for x in promote("solve", x1, x2, floats=True))
    check_matrices("solve", a.spec, square=True)
    vector = b.ndim == 1
    a, b = stacked("solve", a, expand_dims(b, axis=-1) if vector else b)
    x = apply(Solve(), a, b)
    return squeeze(x, -1) if vector else x


def inv(x: ArrayLike, /) -> Array:
    """The inverse of square matrices: `[…, n, n] ↦ […, n, n]`.

    `solve(x, b)` is faster and more exact than `inv(x) @ b`. Raises ShapeError for what is not square, DataError
    (LINALG-02) for a singular matrix.

    >>> inv([[2.0, 0.0], [0.0, 4.0]])
    array([[0.5 , 0.  ],
           [0.  , 0.25]], f32[2,2])
    """
    x = floats_of("inv", x, square=True)
    return apply(Solve(), x, spread(eye(x.shape[-2], dtype=x.dtype), (*x.shape[:-1], x.shape[-2])))


def pinv(x: ArrayLike, /, *, rtol: ArrayLike | None = None) -> Array:
    """The pseudoinverse of Moore and Penrose: `[…, m, n] ↦ […, n, m]`; `pinv(x) @ b` is the least-squares solution.

    Singular values up to rtol times the largest one count as 0; `rtol` is one number or one for each matrix, by default
    max(m, n) · eps. The derivative is that for a constant rank (Golub and Pereyra 1973).

    >>> pinv([[2.0, 0.0]])
    array([[0.5],
           [0. ]], f32[2,1])
    """
    x = floats_of("pinv", x)
    return apply(PseudoInverse(), x, tolerance(x, rtol))


def det(x: ArrayLike, /) -> Array:
    """The determinant of square matrices: `[…, n, n] ↦ […]`. Over- and underflows where `slogdet` does not.

    Its derivative is the matrix of cofactors, for singular matrices too; those have no second derivative here, which is
    a DataError (LINALG-02). Raises ShapeError for what is not square.

    >>> det([[1.0, 2.0], [3.0, 5.0]])
    array(-1., f32[])
    """
    return apply(Det(), floats_of("det", x, square=True))


def slogdet(x: ArrayLike, /) -> SlogdetResult:
    """The sign of the determinant and log |det|: `[…, n, n] ↦ […], […]`; 0 and -∞ for a singular matrix.

    d log |det| = tr(x⁻¹ dx) (Giles 2008, 2.2.3); for a singular matrix a DataError (LINALG-02). Raises ShapeError for
    what is not square.

    >>> slogdet([[-2.0, 0.0], [0.0, 0.5]])
    SlogdetResult(sign=array(-1., f32[]), logabsdet=array(0., f32[]))
    """
    return SlogdetResult(*apply_all(LogDet(), floats_of("slogdet", x, square=True)))


def matrix_power(x: ArrayLike, n: int, /) -> Array:
    """x @ x @ … @ x of n factors, of inverses if n is negative, the identity if it is 0: `[…, m, m] ↦ […, m, m]`.

    By repeated squaring. Raises ShapeError for what is not square, DataError (LINALG-02) for the negative power of a
    singular matrix.

    >>> matrix_power([[1, 1], [1, 0]], 10)
    array([[89, 55],
           [55, 34]], i64[2,2])
    """
    n = integer("matrix_power", n)
    x = matrices("matrix_power", x)
    check_square("matrix_power", x.spec)
    x = inv(x) if n < 0 else x
    made, squared, left = None, x, abs(n)
    while left:
        if left % 2:
            made = squared if made is None else matmul(made, squared)
        left //= 2
        if left:
            squared = matmul(squared, squared)
    return spread(eye(x.shape[-1], dtype=x.dtype), x.shape) if made is None else made
