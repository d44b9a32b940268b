"""Where arrays meet NumPy and options: its functions, masks, devices, what leaves a trace, and the bounds of chance."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import xp

# functions of NumPy


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (np.abs, r"use xp\.abs"),
        (np.exp, r"use xp\.exp"),
        (np.negative, r"use xp\.negative"),
        (np.invert, r"use xp\.bitwise_invert"),
        (np.arctan, r"use xp\.atan"),
        (np.cbrt, r"np\.asarray"),
        (np.add.reduce, r"np\.asarray"),
        (lambda x: np.add(x, 1, dtype=np.float64), r"use xp\.add"),
        (lambda x: np.maximum(x, 1), r"use xp\.maximum"),
    ],
)
def test_functions_of_numpy_name_ours(function, says):
    with pytest.raises(mt.UsageError, match=says):
        function(xp.ones(2))


def test_an_array_of_numpy_on_the_left_of_an_operator():
    left, right = np.array([3.0, 4.0]), xp.asarray([2.0, 5.0], dtype=xp.float64)
    plain = np.asarray(right)
    assert np.array_equal(left**right, left**plain) and np.array_equal(left // right, left // plain)
    assert np.array_equal(left >= right, left >= plain) and np.array_equal(left @ right, left @ plain)
    for made in (left + right, np.float64(2) * right, np.add(left, right), left != right):
        assert isinstance(made, mt.Array)
    assert mt.grad(lambda x: xp.sum(left * x))(right).tolist() == [3.0, 4.0]


def test_adding_to_an_array_of_numpy_in_place():
    total = same = np.zeros(2)
    total += xp.ones(2)
    total *= xp.full((2,), 3.0)
    assert same.tolist() == [3.0, 3.0]
    with pytest.raises(TypeError, match="same_kind"):
        np.add(np.ones(2, np.int64), xp.ones(2), out=np.ones(2, np.int64))

    def lost(x):
        total = np.zeros(2)
        total += x
        return xp.sum(total)

    with pytest.raises(mt.TraceError, match="leaves the trace"):
        mt.grad(lost)(xp.ones(2))


# what leaves a trace


@pytest.mark.parametrize(
    "leave",
    [np.asarray, np.array, np.from_dlpack, lambda x: np.exp(np.asarray(x)), np.isclose],
    ids=lambda f: f.__name__,
)
def test_a_differentiated_array_does_not_go_to_numpy(leave):
    """It would come back as a constant, with the derivative 0."""
    both = (lambda x: leave(x, 1.0)) if leave is np.isclose else leave
    for derive in (mt.grad, lambda f: lambda x: mt.jvp(f, (x,), (x,))):
        with pytest.raises(mt.TraceError, match="leaves the trace"):
            derive(lambda x: xp.sum(xp.asarray(both(x))))(xp.ones(2))


def test_one_number_and_integers_may_leave():
    seen = []

    def f(x, n):
        seen.extend([float(x), x.item(), bool(x > 0), int(n), np.asarray(n).item(), (x > 0).tolist(), x.tolist()])
        return x * x if x > 1 else x

    with pytest.warns(mt.Note, match="takes it for a constant"):
        assert float(mt.grad(lambda x: f(x, xp.asarray(x, dtype=xp.int64)))(2.0)) == 4.0
    assert seen == [2.0, 2.0, True, 2, 2, True, 2.0]


# options


def test_masked_arrays_are_refused():
    masked = np.ma.masked_array([1.0, 2.0], [False, True])
    for take in (xp.asarray, lambda x: xp.ones(2) + x, xp.sum):
        with pytest.raises(mt.DataError, match=r"filled"):
            take(masked)
    assert xp.asarray(masked.filled(0.0)).tolist() == [1.0, 0.0]
    assert xp.asarray(np.ma.masked_array([1.0, 2.0])).tolist() == [1.0, 2.0]


MAKERS = [
    lambda **options: xp.asarray([1.0], **options), lambda **options: xp.astype(xp.ones(1), "f64", **options),
    lambda **options: xp.full((1,), 1, **options), lambda **options: xp.full_like(xp.ones(1), 2, **options),
    lambda **options: xp.zeros(1, **options), lambda **options: xp.zeros_like(xp.ones(1), **options),
    lambda **options: xp.ones(1, **options), lambda **options: xp.ones_like(xp.ones(1), **options),
    lambda **options: xp.arange(1, **options),
]  # fmt: skip


@pytest.mark.parametrize("make", MAKERS)
def test_there_is_one_device(make):
    assert make(device=None).shape == make(device="cpu").shape == (1,)
    with pytest.raises(mt.UsageError, match="no device 'gpu'"):
        make(device="gpu")


def test_copies_and_stable_sorting():
    x = xp.asarray([2.0, 1.0])
    source = np.array([1.0])
    copied = xp.asarray(source, copy=True)
    source[0] = 2
    assert copied.tolist() == [1.0]
    with pytest.raises(mt.DataError, match="copy"):
        xp.asarray(source, copy=False)
    for copy in (True, False):
        assert xp.astype(x, x.dtype, copy=copy) is x and xp.reshape(x, (2, 1), copy=copy).shape == (2, 1)
    assert xp.asarray(x) is x and xp.asarray(x, copy=True).tolist() == [2.0, 1.0]
    assert not np.shares_memory(np.asarray(x), np.asarray(xp.asarray(x, copy=True)))  # one may be donated
    assert xp.sort(x, stable=False).tolist() == [1.0, 2.0] and xp.argsort(x, stable=False).tolist() == [1, 0]


def test_versions_of_the_standard():
    assert xp.__array_api_version__ == "2024.12"
    assert xp.ones(1).__array_namespace__(api_version="2023.12") is xp
    with pytest.raises(mt.UsageError, match="standard"):
        xp.ones(1).__array_namespace__(api_version="2033.12")


# chance


@pytest.mark.parametrize(("low", "high"), [(1000.0, 1001.0), (-1001.0, -1000.0), (-3e8, 3e8)])
def test_uniform_stays_below_its_upper_bound(low, high):
    key = mt.key(0)
    for made in (
        mt.random.uniform(key, (200_000,), low, high),
        mt.random.uniform(key, (200_000,), xp.asarray(low), xp.asarray(high)),
        mt.compile(lambda key, low, high: mt.random.uniform(key, (200_000,), low, high))(key, low, high),
    ):
        assert made.dtype == xp.float32 and low <= float(made.min()) and float(made.max()) < high
        assert abs(float(xp.mean(xp.astype(made, xp.float64))) - (low + high) / 2) < (high - low) / 100


def test_uniform_on_a_coarse_grid_is_fair():
    made = np.asarray(mt.random.uniform(mt.key(1), (40_000,), 2.0**23, 2.0**23 + 4))
    values, counts = np.unique(made, return_counts=True)
    assert values.tolist() == [2.0**23 + i for i in range(4)]
    assert np.abs(counts - 10_000).max() < 400


def test_an_interval_of_one_number():
    assert mt.random.uniform(mt.key(0), (3,), 5.0, 5.0).tolist() == [5.0] * 3
