"""Sorting, searching and sets are NumPy's; so are derivatives where elements only change places."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mapsto as mt
from mapsto import xp
from tests.array.drawn import SOME, arrays, axis_of, numbers, same, steady


@steady
@given(st.data())
def test_sort(data):
    x = data.draw(arrays())
    axis = axis_of(data, x.ndim)
    same(xp.sort(x, axis=axis), np.sort(x, axis=axis, kind="stable"))
    same(xp.argsort(x, axis=axis), np.argsort(x, axis=axis, kind="stable"))


@steady
@given(st.data())
def test_descending_is_stable_with_nan_first(data):
    x = data.draw(arrays(min_side=1))
    axis = axis_of(data, x.ndim)
    rows = np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])
    key = lambda row: lambda i: (not np.isnan(row[i]), -float(row[i]))
    order = np.array([sorted(range(len(row)), key=key(row)) for row in rows])  # Python's sort is stable
    order = np.moveaxis(order.reshape(np.moveaxis(x, axis, -1).shape), -1, axis)
    same(xp.argsort(x, axis=axis, descending=True), order)
    same(xp.sort(x, axis=axis, descending=True), np.take_along_axis(x, order, axis))
    k = data.draw(st.integers(0, x.shape[axis]))
    best = np.take(order, np.arange(k), axis)
    found = xp.top_k(x, k, axis=axis)
    same(found.indices, best)
    same(found.values, np.take_along_axis(x, best, axis))


def test_top_k_takes_derivatives_along():
    x = xp.asarray([[3.0, 1.0, 2.0], [5.0, 5.0, 4.0]])
    slope = mt.grad(lambda x: xp.sum(xp.top_k(x, 2).values * xp.asarray([1.0, 10.0])))(x)
    np.testing.assert_array_equal(slope, [[1, 0, 10], [1, 10, 0]])
    with pytest.raises(mt.ShapeError, match="the 4 largest of 3"):
        xp.top_k(x, 4)
    with pytest.raises(mt.UsageError, match="whole number"):
        xp.top_k(x, -1)


@steady
@given(st.data())
def test_unique(data):
    x = data.draw(arrays())
    values, indices, inverse, counts = np.unique(x, True, True, True, equal_nan=False)
    found = xp.unique_all(x)
    same(found.values, values)
    same(found.indices, indices)
    same(found.inverse_indices, inverse.reshape(x.shape))
    same(found.counts, counts)
    same(xp.unique_values(x), values)
    same(xp.unique_counts(x).counts, counts)
    same(xp.unique_inverse(x).inverse_indices, inverse.reshape(x.shape))


def test_unique_values_keep_derivatives():
    x = xp.asarray([3.0, 1.0, 3.0])
    np.testing.assert_array_equal(mt.grad(lambda x: xp.sum(xp.unique_values(x) ** 2))(x), [6, 2, 0])


@steady
@given(st.data())
def test_nonzero(data):
    x = data.draw(arrays())
    for found, expected in zip(xp.nonzero(x), np.nonzero(x), strict=True):
        same(found, expected)


@pytest.mark.parametrize("call", [xp.nonzero, xp.unique_all, xp.unique_values, lambda x: xp.repeat(x, x > 0)])
def test_shapes_that_depend_on_numbers_are_refused_in_a_trace(call):
    with pytest.raises(mt.TraceError, match="the shape of the result depends on the numbers"):
        mt.compile(call)(xp.ones(3))


@steady
@given(st.data(), st.sampled_from(["left", "right"]))
def test_searchsorted(data, side):
    row = np.sort(data.draw(arrays("f64 i64", min_dims=1, max_dims=1, max_side=9)))
    wanted = data.draw(arrays(str({"f": "f64", "i": "i64"}[row.dtype.kind])))
    same(xp.searchsorted(row, wanted, side=side), np.searchsorted(row, wanted, side))
    same(mt.compile(lambda x: xp.searchsorted(row, x, side=side))(wanted), np.searchsorted(row, wanted, side))


def test_searchsorted_by_a_sorter_and_what_it_refuses():
    x = np.array([3.0, 1.0, 2.0])
    same(xp.searchsorted(x, [2.5, 0.0], sorter=np.argsort(x)), np.array([2, 0]))
    with pytest.raises(mt.ShapeError, match="not one row"):
        xp.searchsorted(xp.ones((2, 2)), 1.0)
    with pytest.raises(mt.UsageError, match="did you mean"):
        xp.searchsorted(x, 1.0, side="lefty")


@steady
@given(st.data(), st.booleans())
def test_isin(data, invert):
    x = data.draw(arrays("f64", SOME))
    others = data.draw(arrays("f64", SOME))
    same(xp.isin(x, others, invert=invert), np.isin(x, others, invert=invert))


@steady
@given(st.data(), st.integers(-3, 3))
def test_triangles_and_diagonals(data, k):
    x = data.draw(arrays(min_dims=2))
    same(xp.tril(x, k=k), np.tril(x, k))
    same(xp.triu(x, k=k), np.triu(x, k))
    same(xp.diagonal(x, offset=k), np.diagonal(x, k, -2, -1))
    finite = np.nan_to_num(x, posinf=2, neginf=-2) if x.dtype.kind == "f" else x
    same(xp.trace(finite, offset=k), np.sum(np.diagonal(finite, k, -2, -1), -1, dtype=np.asarray(xp.sum(finite)).dtype))
    same(xp.eye(*x.shape[:2], k=k), np.eye(*x.shape[:2], k=k, dtype=np.float32))


def test_triangles_stop_derivatives_and_nan():
    x = numbers(3, 3)
    np.testing.assert_array_equal(mt.grad(lambda x: xp.sum(xp.tril(x)))(x), np.tril(np.ones((3, 3))))
    np.testing.assert_array_equal(xp.triu(xp.full((2, 2), np.nan))[1, 0], 0.0)
    with pytest.raises(mt.ShapeError, match="fewer than 2"):
        xp.tril([1, 2])
