"""Transforms of `xp.linalg`: mapped = a loop, compiled = interpreted, and derivatives where matrices are degenerate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import xp

linalg = xp.linalg
RNG = np.random.default_rng(5)


def positive(x: Any) -> Any:
    return x @ x.mT + xp.eye(x.shape[-1], dtype=x.dtype)


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "cholesky": lambda x: linalg.cholesky(positive(x)),
    "cross": lambda x: linalg.cross(x, x[::-1]),
    "det": linalg.det,
    "diagonal": linalg.diagonal,
    "eigh": lambda x: linalg.eigh(x),
    "eigvalsh": linalg.eigvalsh,
    "inv": linalg.inv,
    "matmul": lambda x: linalg.matmul(x, x),
    "matrix_norm": linalg.matrix_norm,
    "matrix_norm nuc": lambda x: linalg.matrix_norm(x, ord="nuc"),
    "matrix_power": lambda x: linalg.matrix_power(x, -3),
    "matrix_rank": linalg.matrix_rank,
    "matrix_transpose": linalg.matrix_transpose,
    "outer": lambda x: linalg.outer(x[0], x[1]),
    "pinv": lambda x: linalg.pinv(x[:, :2]),
    "qr": lambda x: linalg.qr(x[:2]),
    "qr complete": lambda x: linalg.qr(x[:, :2], mode="complete"),
    "slogdet": linalg.slogdet,
    "solve": lambda x: linalg.solve(x, x[0]),
    "svd": lambda x: linalg.svd(x[:, :2]),
    "svd wide": lambda x: linalg.svd(x[:1]),
    "svdvals": linalg.svdvals,
    "tensordot": lambda x: linalg.tensordot(x, x, axes=2),
    "trace": linalg.trace,
    "vecdot": lambda x: linalg.vecdot(x, x[0]),
    "vector_norm": lambda x: linalg.vector_norm(x, axis=-1, ord=3),
}
every_function = pytest.mark.parametrize("name", FUNCTIONS)


def test_none_is_left_out() -> None:
    assert {name.split()[0] for name in FUNCTIONS} == set(linalg.__all__)


def arrays(made: Any) -> list[Any]:
    return [np.asarray(one) for one in (made if isinstance(made, tuple) else (made,))]


def compare(found: Any, wanted: Any) -> None:
    for one, other in zip(arrays(found), arrays(wanted), strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12 * max(1, np.abs(other).max()))


def total(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Σ of the squares of what a function yields: one number to differentiate."""

    def summed(x: Any) -> Any:
        made = function(x)
        floats = [one for one in (made if isinstance(made, tuple) else (made,)) if one.dtype == xp.float64]
        return sum((xp.sum(one * one * xp.asarray(0.3)) for one in floats), start=xp.sum(x) * 0)

    return summed


@every_function
def test_mapped_is_a_loop(name: str) -> None:
    function, xs = FUNCTIONS[name], RNG.standard_normal((4, 3, 3))
    rows = [arrays(function(xp.asarray(x))) for x in xs]
    compare(mt.vmap(function)(xp.asarray(xs)), tuple(np.stack(one) for one in zip(*rows, strict=True)))
    gradient = mt.grad(total(function))
    compare(mt.vmap(gradient)(xp.asarray(xs)), np.stack([np.asarray(gradient(xp.asarray(x))) for x in xs]))


@every_function
def test_compiled_is_interpreted(name: str) -> None:
    function, x = FUNCTIONS[name], xp.asarray(RNG.standard_normal((3, 3)))
    both = mt.compile(lambda x: (*arrays_of(function(x)), mt.grad(total(function))(x)))
    found = both(x)
    with mt.interpret():
        compare(found, both(x))
    compare(found, (*arrays(function(x)), mt.grad(total(function))(x)))


def arrays_of(made: Any) -> tuple[Any, ...]:
    return tuple(made) if isinstance(made, tuple) else (made,)


def difference(function: Callable[[Any], Any], x: Any, step: float = 1e-5) -> Any:
    """The gradient by central differences."""
    made = np.zeros_like(x)
    for place in np.ndindex(*x.shape):
        moved = np.zeros_like(x)
        moved[place] = step
        made[place] = (float(function(xp.asarray(x + moved))) - float(function(xp.asarray(x - moved)))) / (2 * step)
    return made


def test_many_right_sides_of_one_matrix() -> None:
    """The mapped right sides become columns: the matrix is factored once."""
    a, b = xp.asarray(RNG.standard_normal((3, 3))), xp.asarray(RNG.standard_normal((5, 3)))
    mapped = mt.vmap(linalg.solve, in_axes=(None, 0))
    compare(mapped(a, b), np.linalg.solve(np.asarray(a), np.asarray(b).T).T)
    text = str(mt.graph(mapped)(a, b))
    assert text.count("Solve()") == 1 and "broadcast" not in text


