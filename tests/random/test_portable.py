"""The elementary functions of the samplers beside those of NumPy and SciPy, and to the same bits when compiled."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

import mapsto as mt
from mapsto import xp
from mapsto.array import random_counts, random_portable, random_tails
from mapsto.array.gamma_slope import digamma

CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any], Any, float]] = {
    "log": (random_portable.log, np.log, np.logspace(-18.9, 19, 20_001), 5e-16),
    "log_of_all": (random_portable.log_of_all, np.log, np.logspace(-307, 308, 20_001), 5e-16),
    "log_near_1": (random_portable.log, np.log, 1 + np.linspace(-0.5, 0.5, 10_001), 5e-16),
    "log1p": (
        random_portable.log1p,
        np.log1p,
        np.r_[-np.logspace(-300, -0.01, 5001), np.logspace(-300, 9, 5001)],
        8e-16,
    ),
    "exp": (random_portable.exp, np.exp, np.linspace(-708, 709.5, 20_001), 5e-16),
    "sine_of_turn": (random_portable.sine_of_turn, lambda x: np.sin(np.pi * x), np.linspace(-0.5, 0.5, 10_001), 5e-16),
    "tail": (random_tails.tail, stats.norm.sf, np.linspace(0, 37, 20_001), 2e-13),
    "quantile": (random_tails.quantile, stats.norm.isf, np.logspace(-300, -0.3011, 10_001), 5e-15),
    "binet": (
        random_counts.binet,
        lambda x: special.gammaln(x) - ((x - 0.5) * np.log(x) - x + np.log(2 * np.pi) / 2),
        np.linspace(1, 40, 2001),
        1e-4,
    ),
    "digamma": (digamma, special.psi, np.logspace(-8, 8, 5001)[np.abs(np.logspace(-8, 8, 5001) - 1.46) > 0.2], 1e-12),
}


@pytest.mark.parametrize("name", CASES)
def test_values(name: str) -> None:
    ours, theirs, x, tolerance = CASES[name]
    found, wanted = np.asarray(ours(xp.asarray(x))), theirs(x)
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=1e-300 if name != "binet" else 1e-13)
    if name != "digamma":  # whose logarithm is that of the evaluator
        assert np.asarray(mt.compile(ours)(xp.asarray(x))).tobytes() == found.tobytes()


def test_ends() -> None:
    ends = xp.asarray([0.0, np.inf, np.nan, -1.0, 5e-324], dtype=xp.float64)
    np.testing.assert_allclose(random_portable.log_of_all(ends), [-np.inf, np.inf, np.nan, np.nan, np.log(5e-324)])
    ends = xp.asarray([-np.inf, np.inf, np.nan, -800.0, 800.0], dtype=xp.float64)
    np.testing.assert_allclose(random_portable.exp(ends), [0, np.inf, np.nan, 0, np.inf])
    assert float(random_tails.tail(xp.asarray(np.inf, dtype=xp.float64))) < 1e-320


def test_open_uniforms_reach_neither_end() -> None:
    words = xp.asarray([0, 2**32 - 1], dtype=xp.uint32)
    found = np.asarray(random_portable.half_open(words, words))
    assert found.tolist() == [2.0**-53, 1 - 2.0**-53]
    assert np.isfinite(np.asarray(random_portable.normal_of(xp.asarray(found), xp.asarray(found)))).all()
