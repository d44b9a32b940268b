"""`xp.linalg` against NumPy and SciPy on thousands of random matrices; batches, types, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.linalg

import mapsto as mt
from mapsto import xp
from mapsto.core.spec import BFLOAT16

linalg = xp.linalg
RNG = np.random.default_rng(3)
COUNT = 500
SIZES = (1, 2, 3, 5)
SHAPES = ((3, 3), (5, 2), (2, 4), (1, 3))
SQUARE = {n: RNG.standard_normal((COUNT, n, n)) for n in SIZES}
ANY = {shape: RNG.standard_normal((COUNT, *shape)) for shape in SHAPES}


def close(found: Any, wanted: Any, tolerance: float = 1e-10) -> None:
    """Matrix by matrix, up to a tolerance relative to its largest entry."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    rest = tuple(range(1, wanted.ndim))
    size = np.maximum(1, np.abs(wanted).max(axis=rest, initial=0, keepdims=True)) if wanted.ndim else 1
    assert (np.abs(found - wanted) <= tolerance * size).all()


def each(function: Any, *arrays: Any) -> Any:
    """A function of single matrices on every one of some batches."""
    return np.stack([function(*one) for one in zip(*arrays, strict=True)])


def positive(x: Any) -> Any:
    return x @ x.swapaxes(-1, -2) + 0.1 * np.eye(x.shape[-1])


@pytest.mark.parametrize("n", SIZES)
def test_square_matrices(n: int) -> None:
    x, b = SQUARE[n], RNG.standard_normal((COUNT, n, 2))
    close(linalg.det(x), each(scipy.linalg.det, x))
    sign, log = linalg.slogdet(x)
    close(sign, np.sign(each(scipy.linalg.det, x)))
    close(log, np.log(np.abs(each(scipy.linalg.det, x))))
    close(linalg.inv(x), each(scipy.linalg.inv, x), 1e-9)
    close(linalg.solve(x, b), each(scipy.linalg.solve, x, b), 1e-9)
    for power in (0, 1, 2, 5, 8, -1, -3):
        wanted = np.linalg.matrix_power(x, power)
        close(linalg.matrix_power(x, power), wanted, 1e-9 if power < 0 else 1e-10)


@pytest.mark.parametrize("n", SIZES)
def test_symmetric_matrices(n: int) -> None:
    p = positive(SQUARE[n])
    s = (SQUARE[n] + SQUARE[n].swapaxes(1, 2)) / 2
    lower = np.asarray(linalg.cholesky(p))
    close(lower, each(lambda one: scipy.linalg.cholesky(one, lower=True), p))
    assert (np.triu(lower, 1) == 0).all()
    np.testing.assert_array_equal(linalg.cholesky(p, upper=True), lower.swapaxes(1, 2))
    w, v = map(np.asarray, linalg.eigh(s))
    close(w, each(scipy.linalg.eigvalsh, s))
    np.testing.assert_array_equal(linalg.eigvalsh(s), w)
    close(v @ (w[..., None] * v.swapaxes(1, 2)), s)
    close(v.swapaxes(1, 2) @ v, np.broadcast_to(np.eye(n), s.shape))
    close(linalg.eigvalsh(SQUARE[n]), w)  # the symmetric part is meant
    close(linalg.cholesky(p + SQUARE[n] - SQUARE[n].swapaxes(1, 2)), lower)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("full", [False, True], ids=["reduced", "full"])
def test_factors(shape: tuple[int, int], full: bool) -> None:
    x, (m, n) = ANY[shape], shape
    k = min(m, n)
    u, s, vh = map(np.asarray, linalg.svd(x, full_matrices=full))
    close(s, each(scipy.linalg.svdvals, x))
    np.testing.assert_array_equal(linalg.svdvals(x), s)
    assert (u.shape[1:], vh.shape[1:]) == (((m, m), (n, n)) if full else ((m, k), (k, n)))
    close(u[..., :k] @ (s[..., None] * vh[:, :k]), x)
    q, r = map(np.asarray, linalg.qr(x, mode="complete" if full else "reduced"))
    wanted = each(lambda one: scipy.linalg.qr(one, mode="full" if full else "economic")[1], x)
    close(np.abs(r), np.abs(wanted))
    assert q.shape[1:] == ((m, m) if full else (m, k)) and (np.tril(r, -1) == 0).all()
    close(q @ r, x)
    for basis in (u, vh.swapaxes(1, 2), q):
        close(basis.swapaxes(1, 2) @ basis, np.broadcast_to(np.eye(basis.shape[2]), (COUNT, *basis.shape[2:] * 2)))