@pytest.mark.parametrize("rank", [2, 1, 0])
def test_the_determinant_of_a_singular_matrix_has_a_derivative(rank: int) -> None:
    x = RNG.standard_normal((3, rank)) @ RNG.standard_normal((rank, 3))
    np.testing.assert_allclose(mt.grad(linalg.det)(xp.asarray(x)), difference(linalg.det, x), atol=1e-9)


def test_equal_eigenvalues() -> None:
    """Functions of the eigenvalues have derivatives there; eigenvectors have none, and do not pretend to."""
    x = xp.asarray(np.diag([1.0, 1.0, 2.0]))
    np.testing.assert_allclose(mt.grad(lambda x: xp.sum(linalg.eigvalsh(x) ** 2))(x), 2 * np.asarray(x), atol=1e-12)
    np.testing.assert_allclose(mt.grad(lambda x: xp.sum(linalg.svdvals(x) ** 2))(x), 2 * np.asarray(x), atol=1e-12)
    np.testing.assert_allclose(mt.grad(lambda x: xp.sum(linalg.pinv(x)))(xp.eye(3)), -np.ones((3, 3)), atol=1e-6)
    weights = xp.asarray(RNG.standard_normal((3, 3)))
    for vectors in (lambda x: linalg.eigh(x).eigenvectors, lambda x: linalg.svd(x).U):
        gradient = mt.grad(lambda x, vectors=vectors: xp.sum(vectors(x) * weights))(x)
        assert not np.isfinite(np.asarray(gradient)).all()


@pytest.mark.parametrize("shape", [(4, 2), (2, 4)])
def test_what_completes_a_basis_moves_as_any_would(shape: tuple[int, int]) -> None:
    """The projection on the added vectors is the same for all bases: its derivatives are right, of second order too."""
    x, weights = RNG.standard_normal(shape), xp.asarray(RNG.standard_normal((4, 4)))

    def projection(x: Any) -> Any:
        tall = x if x.shape[0] > x.shape[1] else x.mT
        added = linalg.svd(x).U[:, 2:] if tall is x else linalg.svd(x).Vh[2:].mT
        same = linalg.qr(tall, mode="complete").Q[:, 2:]
        return xp.sum(weights * (added @ added.mT)) + xp.sum(weights.mT * (same @ same.mT))

    def known(x: Any) -> Any:
        tall = x if x.shape[0] > x.shape[1] else x.mT
        rest = xp.eye(4, dtype=x.dtype) - tall @ linalg.pinv(tall)
        return xp.sum((weights + weights.mT) * rest)

    x = xp.asarray(x)
    compare(projection(x), known(x))
    compare(mt.grad(projection)(x), mt.grad(known)(x))
    found, wanted = (np.asarray(twice(function)(x)) for function in (projection, known))
    np.testing.assert_allclose(found, wanted, atol=1e-9 * np.abs(wanted).max())


def twice(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The gradient of the size of the gradient."""
    return mt.grad(lambda x: xp.sum(mt.grad(function)(x) ** 2))


def test_cholesky_and_eigh_have_symmetric_gradients() -> None:
    x = positive(xp.asarray(RNG.standard_normal((3, 3))))
    for function in (lambda x: xp.sum(linalg.cholesky(x)), lambda x: linalg.eigh(x).eigenvalues[0]):
        gradient = np.asarray(mt.grad(function)(x))
        np.testing.assert_allclose(gradient, gradient.T, atol=1e-14)
        np.testing.assert_allclose(gradient, difference(function, np.asarray(x)), atol=1e-8)


def test_a_gaussian_is_fitted() -> None:
    """All of it in one compiled step: the log-likelihood by Cholesky and solve falls to that of the known optimum."""
    samples = xp.asarray(RNG.standard_normal((200, 3)) @ np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 0.2], [0.0, 0.0, 2.0]]))

    def loss(a: Any) -> Any:
        lower = linalg.cholesky(a @ a.mT)
        white = linalg.solve(lower, samples.mT)
        return xp.sum(white * white) / 400 + xp.sum(xp.log(linalg.diagonal(lower)))

    step = mt.compile(lambda a: a - 0.3 * mt.grad(loss)(a), donate=("a",))
    a = xp.asarray(np.eye(3))
    for _ in range(400):
        a = step(a)
    np.testing.assert_allclose(a @ a.mT, samples.mT @ samples / 200, atol=1e-6)
