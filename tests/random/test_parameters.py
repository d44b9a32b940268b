"""Parameters at the ends of their ranges and beyond them: known ones are refused, traced ones give NaN or -1."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import random, xp

KEY = mt.key(4)
NAN, INF = float("nan"), float("inf")
BAD: dict[str, tuple[Callable[[Any], Any], list[float]]] = {
    "exponential": (lambda x: random.exponential(KEY, None, x), [0.0, -1.0, INF, NAN]),
    "gumbel": (lambda x: random.gumbel(KEY, None, x), [INF, NAN]),
    "truncated_normal std": (lambda x: random.truncated_normal(KEY, std=x), [0.0, -1.0, NAN]),
    "gamma": (lambda x: random.gamma(KEY, x), [0.0, -1.0, INF, NAN]),
    "gamma scale": (lambda x: random.gamma(KEY, 1.0, None, x), [0.0, NAN]),
    "chi_square": (lambda x: random.chi_square(KEY, x), [0.0, NAN]),
    "student_t": (lambda x: random.student_t(KEY, x), [0.0, NAN]),
    "beta": (lambda x: random.beta(KEY, x, 1.0), [0.0, NAN]),
    "dirichlet": (lambda x: random.dirichlet(KEY, xp.stack([x, x]) if isinstance(x, mt.Array) else [x, x]), [0.0, NAN]),
    "poisson": (lambda x: random.poisson(KEY, x), [-1.0, 2.0**63, INF, NAN]),
    "binomial": (lambda x: random.binomial(KEY, x, 0.5), [-1.0, 2.5, 1e16, NAN]),
    "binomial p": (lambda x: random.binomial(KEY, 9, x), [-0.1, 1.1, NAN]),
    "geometric": (lambda x: random.geometric(KEY, x), [0.0, -0.1, 1.1, NAN]),
    "categorical": (
        lambda x: random.categorical(KEY, [0.0, x] if isinstance(x, float) else xp.stack([x, x])),
        [INF, NAN],
    ),
    "choice": (lambda x: random.choice(KEY, 2, (3,), [1.0, x]), [-1.0, INF, NAN]),
    "bernoulli": (lambda x: mt.random.bernoulli(KEY, x), [-0.1, 1.1, NAN]),
}


@pytest.mark.parametrize("name", BAD)
def test_refused(name: str) -> None:
    draw, values = BAD[name]
    for value in values:
        with pytest.raises(mt.UsageError) as error:
            draw(value)
        assert error.value.code in ("RANDOM-01", "ARG-01")
        assert name.split()[0] in str(error.value) and "must be" in str(error.value)


@pytest.mark.parametrize("name", [name for name in BAD if name not in ("choice", "bernoulli", "categorical")])
def test_traced_nan(name: str) -> None:
    """What is traced cannot be looked at: a float is NaN, a count -1, on every evaluator."""
    draw, _ = BAD[name]
    made = mt.compile(draw)
    for _ in range(2):
        found = np.asarray(made(xp.asarray(NAN)))
        assert (found == -1).all() if found.dtype.kind == "i" else np.isnan(found).all()


def test_no_axis_no_bounds() -> None:
    for draw, code in (
        (lambda: random.gamma(KEY, [1.0, 2.0], (3,)), "SHAPE-02"),
        (lambda: random.gamma(KEY, [1.0, 2.0], ()), "SHAPE-02"),
        (lambda: random.beta(KEY, [1.0, 2.0], [1.0, 2.0, 3.0]), "SHAPE-02"),
        (lambda: random.dirichlet(KEY, 1.0), "ARRAY-02"),
        (lambda: random.categorical(KEY, np.zeros((2, 0))), "SHAPE-06"),
        (lambda: random.categorical(KEY, [-INF, -INF]), "RANDOM-01"),
        (lambda: random.truncated_normal(KEY, 2.0, 1.0), "RANDOM-02"),
        (lambda: random.truncated_normal(KEY, 1.0, 1.0), "RANDOM-02"),
        (lambda: random.randint(KEY, 3, 3), "RANDOM-02"),
        (lambda: random.randint(KEY, [0, 5], [3, 5]), "RANDOM-02"),
        (lambda: random.randint(KEY, 0, 257, dtype=xp.uint8), "RANDOM-01"),
        (lambda: random.randint(KEY, 0, 2**63 + 1), "RANDOM-01"),
        (lambda: random.randint(KEY, -1, 4, dtype=xp.uint64), "RANDOM-01"),
        (lambda: random.randint(KEY, 0.5, 2), "DTYPE-04"),
        (lambda: random.randint(KEY, 0, 2, dtype=xp.float32), "DTYPE-04"),
        (lambda: random.gamma(KEY, 1.0, dtype=xp.int32), "DTYPE-04"),
        (lambda: random.choice(KEY, 3, (4,), replace=False), "RANDOM-03"),
        (lambda: random.choice(KEY, 3, (2,), [0.0, 1.0, 0.0], replace=False), "RANDOM-03"),
        (lambda: random.choice(KEY, 3, (2,), [0.0, 0.0, 0.0]), "RANDOM-03"),
        (lambda: random.choice(KEY, 0), "RANDOM-03"),
        (lambda: random.choice(KEY, 3, (2,), [0.5, 0.5]), "RANDOM-04"),
        (lambda: random.gamma(0, 1.0), "KEY-02"),  # pyright: ignore[reportArgumentType]
        (lambda: random.poisson(7, 1.0), "KEY-02"),  # pyright: ignore[reportArgumentType]
    ):
        with pytest.raises(mt.MapstoError) as error:
            draw()
        assert error.value.code == code


def test_ends_of_the_ranges() -> None:
    shape = (1000,)
    assert (np.asarray(random.poisson(KEY, 0.0, shape)) == 0).all()
    assert (np.asarray(random.binomial(KEY, 0, 0.5, shape)) == 0).all()
    assert (np.asarray(random.binomial(KEY, 9, 0.0, shape)) == 0).all()
    assert (np.asarray(random.binomial(KEY, 9, 1.0, shape)) == 9).all()
    assert (np.asarray(random.geometric(KEY, 1.0, shape)) == 1).all()
    assert (
        not np.asarray(mt.random.bernoulli(KEY, 0.0, shape)).any()
        and np.asarray(mt.random.bernoulli(KEY, 1.0, shape)).all()
    )
    found = np.asarray(random.poisson(KEY, 2.0**62, shape), np.float64)
    assert abs(found.mean() / 2.0**62 - 1) < 1e-9 and 0.8 < found.std() / 2.0**31 < 1.2
    found = np.asarray(random.binomial(KEY, 2**53, 0.5, shape), np.float64)
    assert 0.9 < found.std() / np.sqrt(2.0**51) < 1.1
    assert random.geometric(KEY, 1e-300, (3,)).tolist() == [2**63 - 1] * 3
    assert np.isfinite(np.asarray(random.gamma(KEY, np.array([1e-300, 1e-10, 1e200]), dtype=xp.float64))).all()
    np.testing.assert_allclose(random.gamma(KEY, 1e200, dtype=xp.float64), 1e200)


def test_empty_shapes() -> None:
    for draw in (
        lambda shape: random.gamma(KEY, 2.0, shape),
        lambda shape: random.poisson(KEY, 20.0, shape),
        lambda shape: random.binomial(KEY, 100, 0.3, shape),
        lambda shape: random.truncated_normal(KEY, shape=shape),
        lambda shape: random.gumbel(KEY, shape),
    ):
        assert draw((0, 3)).shape == (0, 3) and draw((2, 0)).shape == (2, 0) and draw(()).shape == ()
    assert random.gamma(KEY, np.zeros((0,), np.float32)).shape == (0,)


def test_each_element_is_drawn_by_itself() -> None:
    """A parameter's elements do not share one number."""
    assert len(set(random.exponential(KEY, None, np.ones(50)).tolist())) == 50
    assert 5 < sum(mt.random.bernoulli(KEY, np.full(40, 0.5)).tolist()) < 35
