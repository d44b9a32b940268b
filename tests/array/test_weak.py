"""Python numbers that are traced: exact within, float32 or int64 to whoever asks, and never the reason for float64."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import xp

LABELS = np.array([0, 2, 1])

# Every function has a float32 array x[3, 3] and a Python float; none may yield float64.
FUNCTIONS = {
    "x * (r + zeros_like(r))": lambda x, r: x * (r + xp.zeros_like(r)),
    "x * ones_like(r)": lambda x, r: x * xp.ones_like(r),
    "x * full_like(r, 0.5)": lambda x, r: x * xp.full_like(r, 0.5),
    "full_like(x, r)": lambda x, r: xp.full_like(x, r),
    "zeros of r's dtype": lambda x, r: x + xp.zeros((3,), dtype=r.dtype),
    "x cast to r's dtype": lambda x, r: xp.astype(x, r.dtype) * r,
    "arange of r's dtype": lambda x, r: x * xp.arange(3, dtype=r.dtype),
    "take of full": lambda x, r: x + xp.take(xp.full((2,), r), LABELS[:1]),
    "take_along_axis": lambda x, r: x + xp.take_along_axis(xp.full((3,), r), LABELS),
    "x[i] of full": lambda x, r: x + xp.full((3,), r)[1],
    "r[None]": lambda x, r: x + r[None],
    "broadcast_to": lambda x, r: x + xp.broadcast_to(r, (3, 3)),
    "reshape": lambda x, r: x + xp.reshape(r, (1, 1)),
    "expand_dims": lambda x, r: x + xp.expand_dims(r),
    "flip": lambda x, r: x + xp.flip(xp.broadcast_to(r, (3,))),
    "pad": lambda x, r: x + xp.pad(xp.full((1,), r), [(1, 1)]),
    "concat": lambda x, r: x + xp.concat([xp.full((1,), r), xp.full((2,), r)]),
    "stack": lambda x, r: x + xp.stack([r, r, 1.0]),
    "sum": lambda x, r: x * xp.sum(r),
    "mean": lambda x, r: x * xp.mean(r),
    "max": lambda x, r: x * xp.max(r),
    "prod": lambda x, r: x * xp.prod(r),
    "std": lambda x, r: x * xp.std(xp.stack([r, 2 * r])),
    "logsumexp": lambda x, r: x * xp.logsumexp(r),
    "softmax": lambda x, r: x * xp.softmax(xp.full((3,), r)),
    "sort": lambda x, r: x * xp.sort(xp.full((3,), r)),
    "argmax": lambda x, r: x * xp.argmax(xp.full((3,), r)),
    "cumulated": lambda x, r: xp.exp(r) * x + xp.log1p(r) - xp.sqrt(r) / xp.tanh(r),
    "sigmoid": lambda x, r: x * xp.sigmoid(r) + xp.softplus(r) + xp.relu(r),
    "power": lambda x, r: x**r + r**2 + 2**r,
    "rounding": lambda x, r: x + xp.floor(r) + xp.ceil(r) + xp.round(r) + xp.sign(r) + abs(r) - (-r) % 2 // 1,
    "choices": lambda x, r: x + xp.maximum(r, 0.0) + xp.minimum(r, 1.0) + xp.clip(r, 0.0, 1.0),
    "where": lambda x, r: xp.where(x > r, r, 0.0) + xp.where(r > 0, r, 1.0) * x,
    "where of r alone": lambda x, r: xp.where(x > 0, r, 1.0),
    "isfinite": lambda x, r: xp.where(xp.isfinite(r) & ~xp.isnan(r), x, r),
    "stop_gradient": lambda x, r: x * xp.stop_gradient(r),
    "matmul": lambda x, r: x @ xp.full((3,), r),
    "outer": lambda x, r: xp.outer(xp.full((3,), r), x[0]),
    "tensordot": lambda x, r: xp.tensordot(r, r, axes=0) * x,
    "einsum": lambda x, r: xp.einsum(",->", r, r) * x,
    "linspace": lambda x, r: x * xp.linspace(0.0, 1.0, 3) * r,
    "uniform": lambda x, r: x * mt.random.uniform(mt.key(0), (3,), 0.0, r),
    "normal": lambda x, r: x * mt.random.normal(mt.key(0), (3,), r, r),
    "grad by r": lambda x, r: x * mt.grad(lambda a: a * a * xp.sum(xp.zeros_like(a)))(r),
    "grad by x": lambda x, r: mt.grad(lambda a: xp.sum(a * a) * r)(x),
    "vjp": lambda x, r: x * mt.vjp(lambda a: a * a, r)[1](1.0)[0],
    "jvp": lambda x, r: x * mt.jvp(lambda a: a * a, (r,), (1.0,))[1],
    "vmap": lambda x, r: mt.vmap(lambda row: row * (r + xp.zeros_like(r)))(x),
    "vmap over r": lambda x, r: mt.vmap(lambda one: one * 2)(xp.broadcast_to(r, (3,))) * x,
    "conv": lambda x, r: mt.nn.Conv2D(1, 1).init(mt.key(0), xp.ones((1, 2, 2, 1)))(xp.full((1, 2, 2, 1), r)),
    "pool": lambda x, r: mt.nn.MaxPool2D(2)(xp.full((1, 2, 2, 1), r)),
    "r alone": lambda x, r: r,
    "r twice": lambda x, r: (r, [r + 1, {"a": xp.exp(r)}]),
}


def results(f):
    x = xp.asarray(np.linspace(0.5, 1.5, 9, dtype=np.float32).reshape(3, 3))
    leaves = []

    def gather(value):
        if isinstance(value, (tuple, list, dict)):
            for part in value.values() if isinstance(value, dict) else value:
                gather(part)
        else:
            leaves.append(value)

    gather(f(x, 0.1))
    return leaves


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=list(FUNCTIONS))
def test_a_python_float_never_makes_float64(f):
    for array in results(mt.compile(f)):
        assert array.dtype == xp.float32, array.spec


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "r[None]" and "dtype" not in name])
def test_a_traced_number_computes_what_a_written_one_does(name):
    for found, wanted in zip(results(mt.compile(FUNCTIONS[name])), results(FUNCTIONS[name]), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_what_a_traced_number_says_of_itself():
    seen = []

    def look(a, n, yes):
        seen.append((a.dtype, n.dtype, yes.dtype, str(a.spec)))
        return a

    mt.compile(look)(0.1, 2, True)
    assert seen == [(xp.float32, xp.int64, xp.bool, "f64*[]")]


def test_a_traced_number_stays_exact_beside_float64():
    x = xp.ones((2,), dtype=xp.float64)
    for f in (
        lambda x, r: x * r,
        lambda x, r: x * (r + xp.zeros_like(r)),
        lambda x, r: x * xp.maximum(r, 0.0),
        lambda x, r: xp.full_like(x, r),
    ):
        assert float(mt.compile(f)(x, 0.1)[0]) == 0.1


def test_weak_numbers_have_no_axes():
    def check(r):
        for y in (xp.full((2,), r), r[None], xp.stack([r, r]), xp.where(xp.ones(2) > 0, r, 0.0), xp.sum(r)):
            assert not y.spec.weak
        for y in (r * 2, xp.exp(r), xp.zeros_like(r), xp.where(r > 0, r, 1.0)):
            assert y.spec.weak and y.shape == ()
        return r

    mt.compile(check)(0.1)


def test_known_weak_integers_must_fit():
    small = xp.ones((2,), dtype=xp.int8)
    for f in (
        lambda: small + 1000,
        lambda: mt.compile(lambda x: x + 1000)(small),
        lambda: mt.vjp(lambda n: small + xp.astype(n, xp.int8), 1000.0),
    ):
        with pytest.raises(mt.DTypeError, match="fits i8"):
            f()
    # Where no value is known, integers wrap, as documented.
    assert mt.compile(lambda x, n: x + n)(small, 1000).tolist() == [-23, -23]
