"""The same key gives the same bits: eagerly, compiled, on the reference, in lanes, for any number of threads."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import random, xp

KEY = mt.key(5)
A = xp.asarray(np.random.default_rng(0).gamma(1.0, 1.0, 400).astype(np.float32) + np.float32(1e-3))
P = A / (xp.max(A) * 1.01)
Draw = Callable[[Any, Any, Any], Any]

DRAWS: dict[str, Draw] = {
    "bits": lambda key, a, p: mt.fold(key, xp.arange(9)),
    "uniform": lambda key, a, p: mt.random.uniform(key, (400,)),
    "uniform_f64": lambda key, a, p: mt.random.uniform(key, (400,), dtype=xp.float64),
    "bernoulli": lambda key, a, p: mt.random.bernoulli(key, p),
    "permutation": lambda key, a, p: mt.random.permutation(key, a),
    "exponential": lambda key, a, p: random.exponential(key, None, a),
    "gumbel": lambda key, a, p: random.gumbel(key, None, a, a, dtype=xp.float64),
    "laplace": lambda key, a, p: random.laplace(key, None, a, a, dtype=xp.float64),
    "logistic": lambda key, a, p: random.logistic(key, (400,), dtype=xp.float16),
    "cauchy": lambda key, a, p: random.cauchy(key, (400,), dtype=xp.bfloat16),
    "truncated_normal": lambda key, a, p: random.truncated_normal(key, -a, 2 * a, dtype=xp.float64),
    "truncated_far": lambda key, a, p: random.truncated_normal(key, a * 5, float("inf"), dtype=xp.float64),
    "gamma": lambda key, a, p: random.gamma(key, a, dtype=xp.float64),
    "gamma_number": lambda key, a, p: random.gamma(key, 0.3, (400,)),
    "student_t": lambda key, a, p: random.student_t(key, a, dtype=xp.float64),
    "chi_square": lambda key, a, p: random.chi_square(key, a),
    "beta": lambda key, a, p: random.beta(key, a, 2 * a, dtype=xp.float64),
    "dirichlet": lambda key, a, p: random.dirichlet(key, xp.reshape(a, (-1, 4))),
    "poisson": lambda key, a, p: random.poisson(key, a * 9),
    "poisson_number": lambda key, a, p: random.poisson(key, 1e7, (400,)),
    "binomial": lambda key, a, p: random.binomial(key, 60, p),
    "geometric": lambda key, a, p: random.geometric(key, p, dtype=xp.int32),
    "randint": lambda key, a, p: random.randint(key, -(2**62), 2**62 + 12345, (400,)),
    "randint_bounds": lambda key, a, p: random.randint(key, 0, xp.astype(a * 1000, xp.int64) + 1),
    "categorical": lambda key, a, p: random.categorical(key, a, (200,)),
    "choice": lambda key, a, p: random.choice(key, a, (50,), p),
    "choice_once": lambda key, a, p: random.choice(key, 400, (50,), p, replace=False),
}


@pytest.mark.parametrize("name", DRAWS)
def test_compiled(name: str) -> None:
    draw = DRAWS[name]
    eager = np.asarray(draw(KEY, A, P))
    made = mt.compile(draw)
    for threads in (1, 2):
        mt.threads(threads)
        assert np.asarray(made(KEY, A, P)).tobytes() == eager.tobytes()
    with mt.interpret():
        assert np.asarray(made(KEY, A, P)).tobytes() == eager.tobytes()


@pytest.mark.parametrize("name", DRAWS)
def test_lanes(name: str) -> None:
    """One key a lane, and one set of parameters for all or one a lane."""
    draw = DRAWS[name]
    keys = mt.split(KEY, 3)
    apart = [np.asarray(draw(key, A, P)).tobytes() for key in keys]
    together = np.asarray(mt.vmap(lambda key: draw(key, A, P))(keys))
    assert [lane.tobytes() for lane in together] == apart
    both = mt.vmap(draw)(keys, xp.stack([A, A, A]), xp.stack([P, P, P]))
    assert [lane.tobytes() for lane in np.asarray(both)] == apart


@pytest.mark.parametrize("name", ["gamma", "poisson", "truncated_normal"])
def test_compiled_lanes(name: str) -> None:
    """With parameters that the program captures."""
    keys = mt.split(KEY, 3)
    lanes = mt.vmap(lambda key: DRAWS[name](key, A, P))
    assert np.asarray(mt.compile(lanes)(keys)).tobytes() == np.asarray(lanes(keys)).tobytes()


def test_numbers_are_the_arrays_of_them() -> None:
    """A Python number, an argument of a compiled function, an array: the same parameter gives the same bits."""
    eager = np.asarray(random.gamma(KEY, 0.7, (50,)))
    assert np.asarray(mt.compile(lambda key, a: random.gamma(key, a, (50,)))(KEY, 0.7)).tobytes() == eager.tobytes()
    full = xp.full((50,), 0.7, dtype=xp.float64)
    assert np.asarray(random.gamma(KEY, full)).tobytes() == eager.tobytes()
    counts = np.asarray(random.randint(KEY, 3, 99, (50,)))
    made = mt.compile(lambda key, low, high: random.randint(key, low, high, (50,)))
    assert np.asarray(made(KEY, 3, 99)).tobytes() == counts.tobytes()


def test_a_normal_number_is_within_8_units() -> None:
    for dtype, width in ((xp.float32, np.float32), (xp.float64, np.float64)):
        eager = np.asarray(mt.random.normal(KEY, (100_000,), dtype=dtype))
        made = np.asarray(mt.compile(lambda key, dtype=dtype: mt.random.normal(key, (100_000,), dtype=dtype))(KEY))
        # Where the cosine passes 0 its units are smaller than those of the angle; there a unit is that of 2⁻⁴.
        units = np.abs(eager.astype(width) - made) / np.spacing(np.maximum(np.abs(eager), width(2**-4)))
        assert units.max() <= 8
