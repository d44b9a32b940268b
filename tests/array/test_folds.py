"""Reductions are NumPy's, over every choice of axes; half floats are added up in float32."""

import warnings

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp

import mapsto as mt
from mapsto import xp
from tests.array.drawn import FINITE, arrays, axis_of, numbers, same, steady

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


def quietly(function, *args, **kwargs):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


def axes(data, rank):
    """None, one axis, or several, counted from either end."""
    several = st.permutations(range(rank)).flatmap(lambda order: st.integers(0, rank).map(lambda n: tuple(order[:n])))
    signed = several.map(lambda some: tuple(axis - rank if axis % 2 else axis for axis in some))
    return data.draw(st.none() | st.integers(-rank, rank - 1) | signed)


@steady
@given(st.data(), st.booleans())
@pytest.mark.parametrize("name", ["sum", "prod"])
def test_totals(name, data, keepdims):
    x = data.draw(arrays(elements=FINITE))
    axis = axes(data, x.ndim)
    expected = getattr(np, name)(x, axis=axis, keepdims=keepdims)
    if x.dtype.kind == "f":
        expected = getattr(np, name)(x, axis=axis, keepdims=keepdims, dtype=x.dtype)
    same(getattr(xp, name)(x, axis=axis, keepdims=keepdims), expected, 1e-6)


@steady
@given(st.data(), st.booleans())
def test_truth_and_counts(data, keepdims):
    x = data.draw(arrays())
    axis = axes(data, x.ndim)
    same(xp.any(x, axis=axis, keepdims=keepdims), np.any(x, axis=axis, keepdims=keepdims))
    same(xp.all(x, axis=axis, keepdims=keepdims), np.all(x, axis=axis, keepdims=keepdims))
    expected = np.asarray(np.count_nonzero(x, axis=axis, keepdims=keepdims), np.int64)
    same(xp.count_nonzero(x, axis=axis, keepdims=keepdims), expected)


@steady
@given(st.data(), st.booleans())
def test_extremes(data, keepdims):
    x = data.draw(arrays(min_side=1))
    axis = axes(data, x.ndim)
    same(xp.max(x, axis=axis, keepdims=keepdims), np.max(x, axis=axis, keepdims=keepdims))
    same(xp.min(x, axis=axis, keepdims=keepdims), np.min(x, axis=axis, keepdims=keepdims))
    one = data.draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    same(xp.argmax(x, axis=one, keepdims=keepdims), np.argmax(x, axis=one, keepdims=keepdims))
    same(xp.argmin(x, axis=one, keepdims=keepdims), np.argmin(x, axis=one, keepdims=keepdims))


@steady
@given(st.data(), st.booleans(), st.sampled_from([0, 1, 0.5, 9]))
def test_moments(data, keepdims, correction):
    x = data.draw(arrays("f32 f64 i8 bool", FINITE))
    axis = axes(data, x.ndim)
    wide = x.astype(np.float64) if x.dtype.kind == "f" else x.astype(np.float32)
    result = x.dtype if x.dtype.kind == "f" else np.float32
    tolerance = 1e-12 if result == np.float64 else 2e-6
    same(
        xp.mean(x, axis=axis, keepdims=keepdims),
        quietly(np.mean, wide, axis=axis, keepdims=keepdims).astype(result),
        tolerance,
    )
    for name in ("var", "std"):
        expected = quietly(getattr(np, name), wide, axis=axis, keepdims=keepdims, ddof=correction)
        found = getattr(xp, name)(x, axis=axis, keepdims=keepdims, correction=correction)
        same(found, expected.astype(result), tolerance)


@steady
@given(st.data(), st.booleans())
def test_logsumexp(data, keepdims):
    x = data.draw(arrays("f64", min_side=1))
    axis = axes(data, x.ndim)
    expected = quietly(logsumexp, x, axis=axis, keepdims=keepdims)
    same(xp.logsumexp(x, axis=axis, keepdims=keepdims), expected, 1e-12)