@pytest.mark.parametrize("shape", SHAPES)
def test_pinv_and_rank(shape: tuple[int, int]) -> None:
    x, (m, n) = ANY[shape], shape
    close(linalg.pinv(x), each(scipy.linalg.pinv, x), 1e-9)
    lost = x[:, :, :1] * x[:, :1, :]  # of rank 1
    close(linalg.pinv(lost, rtol=1e-9), np.linalg.pinv(lost, rcond=1e-9), 1e-9)
    np.testing.assert_array_equal(linalg.matrix_rank(x), np.linalg.matrix_rank(x))
    np.testing.assert_array_equal(linalg.matrix_rank(lost), np.linalg.matrix_rank(lost))
    least = RNG.uniform(0, 1, COUNT)
    np.testing.assert_array_equal(linalg.matrix_rank(x, rtol=least), np.linalg.matrix_rank(x, rtol=least))
    np.testing.assert_array_equal(linalg.matrix_rank(np.zeros((m, n))), 0)


@pytest.mark.parametrize("ord", ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
@pytest.mark.parametrize("shape", SHAPES)
def test_matrix_norms(shape: tuple[int, int], ord: Any) -> None:
    x = ANY[shape]
    close(linalg.matrix_norm(x, ord=ord), np.linalg.norm(x, ord, axis=(1, 2)))
    close(linalg.matrix_norm(x, ord=ord, keepdims=True), np.linalg.norm(x, ord, axis=(1, 2), keepdims=True))


@pytest.mark.parametrize("ord", [0, 1, 2, 3, 0.5, -1, -2.5, np.inf, -np.inf])
def test_vector_norms(ord: float) -> None:
    x = ANY[5, 2]
    close(linalg.vector_norm(x, axis=1, ord=ord), np.linalg.norm(x, ord, axis=1))
    close(linalg.vector_norm(x, ord=ord), np.linalg.norm(x.reshape(-1), ord))
    both = linalg.vector_norm(x, axis=(2, 1), ord=ord, keepdims=True)
    close(both, np.linalg.norm(x.reshape(COUNT, -1), ord, axis=1)[:, None, None])
    assert linalg.vector_norm(xp.ones((2, 3), dtype="f16"), axis=0, ord=ord).dtype == np.float16


def test_vectors_with_zeros() -> None:
    x = np.array([[0.0, 3.0, -4.0], [0.0, 0.0, 0.0]])
    for ord in (0, 1, 2, 3, -1, np.inf, -np.inf):
        with np.errstate(divide="ignore"):
            close(linalg.vector_norm(x[:1], axis=1, ord=ord), np.linalg.norm(x[:1], ord, axis=1))
    for ord in (1, 2, 3, np.inf):
        gradient = mt.grad(lambda y, ord=ord: xp.sum(linalg.vector_norm(y, axis=1, ord=ord)))(x)
        assert np.isfinite(np.asarray(gradient)).all()
    assert float(linalg.vector_norm(x[1])) == 0
    assert np.asarray(mt.grad(linalg.matrix_norm)(np.zeros((2, 2)))).tolist() == [[0, 0], [0, 0]]


def test_cross_products() -> None:
    a, b = RNG.standard_normal((2, COUNT, 3))
    close(linalg.cross(a, b), np.cross(a, b))
    close(linalg.cross(a.T, b.T, axis=0), np.cross(a, b).T)
    close(linalg.cross(a[:, None], b), np.cross(a[:, None], b))
    assert linalg.cross([1, 0, 0], [0, 1, 0]).tolist() == [0, 0, 1]


def test_products_are_those_of_xp() -> None:
    for name in ("matmul", "outer", "tensordot", "vecdot", "diagonal", "trace", "matrix_transpose"):
        assert getattr(linalg, name).__wrapped__ is getattr(xp, name).__wrapped__


def test_products_keep_the_sign_of_zero() -> None:
    for outer in (linalg.outer, mt.compile(linalg.outer)):
        made = np.asarray(outer(xp.asarray([-1.0, 0.0]), xp.asarray([0.0, -2.0])))
        assert np.signbit(made).tolist() == [[True, False], [False, True]]


def test_solve_broadcasts() -> None:
    a, b = SQUARE[3][:4], RNG.standard_normal((2, 1, 3, 2))
    close(linalg.solve(a, b), np.linalg.solve(a, b))
    close(linalg.solve(a, b[0, 0, :, 0]), np.linalg.solve(a, b[0, 0, :, :1])[..., 0])
    close(linalg.solve(a[0], b), np.linalg.solve(a[0], b))
    close(linalg.solve(a[0], b[0, 0, :, 0]), np.linalg.solve(a[0], b[0, 0, :, 0]))


@pytest.mark.parametrize("shape", [(0, 0), (0, 2, 2), (2, 0, 0)])
def test_no_elements(shape: tuple[int, ...]) -> None:
    x = xp.zeros(shape)
    lead = shape[:-2]
    assert linalg.det(x).tolist() == np.ones(lead).tolist()
    assert linalg.slogdet(x).logabsdet.shape == linalg.matrix_rank(x).shape == lead
    for made in (linalg.inv(x), linalg.cholesky(x), linalg.pinv(x), linalg.qr(x).Q, linalg.svd(x).U):
        assert made.shape == shape
    assert linalg.eigh(x).eigenvalues.shape == linalg.svdvals(x).shape == shape[:-1]
    tall = linalg.svd(xp.zeros((3, 0)))
    assert (tall.U.shape, tall.S.shape, tall.Vh.shape) == ((3, 3), (0,), (0, 0))
    assert linalg.qr(xp.zeros((3, 0)), mode="complete").R.shape == (3, 0)
    assert linalg.pinv(xp.zeros((3, 0))).shape == (0, 3)
    assert int(linalg.matrix_rank(xp.zeros((3, 0)))) == 0


@pytest.mark.parametrize("dtype", ["f16", "bf16", "f32", "f64"])
def test_types_are_kept(dtype: str) -> None:
    x = xp.asarray(positive(SQUARE[3][:5]), dtype=dtype)
    eps = float(xp.finfo(x.dtype).eps)
    wide = np.asarray(x.astype(xp.float64))
    for made, wanted in (
        (linalg.cholesky(x), np.linalg.cholesky(wide)),
        (linalg.inv(x), np.linalg.inv(wide)),
        (linalg.det(x), np.linalg.det(wide)),
        (linalg.eigvalsh(x), np.linalg.eigvalsh(wide)),
        (linalg.svdvals(x), np.linalg.svdvals(wide)),
        (linalg.pinv(x), np.linalg.pinv(wide)),
        (linalg.matrix_norm(x), np.linalg.norm(wide, axis=(1, 2))),
    ):
        assert made.dtype == x.dtype
        close(made.astype(xp.float64), wanted, 400 * max(eps, 1e-15))
    assert linalg.inv([[1, 2], [3, 5]]).dtype == xp.float32
    assert linalg.matrix_power([[1, 2], [3, 5]], 2).dtype == xp.int64
    assert xp.zeros(1, dtype="bf16").dtype == BFLOAT16


def test_a_matrix_with_nan_spoils_itself_alone() -> None:
    x = positive(SQUARE[3][:4])
    bad = x.copy()
    bad[1, 0, 2], bad[3, 1, 1] = np.nan, np.inf
    for name in ("cholesky", "det", "eigvalsh", "inv", "pinv", "svdvals"):
        found, wanted = (np.asarray(getattr(linalg, name)(one)) for one in (bad, x))
        np.testing.assert_array_equal(found[[0, 2]], wanted[[0, 2]])
        assert np.isnan(found[[1, 3]]).all()
    for made in (*linalg.eigh(bad), *linalg.svd(bad), *linalg.slogdet(bad), linalg.qr(bad).Q, linalg.solve(bad, x)):
        assert np.isnan(np.asarray(made)[[1, 3]]).all() and np.isfinite(np.asarray(made)[[0, 2]]).all()


SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])
REFUSED: list[tuple[Any, str, str]] = [
    (lambda: linalg.inv(np.ones((2, 3))), "LINALG-01", "inv: the matrices of f64[2,3]"),
    (lambda: linalg.det(np.ones((4, 2, 3))), "LINALG-01", "det: the matrices of f64[4,2,3]"),
    (lambda: linalg.cholesky(np.ones((2, 3))), "LINALG-01", "cholesky"),
    (lambda: linalg.eigh(np.ones((2, 3))), "LINALG-01", "eigh"),
    (lambda: linalg.matrix_power(np.ones((2, 3)), 2), "LINALG-01", "matrix_power"),
    (lambda: linalg.solve(np.ones((2, 3)), np.ones(2)), "LINALG-01", "solve"),
    (lambda: linalg.inv(SINGULAR), "LINALG-02", "rank 1 of 2"),
    (lambda: linalg.solve(SINGULAR, np.ones(2)), "LINALG-02", "xp.linalg.pinv"),
    (lambda: linalg.matrix_power(SINGULAR, -1), "LINALG-02", "singular"),
    (lambda: linalg.inv(np.stack([np.eye(2), SINGULAR])), "LINALG-02", "the matrix at [1] is singular"),
    (lambda: mt.vmap(linalg.inv)(np.stack([np.eye(2), SINGULAR])), "LINALG-02", "at [1]"),
    (lambda: mt.compile(linalg.inv)(xp.asarray(SINGULAR)), "LINALG-02", "singular"),
    (lambda: mt.grad(lambda x: linalg.slogdet(x).logabsdet)(SINGULAR), "LINALG-02", "singular"),
    (lambda: linalg.cholesky(-np.eye(2)), "LINALG-03", "smallest eigenvalue -1"),
    (lambda: linalg.cholesky(np.stack([np.eye(2), -np.eye(2)])[None]), "LINALG-03", "the matrix at [0, 1]"),
    (lambda: linalg.cross(np.ones(2), np.ones(2)), "LINALG-04", "three elements"),
    (lambda: linalg.solve(np.eye(2), np.ones((3, 1))), "SHAPE-03", "3 rows"),
    (lambda: linalg.solve(np.ones((2, 3, 3)), np.ones((4, 3, 1))), "SHAPE-02", "solve"),
    (lambda: linalg.inv(np.ones(3)), "ARRAY-02", "inv"),
    (lambda: linalg.qr(np.eye(2), mode="raw"), "ARG-02", "mode"),
    (lambda: linalg.matrix_norm(np.eye(2), ord=3), "ARG-01", "ord is 3"),
    (lambda: linalg.vector_norm(np.ones(2), ord="fro"), "ARG-01", "ord is 'fro'"),
    (lambda: linalg.matrix_power(np.eye(2), 0.5), "ARRAY-25", "integer"),
    (lambda: linalg.pinv(np.ones((2, 3)), rcond=1e-3), "ARG-05", "rcond"),
    (lambda: linalg.eig, "NAME-04", "xp.linalg.eigh(x)"),
    (lambda: linalg.norm, "NAME-01", "xp.linalg.vector_norm"),
    (lambda: xp.svd, "NAME-01", "xp.linalg"),
    (lambda: mt.linalg, "NAME-01", "xp.linalg"),  # pyright: ignore
]


@pytest.mark.parametrize(("call", "code", "says"), REFUSED, ids=[f"{n}-{row[1]}" for n, row in enumerate(REFUSED)])
def test_refusals(call: Any, code: str, says: str) -> None:
    with pytest.raises(mt.MapstoError) as error:
        call()
    assert error.value.code == code and says in str(error.value)
    assert not isinstance(error.value, np.linalg.LinAlgError)


def test_nothing_donated_is_lost() -> None:
    step = mt.compile(lambda a: a - linalg.inv(a), donate=("a",))
    a = xp.asarray(SINGULAR)
    with pytest.raises(mt.DataError, match="singular"):
        step(a)
    np.testing.assert_array_equal(a, SINGULAR)
