"""Reductions, running folds and sorting: NumPy's own, along every choice of axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mapsto as mt
from mapsto import xp
from tests.against_numpy.arrays import (
    BFLOAT16,
    BOOL,
    EVERY,
    FLOATS,
    INTEGERS,
    NUMBERS,
    Numbers,
    array_of,
    assert_same,
    axes_of,
    axis_of,
    is_float,
    many,
    shapes,
)

HALVES = (np.dtype(np.float16), BFLOAT16)


def operand(data: Any, kinds: Any, special: bool = True, **shape: Any) -> tuple[Numbers, Numbers]:
    return array_of(data.draw, data.draw(st.sampled_from(kinds)), data.draw(shapes(**shape)), special)


def summed_in(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type of a sum or product: that of floats, 64 bits for integers."""
    if is_float(dtype):
        return dtype
    return np.dtype(np.uint64 if dtype.kind == "u" else np.int64)


def extents(x: Numbers, axis: Any) -> int:
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return int(np.prod([x.shape[one] for one in axes], dtype=np.int64))


@pytest.mark.parametrize("name", ["sum", "prod"])
def test_sums_and_products(name: str) -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = operand(data, EVERY, special=data.draw(st.booleans()))
        axis, keepdims = axes_of(data.draw, x.ndim), data.draw(st.booleans())
        wide = plain.astype(np.float64) if is_float(plain.dtype) else plain.astype(summed_in(plain.dtype))
        with np.errstate(all="ignore"):
            wanted = getattr(np, name)(wide, axis=axis, keepdims=keepdims)
            size = np.abs(wide).sum(axis=axis, keepdims=keepdims) if name == "sum" and is_float(plain.dtype) else 0.0
            wanted = np.asarray(wanted).astype(summed_in(plain.dtype))
        found = np.asarray(getattr(xp, name)(x, axis=axis, keepdims=keepdims))
        if is_float(plain.dtype) and not near_the_edge(plain, name):
            scale = float(np.max(size, initial=0.0)) if np.all(np.isfinite(size)) else 0.0
            assert_same(found, wanted, ulps=2 + extents(x, axis), scale=scale)
        else:
            assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
            if not is_float(plain.dtype):
                np.testing.assert_array_equal(found, wanted)

    check()


def near_the_edge(plain: Numbers, name: str) -> bool:
    """Whether a partial result may overflow or be a denormal, so that the order of the work shows."""
    finite = np.abs(plain.astype(np.float64)[np.isfinite(plain)])
    limit = {"float16": 3e2, "bfloat16": 1e6, "float32": 1e6, "float64": 1e9}[plain.dtype.name]
    return bool(np.any(finite > limit)) or (name == "prod" and bool(np.any((finite > 0) & (finite < 1e-2))))


@pytest.mark.parametrize("name", ["max", "min"])
def test_extremes(name: str) -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = operand(data, NUMBERS)
        axis, keepdims = axes_of(data.draw, x.ndim), data.draw(st.booleans())
        if not extents(x, axis):
            with pytest.raises(mt.ShapeError):
                getattr(xp, name)(x, axis=axis)
            return
        with np.errstate(all="ignore"):
            wanted = np.asarray(getattr(np, name)(plain, axis=axis, keepdims=keepdims))
        found = np.asarray(getattr(xp, name)(x, axis=axis, keepdims=keepdims))
        assert (found.dtype, found.shape) == (plain.dtype, wanted.shape)
        assert np.array_equal(found, wanted, equal_nan=is_float(plain.dtype))

    check()


@pytest.mark.parametrize("name", ["all", "any"])
def test_truth(name: str) -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = operand(data, EVERY)
        axis, keepdims = axes_of(data.draw, x.ndim), data.draw(st.booleans())
        wanted = getattr(np, name)(plain.astype(bool), axis=axis, keepdims=keepdims)
        assert_same(getattr(xp, name)(x, axis=axis, keepdims=keepdims), wanted)

    check()


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_places_of_extremes(name: str) -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = operand(data, NUMBERS, least=1)
        axis = data.draw(st.one_of(st.none(), st.just(axis_of(data.draw, x.ndim))))
        keepdims = data.draw(st.booleans())
        if (plain.size if axis is None else plain.shape[axis]) == 0:
            with pytest.raises(mt.ShapeError):
                getattr(xp, name)(x, axis=axis)
            return
        wide = plain.astype(np.float32) if plain.dtype == BFLOAT16 else plain
        wanted = getattr(np, name)(wide, axis=axis, keepdims=keepdims)
        assert_same(getattr(xp, name)(x, axis=axis, keepdims=keepdims), wanted)

    check()