def test_logsumexp_of_nothing_and_of_large_numbers():
    np.testing.assert_array_equal(xp.logsumexp(xp.zeros((2, 0)), axis=1), [-np.inf, -np.inf])
    assert xp.logsumexp(xp.zeros((2, 0)), axis=1, keepdims=True).shape == (2, 1)
    assert float(xp.logsumexp([1e4, 1e4])) == pytest.approx(1e4 + np.log(2))
    slope = mt.grad(lambda x: xp.logsumexp(x))(xp.asarray([1e4, -1e4, 1e4]))
    np.testing.assert_allclose(slope, [0.5, 0.0, 0.5])


def test_types_of_sums():
    for dtype, wanted in (
        ("i8", "i64"),
        ("bool", "i64"),
        ("u16", "u64"),
        ("u64", "u64"),
        ("f16", "f16"),
        ("f64", "f64"),
    ):
        x = xp.ones(300, dtype=dtype)
        for fold in (xp.sum, xp.prod, lambda x: xp.cumulative_sum(x)[-1]):
            assert fold(x).dtype == xp.zeros(0, dtype=wanted).dtype
    assert int(xp.sum(xp.full(300, 1, dtype="i8"))) == 300
    assert int(xp.sum(xp.full(300, 1, dtype="i8"), dtype="i8")) == 44  # wraps, as asked
    assert xp.sum(xp.ones(2), dtype="f64").dtype == xp.float64


@pytest.mark.parametrize("dtype", [np.dtype(np.float16), BFLOAT16], ids=["f16", "bf16"])
def test_half_floats_are_added_in_float32_and_rounded_once(dtype):
    """In 16 bits the sum of 5000 numbers near 0.1 stalls at 256 (f16) or 32 (bf16); their mean would overflow."""
    x = np.full(5000, 0.1).astype(dtype)
    wide = x.astype(np.float64)
    grown = (np.arange(3000) % 7 * 40.0).astype(dtype)
    one = np.float64(np.ones(1, dtype).astype(dtype)[0])
    assert one == 1.0
    same(xp.sum(x), wide.sum().astype(dtype))
    same(xp.mean(grown), grown.astype(np.float64).mean().astype(dtype))
    same(xp.var(grown), grown.astype(np.float64).var().astype(dtype))
    same(xp.cumulative_sum(x)[-1], wide.sum().astype(dtype))
    same(xp.matmul(x[None], np.ones((5000, 1), dtype)), wide.sum().astype(dtype).reshape(1, 1))
    same(xp.einsum("i,i->", x, np.ones(5000, dtype)), wide.sum().astype(dtype))
    same(xp.put_add(np.zeros(2, dtype), np.zeros(5000, np.int64), x)[0], wide.sum().astype(dtype))
    close = np.asarray(xp.prod(np.full(30, 1.1).astype(dtype))).astype(np.float64)
    np.testing.assert_allclose(close, np.prod(np.full(30, 1.1).astype(dtype).astype(np.float64)), rtol=2.0**-8)
    assert mt.grad(lambda x: xp.mean(x))(xp.asarray(x)).dtype == dtype


def test_bfloat16_orders_nan_like_every_float():
    x = np.array([1.0, np.nan, -2.0, np.inf, np.nan]).astype(BFLOAT16)
    assert int(xp.argmax(x)) == int(xp.argmin(x)) == 1
    np.testing.assert_array_equal(xp.argsort(x), [2, 0, 3, 1, 4])
    assert np.isnan(np.asarray(xp.max(x)).astype(float)) and np.isnan(
        np.asarray(xp.cumulative_max(x)[-1]).astype(float)
    )
    np.testing.assert_array_equal(xp.unique_values(x[[0, 2, 3]]).astype("f32"), [-2, 1, np.inf])


def test_products_have_right_derivatives_at_zeros():
    """∂Π/∂xᵢ is the product of the others, also where one or two factors are 0; and so at second order."""
    for values in ([2.0, 3.0, 4.0], [0.0, 3.0, 4.0], [0.0, 3.0, 0.0], [0.0, 0.0, 0.0]):
        x = np.array(values)
        others = [np.prod(np.delete(x, i)) for i in range(3)]
        pairs = [[0.0 if i == j else np.prod(np.delete(x, [i, j])) for j in range(3)] for i in range(3)]
        first = mt.grad(lambda x: xp.prod(x))
        np.testing.assert_array_equal(first(xp.asarray(x)), others)
        rows = [mt.grad(lambda x, i=i, first=first: first(x)[i])(xp.asarray(x)) for i in range(3)]
        np.testing.assert_array_equal(rows, pairs)


