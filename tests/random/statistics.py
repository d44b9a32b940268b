"""How far a sample is from a distribution, as the chance of one that is as far."""

from typing import Any

import numpy as np
from scipy import stats


def continuous(sample: Any, law: Any) -> float:
    """Kolmogorov and Smirnov's test; both tails are counted besides, beyond 1e-3, 1e-2 and their like."""
    numbers = np.asarray(sample, np.float64).reshape(-1)
    assert np.isfinite(numbers).all()
    chances = [stats.kstest(numbers, law.cdf).pvalue]
    for beyond in (10 / len(numbers), 1e-3, 1e-2):
        low, high = law.cdf(numbers) < beyond, law.sf(numbers) < beyond
        chances += [stats.binomtest(int(side.sum()), len(numbers), beyond).pvalue for side in (low, high)]
    return min(chances)


def discrete(sample: Any, law: Any) -> float:
    """The chi-square test over up to 80 bins of equal width, those that expect fewer than 5 thrown together."""
    numbers = np.asarray(sample).reshape(-1)
    low, high = int(law.ppf(1e-5)), int(law.ppf(1 - 1e-5))
    edges = np.arange(low, high + 1, max(1, (high - low) // 80))
    expected = np.diff(np.concatenate([[0.0], law.cdf(edges), [1.0]])) * len(numbers)
    found = np.histogram(numbers, np.concatenate([[-np.inf], edges + 0.5, [np.inf]]))[0]
    rare = expected < 5
    expected = np.append(expected[~rare], expected[rare].sum())
    found = np.append(found[~rare], found[rare].sum())
    if expected[-1] < 5:
        assert found[-1] < 30, "too many where next to none belong"
        expected, found = expected[:-1], found[:-1]
    if len(expected) < 2:
        return 1.0
    return float(stats.chisquare(found, expected / expected.sum() * found.sum()).pvalue)