@pytest.mark.parametrize("name", ["mean", "var", "std"])
def test_moments(name: str) -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = operand(data, FLOATS, special=False, empty=False)
        axis, keepdims = axes_of(data.draw, x.ndim), data.draw(st.booleans())
        options = {} if name == "mean" else {"correction": data.draw(st.sampled_from([0, 1, 0.5]))}
        if options and extents(x, axis) <= options["correction"]:
            return  # nothing is left to divide by
        theirs = {"ddof": options["correction"]} if options else {}
        with np.errstate(all="ignore"):
            exact = np.asarray(getattr(np, name)(plain.astype(np.float64), axis=axis, keepdims=keepdims, **theirs))
        found = np.asarray(getattr(xp, name)(x, axis=axis, keepdims=keepdims, **options))
        assert (found.dtype, found.shape) == (plain.dtype, exact.shape)
        size = float(np.abs(plain.astype(np.float64)).max(initial=0)) ** (2 if name == "var" else 1)
        eps = {"float16": 1e-3, "bfloat16": 8e-3, "float32": 1.2e-7, "float64": 2.3e-16}[plain.dtype.name]
        assert np.all(np.abs(found.astype(np.float64) - exact) <= 40 * eps * (size + np.abs(exact)) + 1e-7)

    check()


def test_logsumexp() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = operand(data, FLOATS, special=False, least=1, empty=False)
        axis, keepdims = axes_of(data.draw, x.ndim), data.draw(st.booleans())
        wide = plain.astype(np.longdouble)
        wanted = np.asarray(np.log(np.sum(np.exp(wide), axis=axis, keepdims=keepdims))).astype(np.float64)
        found = np.asarray(xp.logsumexp(x, axis=axis, keepdims=keepdims))
        eps = {"float16": 1e-3, "bfloat16": 8e-3, "float32": 1.2e-7, "float64": 2.3e-16}[plain.dtype.name]
        assert (found.dtype, found.shape) == (plain.dtype, wanted.shape)
        if np.all(np.isfinite(wanted)):
            size = float(np.abs(plain.astype(np.float64)).max(initial=1.0))
            assert np.all(np.abs(found.astype(np.float64) - wanted) <= 30 * eps * max(size, 1.0))

    check()


@pytest.mark.parametrize("name", ["cumulative_sum", "cumulative_prod"])
def test_running_sums(name: str) -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = operand(data, NUMBERS, special=False, least=1)
        axis, initial = axis_of(data.draw, x.ndim), data.draw(st.booleans())
        wide = plain.astype(np.float64 if is_float(plain.dtype) else summed_in(plain.dtype))
        with np.errstate(all="ignore"):
            wanted = getattr(np, name)(wide, axis=axis, include_initial=initial).astype(summed_in(plain.dtype))
        found = np.asarray(getattr(xp, name)(x, axis=axis, include_initial=initial))
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
        if not is_float(plain.dtype):
            np.testing.assert_array_equal(found, wanted)
        elif not near_the_edge(plain, name) and name == "cumulative_sum":
            size = float(np.abs(wide).sum()) if wide.size else 0.0
            assert_same(found, wanted, ulps=2 + x.shape[axis], scale=size)
        elif not near_the_edge(plain, "prod"):
            assert_same(found, wanted, ulps=2 + x.shape[axis])

    check()


@pytest.mark.parametrize(("name", "function"), [("cumulative_max", np.maximum), ("cumulative_min", np.minimum)])
def test_running_extremes(name: str, function: Any) -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = operand(data, NUMBERS, least=1)
        axis = axis_of(data.draw, x.ndim)
        wide = plain.astype(np.float32) if plain.dtype == BFLOAT16 else plain
        wanted = function.accumulate(wide, axis=axis).astype(plain.dtype)
        found = np.asarray(getattr(xp, name)(x, axis=axis))
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
        assert np.array_equal(found, wanted, equal_nan=is_float(plain.dtype))

    check()


def test_sorting() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = operand(data, EVERY, least=1)
        axis = axis_of(data.draw, x.ndim)
        wide = plain.astype(np.float32) if plain.dtype == BFLOAT16 else plain
        order = np.argsort(wide, axis=axis, kind="stable")
        assert_same(xp.argsort(x, axis=axis), order)
        assert_same(xp.sort(x, axis=axis), np.take_along_axis(plain, order, axis))
        falling = np.asarray(xp.argsort(x, axis=axis, descending=True))
        found = np.asarray(xp.sort(x, axis=axis, descending=True))
        assert_same(found, np.take_along_axis(plain, falling, axis))
        if not is_float(plain.dtype) or not np.isnan(wide).any():
            values = np.flip(np.sort(wide, axis=axis), axis).astype(plain.dtype)
            assert np.array_equal(found, values)

    check()


def test_counting() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = operand(data, EVERY)
        axis, keepdims = axes_of(data.draw, x.ndim), data.draw(st.booleans())
        wanted = np.asarray(np.sum(plain.astype(bool), axis=axis, keepdims=keepdims, dtype=np.int64))
        assert_same(xp.count_nonzero(x, axis=axis, keepdims=keepdims), wanted)

    check()


def test_unique_values() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = operand(data, (BOOL, *INTEGERS, np.dtype(np.float32), np.dtype(np.float64)))
        values, counts = np.unique(plain[~np.isnan(plain)] if is_float(plain.dtype) else plain, return_counts=True)
        if is_float(plain.dtype) and np.isnan(plain).any():
            return  # every NaN is unique, in an order the standard leaves open
        assert np.array_equal(np.asarray(xp.unique_values(x)), values)
        found, times = xp.unique_counts(x)
        assert np.array_equal(np.asarray(found), values) and np.array_equal(np.asarray(times), counts)
        found, inverse = xp.unique_inverse(x)
        assert np.array_equal(np.asarray(found)[np.asarray(inverse)], plain)

    check()