def test_a_long_product_is_differentiated_in_linear_memory():
    x = 1 + 1e-3 * numbers(20000)
    slope = mt.grad(lambda x: xp.prod(x))(x)
    np.testing.assert_allclose(slope, np.prod(np.asarray(x)) / np.asarray(x), rtol=1e-9)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: xp.sum(x, axis=2),
        lambda x: xp.mean(x, axis=(0, 0)),
        lambda x: xp.var(x, correction=np.nan),
        lambda x: xp.var(x, correction="1"),
        lambda x: xp.argmax(x, axis=(0, 1)),
        lambda x: xp.max(x[:0]),
        lambda x: xp.argmin(x[:0], axis=0),
    ],
)
def test_refused(call):
    with pytest.raises(mt.MapstoError):
        call(xp.ones((2, 3)))


@steady
@given(st.data(), st.booleans(), st.booleans())
@pytest.mark.parametrize("name", ["cumulative_sum", "cumulative_prod"])
def test_running_totals(name, data, initial, reverse):
    x = data.draw(arrays(elements=FINITE))
    axis = axis_of(data, x.ndim)
    turned = np.flip(x, axis) if reverse else x
    expected = getattr(np, name)(turned, axis=axis, include_initial=initial)
    expected = np.flip(expected, axis) if reverse else expected
    same(getattr(xp, name)(x, axis=axis, include_initial=initial, reverse=reverse), expected, 1e-6)


@steady
@given(st.data(), st.booleans())
@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_running_extremes(name, data, reverse):
    x = data.draw(arrays())
    axis = axis_of(data, x.ndim)
    turned = np.flip(x, axis) if reverse else x
    expected = getattr(np, name).accumulate(turned, axis=axis)
    expected = np.flip(expected, axis) if reverse else expected
    same(getattr(xp, f"cumulative_{name[:3]}")(x, axis=axis, reverse=reverse), expected)


def test_running_derivatives():
    """At ties and NaN the element met first takes it; products are right at zeros, at second order as well."""
    pulled = lambda f, *x: np.asarray(mt.grad(lambda x: xp.sum(f(x) * xp.asarray([1.0, 10.0, 100.0, 1000.0])))(*x))
    ties = xp.asarray([1.0, 3.0, 3.0, 2.0])
    np.testing.assert_array_equal(pulled(xp.cumulative_max, ties), [1, 1110, 0, 0])
    np.testing.assert_array_equal(pulled(lambda x: xp.cumulative_max(x, reverse=True), ties), [0, 0, 111, 1000])
    np.testing.assert_array_equal(pulled(xp.cumulative_min, -ties), [1, 1110, 0, 0])
    np.testing.assert_array_equal(pulled(xp.cumulative_sum, ties), [1111, 1110, 1100, 1000])
    x = xp.asarray([2.0, 0.0, 3.0, 0.0])
    # y = (a, ab, abc, abcd): by a 1 + 10b + 100bc + …, by b 10a + 100ac + 1000acd, by c 100ab, by d 1000abc
    np.testing.assert_array_equal(pulled(xp.cumulative_prod, x), [1, 620, 0, 0])
    second = mt.grad(lambda x: mt.grad(lambda x: xp.sum(xp.cumulative_prod(x)))(x)[1])(x)
    np.testing.assert_array_equal(second, [1 + 3, 0, 2, 6])  # by b: a + ac + acd


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: xp.cumulative_sum(1.0), "fewer than 1"),
        (lambda: xp.cumulative_sum(xp.ones((2, 2))), "none is named"),
        (lambda: xp.cumulative_max(xp.ones(2), axis=1), "does not exist"),
    ],
)
def test_running_refused(call, says):
    with pytest.raises(mt.ShapeError, match=says):
        call()
