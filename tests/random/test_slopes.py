"""Derivatives of what is drawn by the parameters of its distribution."""

from typing import Any

import numpy as np
import pytest
from scipy import special

import mapsto as mt
from mapsto import random, xp
from mapsto.array.gamma_slope import log_slope

KEY = mt.key(6)


def wide(*numbers: float) -> mt.Array:
    return xp.asarray(np.array(numbers))


@pytest.mark.parametrize("alpha", [0.05, 0.5, 1.0, 1.5, 3.0, 30.0, 1e3, 1e5])
def test_gamma_keeps_its_place(alpha: float) -> None:
    """The derivative of log z by α with F(z, α) held, beside differences of SciPy's inverse."""
    places = np.linspace(0.01, 0.99, 50)
    z, step = special.gammaincinv(alpha, places), alpha * 1e-5
    near = [np.log(special.gammaincinv(alpha + side * step, places)) for side in (-1, 1)]
    found = log_slope(xp.asarray(np.log(z)), xp.asarray(np.full_like(z, alpha)))
    np.testing.assert_allclose(found, (near[1] - near[0]) / (2 * step), rtol=1e-6 if alpha > 0.1 else 1e-4)


def test_tiny_shapes() -> None:
    """log z = (log u + log Γ(α + 1))/α for z near 0."""
    for alpha in (1e-8, 1e-3, 0.02):
        y = np.log(np.linspace(0.01, 0.3, 20)) + special.gammaln(alpha + 1)
        found = log_slope(xp.asarray(y / alpha), xp.asarray(np.full_like(y, alpha)))
        np.testing.assert_allclose(found, special.psi(alpha + 1) / alpha - y / alpha**2, rtol=1e-8)


def test_gradients_of_expectations() -> None:
    """E z = α, E log z = ψ(α), and of beta numbers E x = a/(a + b): the mean gradient is that of the mean."""
    n = 20_000

    def mean(draw: Any) -> Any:
        return lambda *parameters: xp.mean(draw(*parameters))

    for alpha in (0.3, 2.0, 40.0):
        found = mt.grad(mean(lambda a: random.gamma(KEY, a, (n,), dtype=xp.float64)))(wide(alpha)[0])
        assert abs(float(found) - 1) < 0.1
        found = mt.grad(mean(lambda a: xp.log(random.gamma(KEY, a, (n,), dtype=xp.float64))))(wide(alpha)[0])
        np.testing.assert_allclose(float(found), special.polygamma(1, alpha), rtol=0.1)
    a, b = wide(0.7, 2.0)
    by_a, by_b = mt.grad(mean(lambda a, b: random.beta(KEY, a, b, (n,), dtype=xp.float64)), argnums=(0, 1))(a, b)
    np.testing.assert_allclose([float(by_a), float(by_b)], [2.0 / 2.7**2, -0.7 / 2.7**2], rtol=0.1)
    # E t² = df/(df - 2), whose derivative is -2/(df - 2)²
    found = mt.grad(mean(lambda df: random.student_t(KEY, df, (n,), dtype=xp.float64) ** 2))(wide(12.0)[0])
    np.testing.assert_allclose(float(found), -2 / 100, rtol=0.3)


SMOOTH = {
    "exponential": lambda p: random.exponential(KEY, (40,), p * p, dtype=xp.float64),
    "gumbel": lambda p: random.gumbel(KEY, (40,), p, p * p, dtype=xp.float64),
    "laplace": lambda p: random.laplace(KEY, (40,), p, p * p, dtype=xp.float64),
    "logistic": lambda p: random.logistic(KEY, (40,), p, p * p, dtype=xp.float64),
    "cauchy": lambda p: random.cauchy(KEY, (40,), p, p * p, dtype=xp.float64),
    "normal": lambda p: mt.random.normal(KEY, (40,), p, p * p, dtype=xp.float64),
    "uniform": lambda p: mt.random.uniform(KEY, (40,), p, p * p * 3, dtype=xp.float64),
    "truncated": lambda p: random.truncated_normal(KEY, -p, 2 * p, (40,), p / 3, p + 1, dtype=xp.float64),
    "truncated_tail": lambda p: random.truncated_normal(KEY, p + 4, float("inf"), (40,), dtype=xp.float64),
    "truncated_left": lambda p: random.truncated_normal(KEY, -9.0, -p, (40,), dtype=xp.float64),
    "gamma scale": lambda p: random.gamma(KEY, 2.0, (40,), p * p, dtype=xp.float64),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_reparametrised(name: str) -> None:
    """Forward and reverse beside differences; second order beside differences of the first."""
    draw, p, step = SMOOTH[name], wide(1.3)[0], 1e-5
    slope = np.asarray(mt.jvp(draw, (p,), (wide(1.0)[0],))[1])
    difference = (np.asarray(draw(p + step)) - np.asarray(draw(p - step))) / (2 * step)
    np.testing.assert_allclose(slope, difference, rtol=1e-6, atol=1e-7)
    total = mt.grad(lambda p: xp.sum(draw(p)))
    np.testing.assert_allclose(float(total(p)), slope.sum(), rtol=1e-9)
    second = (float(total(p + step)) - float(total(p - step))) / (2 * step)
    np.testing.assert_allclose(float(mt.grad(total)(p)), second, rtol=1e-4, atol=1e-4)


def test_compiled_gradient() -> None:
    def loss(a: Any) -> Any:
        return xp.sum(random.gamma(KEY, a, dtype=xp.float64) ** 2)

    a = wide(0.1, 0.9, 2.0, 50.0)
    np.testing.assert_allclose(mt.compile(mt.grad(loss))(a), mt.grad(loss)(a), rtol=1e-12)
    lanes = mt.vmap(mt.grad(lambda a: random.gamma(KEY, a, dtype=xp.float64)))(a)
    alone = [float(mt.grad(lambda a: random.gamma(KEY, a, dtype=xp.float64))(one)) for one in a]
    np.testing.assert_allclose(lanes, alone, rtol=1e-12)


def test_counts_have_no_derivative() -> None:
    def loss(rate: Any) -> Any:
        return xp.sum(xp.astype(random.poisson(KEY, rate, (50,)), xp.float32)) * rate

    drawn = float(xp.sum(random.poisson(KEY, 3.0, (50,))))
    assert float(mt.grad(loss)(3.0)) == drawn
