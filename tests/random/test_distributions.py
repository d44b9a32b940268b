"""Every distribution beside SciPy's, at 100,000 draws and more; a fixed seed, so a failure is one for good.

The smallest of some 400 chances is 2e-3 or so by luck; 1e-5 is none.
"""

from typing import Any

import numpy as np
import pytest
from scipy import stats

import mapsto as mt
from mapsto import random, xp
from tests.random.statistics import continuous, discrete

N = 100_000
LUCK = 1e-5
INF = float("inf")
KEY = mt.key(20)

CONTINUOUS: dict[str, tuple[Any, Any]] = {
    "exponential": (lambda k, d: random.exponential(k, (N,), 2.0, dtype=d), stats.expon(scale=2)),
    "gumbel": (lambda k, d: random.gumbel(k, (N,), 1.0, 2.0, dtype=d), stats.gumbel_r(1, 2)),
    "laplace": (lambda k, d: random.laplace(k, (N,), 1.0, 2.0, dtype=d), stats.laplace(1, 2)),
    "logistic": (lambda k, d: random.logistic(k, (N,), 1.0, 2.0, dtype=d), stats.logistic(1, 2)),
    "cauchy": (lambda k, d: random.cauchy(k, (N,), 1.0, 2.0, dtype=d), stats.cauchy(1, 2)),
    "uniform": (lambda k, d: mt.random.uniform(k, (N,), 1.0, 3.0, dtype=d), stats.uniform(1, 2)),
    "normal": (lambda k, d: mt.random.normal(k, (N,), 1.0, 2.0, dtype=d), stats.norm(1, 2)),
    **{
        f"gamma {a}": (lambda k, d, a=a: random.gamma(k, a, (N,), 3.0, dtype=d), stats.gamma(a, scale=3))
        for a in (0.1, 0.5, 0.99, 1.0, 1.5, 7.0, 1e3, 1e6)
    },
    **{f"chi_square {n}": (lambda k, d, n=n: random.chi_square(k, n, (N,), dtype=d), stats.chi2(n)) for n in (1, 5)},
    **{f"student_t {n}": (lambda k, d, n=n: random.student_t(k, n, (N,), dtype=d), stats.t(n)) for n in (0.5, 3, 50)},
    **{
        f"beta {a} {b}": (lambda k, d, a=a, b=b: random.beta(k, a, b, (N,), dtype=d), stats.beta(a, b))
        for a, b in ((0.5, 0.7), (2, 3), (300, 200))
    },
}
ENDS = [
    (-2, 2),
    (-INF, INF),
    (0, INF),
    (3, INF),
    (8, INF),
    (-INF, -3),
    (-1, 0.1),
    (2, 2.1),
    (-5, -4),
    (30, 31),
    (37, INF),
]
DISCRETE: dict[str, tuple[Any, Any]] = {
    **{
        f"poisson {r}": (lambda k, r=r: random.poisson(k, r, (N,)), stats.poisson(r))
        for r in (0.01, 1, 9.99, 10, 10.5, 30, 1e3, 1e6)
    },
    **{
        f"binomial {n} {p}": (lambda k, n=n, p=p: random.binomial(k, n, p, (N,)), stats.binom(n, p))
        for n, p in ((1, 0.3), (12, 0.5), (20, 0.5), (40, 0.25), (50, 0.9), (1000, 0.5), (10**6, 1e-5), (10**9, 0.3))
    },
    **{f"geometric {p}": (lambda k, p=p: random.geometric(k, p, (N,)), stats.geom(p)) for p in (1e-3, 0.5, 0.95)},
    "randint": (lambda k: random.randint(k, -3, 60, (N,)), stats.randint(-3, 60)),
    "bernoulli": (lambda k: xp.astype(mt.random.bernoulli(k, 0.3, (N,)), xp.int64), stats.bernoulli(0.3)),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous(name: str) -> None:
    """In float64; float32 and the 16-bit types are those numbers rounded."""
    draw, law = CONTINUOUS[name]
    found = draw(KEY, xp.float64)
    assert found.dtype == xp.float64
    assert continuous(found, law) > LUCK
    check_moments(np.asarray(found), law)
    if name not in ("uniform", "normal"):
        for dtype in (xp.float32, xp.float16, xp.bfloat16):
            narrow = draw(KEY, dtype)
            assert narrow.dtype == dtype
            assert xp.all(narrow == xp.astype(found, dtype))


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete(name: str) -> None:
    draw, law = DISCRETE[name]
    found = draw(KEY)
    assert found.dtype == xp.int64
    assert discrete(found, law) > LUCK
    check_moments(np.asarray(found, np.float64), law)


def check_moments(found: Any, law: Any) -> None:
    """Mean and variance, to five standard errors, where there is a fourth moment."""
    mean, variance, _, kurtosis = (float(x) for x in law.stats("mvsk"))
    if np.isfinite([mean, variance, kurtosis]).all():
        assert abs(found.mean() - mean) < 5 * np.sqrt(variance / N)
        assert abs(found.var() - variance) < 5 * variance * np.sqrt((max(kurtosis, -1.9) + 2) / N)


@pytest.mark.parametrize(("low", "high"), ENDS, ids=str)
def test_truncated_normal(low: float, high: float) -> None:
    found = np.asarray(random.truncated_normal(KEY, float(low), float(high), (N,), dtype=xp.float64))
    assert (found >= low).all() and (found <= high).all()
    assert continuous(found, stats.truncnorm(low, high)) > LUCK
    moved = random.truncated_normal(KEY, float(low) * 3 - 5, float(high) * 3 - 5, (N,), -5.0, 3.0, dtype=xp.float64)
    np.testing.assert_allclose(moved, found * 3 - 5, rtol=1e-9, atol=1e-12)


def test_tiny_gammas_keep_their_logarithms() -> None:
    """Of shape 1e-3 two thirds are 0 in float64, but beta and Dirichlet numbers have the right proportions."""
    ones = np.asarray(random.beta(KEY, 1e-4, 2e-4, (N,)))
    assert abs((ones > 0.5).mean() - 1 / 3) < 5 * np.sqrt(2 / 9 / N)
    rows = np.asarray(random.dirichlet(KEY, [1e-5, 1e-5, 2e-5], (20_000,)))
    np.testing.assert_allclose(rows.sum(-1), 1, rtol=1e-6)
    assert stats.chisquare(np.bincount(rows.argmax(-1)), [5000, 5000, 10000]).pvalue > LUCK


def test_dirichlet_margins_and_covariance() -> None:
    alpha = np.array([0.5, 1.0, 3.0])
    rows = np.asarray(random.dirichlet(KEY, alpha, (N,), dtype=xp.float64))
    total = alpha.sum()
    for column, a in enumerate(alpha):
        assert continuous(rows[:, column], stats.beta(a, total - a)) > LUCK
    mean = alpha / total
    wanted = (np.diag(mean) - np.outer(mean, mean)) / (total + 1)
    np.testing.assert_allclose(np.cov(rows.T), wanted, atol=1e-3)
