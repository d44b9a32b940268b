"""How many rounds of rejection are enough: what is accepted, of the samplers' own proposals and by formula."""

from math import exp, floor, lgamma, log, pi, sqrt

import numpy as np
import pytest

import mapsto as mt
from mapsto import xp
from mapsto.array import random_counts, random_gamma

FEW = 2.0**-64
MEANS = (10.0, 10.5, 11.0, 14.3, 100.0, 1e4)
COUNTS = (20, 21, 22, 25, 30, 40, 100, 1000, 10**6, 2**53)


def chances(n: int) -> list[float]:
    """Chances for which numbers are drawn by rejection: n·p ≥ 10, p ≤ ½."""
    return [p for p in (*(mean / n for mean in MEANS), 0.3, 0.45, 0.5) if n * p >= 10 and p <= 0.5]


def largest(n: int, p: float) -> tuple[int, float]:
    """The mode, and the largest chance times the deviation."""
    m = floor((n + 1) * p)
    chance = lgamma(n + 1) - lgamma(m + 1) - lgamma(n - m + 1) + m * log(p) + (n - m) * log(1 - p)
    return m, exp(chance) * sqrt(n * p * (1 - p))


def squares() -> tuple[mt.Array, mt.Array]:
    """Midpoints of squares that fill all places (u, v)."""
    u, v = ((np.arange(count) + 0.5) / count for count in (2000, 100))
    return xp.asarray(np.repeat(u, 100)), xp.asarray(np.tile(v, 2000))


def accepted(propose, *parameters: float) -> float:
    u, v = squares()
    return float(np.mean(propose(u, v, *(xp.asarray(x, dtype=xp.float64) for x in parameters))[1]))


def test_binomial_bounds() -> None:
    """Stirling's bound of the mode's chance, and what follows for every n and p."""
    for n in (*range(20, 60), 100, 1000, 10**5):
        for p in np.linspace(10 / n, 0.5, 101):
            m, mode = largest(n, p)
            assert mode * sqrt(2 * pi) <= exp(1 / (24 * m + 12) + 1 / (24 * (n - m) + 12)) * (1 + 1e-12) <= 1.008
            b = 1.15 + 2.53 * sqrt(n * p * (1 - p))
            assert 1 / (mode * (2.83 + 5.1 / b)) > 0.694
    assert (1 - 0.694) ** random_counts.BINOMIAL_ROUNDS < FEW


@pytest.mark.parametrize("n", COUNTS)
def test_binomial_proposals(n: int) -> None:
    for p in chances(n):
        mode_chance = random_counts.binomial_chance(
            *(xp.asarray(x, dtype=xp.float64) for x in (floor((n + 1) * p), n, p))
        )
        found = accepted(random_counts.binomial_proposal, n, p, float(mode_chance))
        assert found > 0.694
        if n < 10**9:  # beyond, the logarithms of factorials have too few digits
            b = 1.15 + 2.53 * sqrt(n * p * (1 - p))
            assert found == pytest.approx(1 / (largest(n, p)[1] * (2.83 + 5.1 / b)), abs=0.006)


@pytest.mark.parametrize("n", COUNTS[:-2])
def test_no_binomial_number_is_proposed_too_rarely(n: int) -> None:
    """The chance of acceptance is nowhere above 1, or its numbers would come too seldom."""
    centred = (np.arange(200_000) + 0.5) / 200_000 - 0.5
    us = 0.5 - np.abs(centred)
    for p in chances(n):
        sigma = sqrt(n * p * (1 - p))
        b = 1.15 + 2.53 * sigma
        a = 0.0248 * b + 0.01 * p - 0.0873
        k = np.floor((2 * a / us + b) * centred + n * p + 0.5)
        known = [
            lgamma(n + 1) - lgamma(x + 1) - lgamma(n - x + 1) + x * log(p) + (n - x) * log(1 - p)
            if 0 <= x <= n
            else -1e9
            for x in np.unique(k)
        ]
        chance = np.exp(np.array(known)[np.unique(k, return_inverse=True)[1]]) * sigma / largest(n, p)[1]
        assert (chance * (a / us**2 + b) / (sigma * (2.83 + 5.1 / b))).max() < 1


@pytest.mark.parametrize("rate", [10.0, 10.5, 30.0, 1e3, 1e6, 2.0**62])
def test_poisson_proposals(rate: float) -> None:
    b = 0.931 + 2.53 * sqrt(rate)
    wanted = 1 / (1.1239 + 1.1328 / (b - 3.4))
    assert wanted > 0.752 and (1 - 0.752) ** random_counts.POISSON_ROUNDS < FEW
    assert accepted(random_counts.poisson_proposal, rate) == pytest.approx(wanted, abs=0.006)


@pytest.mark.parametrize("alpha", [1.0, 1.5, 3.0, 100.0])
def test_gamma_proposals(alpha: float) -> None:
    """√(9d)·Γ(α)·e^d·d^(1/2 - α)/(3·√(2π)) of Marsaglia and Tsang's are accepted, d = α - ⅓."""
    d = alpha - 1 / 3
    wanted = exp(lgamma(alpha) + d - (alpha - 0.5) * log(d)) / sqrt(2 * pi)
    assert wanted > 0.951 and (1 - 0.951) ** random_gamma.ROUNDS < FEW
    u, v = squares()
    second = xp.asarray(np.random.default_rng(0).permutation(np.asarray(v)))
    found = random_gamma.proposal(u, v, second, xp.asarray(d, dtype=xp.float64))[1]
    assert float(np.mean(found)) == pytest.approx(wanted, abs=0.006)
