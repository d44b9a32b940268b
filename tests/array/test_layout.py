"""Arranging elements is NumPy's: padding, repeating, moving, joining, grids; and creation by counting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mapsto as mt
from mapsto import xp
from tests.array.drawn import FINITE, arrays, axis_of, numbers, same, steady


@steady
@given(st.data(), st.sampled_from(["constant", "edge", "reflect"]))
def test_pad(data, mode):
    x = data.draw(arrays(min_side=0 if mode == "constant" else 1))
    widths = [tuple(data.draw(st.integers(0, 5)) for _ in range(2)) for _ in range(x.ndim)]
    given = data.draw(st.sampled_from([widths, widths[0], widths[0][0]]))
    same(xp.pad(x, given, mode=mode), np.pad(x, given, mode=mode))
    if mode == "constant":
        same(xp.pad(x, given, constant_values=1), np.pad(x, given, constant_values=1))


def test_pad_gives_the_border_back():
    x = xp.asarray([1.0, 2.0, 3.0])
    weights = xp.asarray([1.0, 10.0, 100.0, 1e3, 1e4, 1e5])
    slopes = {"edge": [111, 1e3, 11e4], "reflect": [100, 1010 + 1e5, 10001], "constant": [100, 1e3, 1e4]}
    for mode, expected in slopes.items():
        slope = mt.grad(lambda x, mode=mode: xp.sum(xp.pad(x, (2, 1), mode=mode) * weights))(x)
        np.testing.assert_array_equal(slope, expected)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda x: xp.pad(x, [(1, 1)] * 3), "3 pairs for 2 axes"),
        (lambda x: xp.pad(x, (-1, 0)), "negative width -1"),
        (lambda x: xp.pad(x, "1"), "pairs"),
        (lambda x: xp.pad(x, [(1, 2, 3), (1, 1)]), "pairs"),
        (lambda x: xp.pad(x, 1, mode="edgy"), "did you mean 'edge'"),
        (lambda x: xp.pad(x[:0], 1, mode="reflect"), "empty"),
        (lambda x: xp.repeat(x, [1, 2, 3], axis=0), "3] counts for 2"),
        (lambda x: xp.repeat(x, -1), "whole number"),
        (lambda x: xp.repeat(x, [1, -1], axis=0), "whole number"),
        (lambda x: xp.repeat(x, [0.5, 1.0], axis=0), "integer counts"),
        (lambda x: xp.tile(x, -1), "whole number"),
        (lambda x: xp.roll(x, (1, 2), axis=0), "2 shifts for 1 axes"),
        (lambda x: xp.squeeze(x, 0), "axis 0 of"),
        (lambda x: xp.concat([]), "there are no arrays"),
        (lambda x: xp.stack([]), "there are no arrays"),
        (lambda x: xp.moveaxis(x, (0, 0), (0, 1)), "twice"),
        (lambda x: xp.moveaxis(x, (0, 1), 0), "1 places for 2 axes"),
        (lambda x: xp.meshgrid(x, indexing="yx"), "no indexing"),
        (lambda x: xp.diff(1.0), "fewer than 1"),
        (lambda x: xp.arange(3, step=0), "step of 0"),
        (lambda x: xp.linspace(0, 1, -1), "whole number"),
    ],
)
def test_refused(call, says):
    with pytest.raises(mt.MapstoError) as caught:
        call(xp.ones((2, 3)))
    assert says in str(caught.value)


@steady
@given(st.data())
def test_repeat_tile_roll(data):
    x = data.draw(arrays())
    axis = data.draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    extent = x.size if axis is None else x.shape[axis]
    for counts in (data.draw(st.integers(0, 3)), [data.draw(st.integers(0, 3)) for _ in range(extent)]):
        if counts != []:
            same(xp.repeat(x, counts, axis=axis), np.repeat(x, counts, axis))
    repetitions = tuple(data.draw(st.lists(st.integers(0, 3), max_size=4)))
    same(xp.tile(x, repetitions), np.tile(x, repetitions))
    same(xp.roll(x, 2, axis=axis), np.roll(x, 2, axis))
    axes = tuple(data.draw(st.permutations(range(x.ndim)))[:2])
    shifts = tuple(data.draw(st.integers(-9, 9)) for _ in axes)
    same(xp.roll(x, shifts, axis=axes), np.roll(x, shifts, axes))


@steady
@given(st.data(), st.integers(0, 3))
def test_diff(data, n):
    x = data.draw(arrays("f64 i64 u8 bool", FINITE))
    axis = axis_of(data, x.ndim)
    same(xp.diff(x, axis=axis, n=n), np.diff(x, n, axis))
    same(
        xp.diff(x, axis=axis, n=n, prepend=x, append=x.dtype.type(1).item()),
        np.diff(x, n, axis, prepend=x, append=x.dtype.type(1)),
    )


@steady
@given(st.data())
def test_joining_and_taking_apart(data):
    x = data.draw(arrays())
    axis = axis_of(data, x.ndim)
    same(xp.concat([x, x[..., :1], x], axis=-1), np.concatenate([x, x[..., :1], x], -1))
    same(xp.concat([x, x], axis=None), np.concatenate([x, x], None))
    same(xp.stack([x, x], axis=axis), np.stack([x, x], axis))
    for found, expected in zip(xp.unstack(x, axis=axis), np.unstack(x, axis=axis), strict=True):
        same(found, expected)
    same(xp.flip(x, axis=axis), np.flip(x, axis))
    same(xp.flip(x), np.flip(x))
    same(xp.expand_dims(x, axis=axis), np.expand_dims(x, axis))
    same(xp.expand_dims(x, axis=(0, -1)), np.expand_dims(x, (0, -1)))
    same(xp.squeeze(xp.expand_dims(x, axis=(0, -1)), (-1, 0)), x)
    order = data.draw(st.permutations(range(x.ndim)))
    same(xp.permute_dims(x, order), np.transpose(x, order))
    goes = data.draw(st.permutations(range(x.ndim)))
    count = data.draw(st.integers(0, x.ndim))
    same(xp.moveaxis(x, tuple(order[:count]), tuple(goes[:count])), np.moveaxis(x, order[:count], goes[:count]))
    same(xp.empty_like(x), np.zeros_like(x))


def test_joining_what_is_and_what_is_not_differentiated():
    """Forward mode through a join with a constant part."""
    _, tangent = mt.jvp(lambda x: xp.concat([x, xp.ones(2, dtype="f64")]), (numbers(2),), (numbers(2),))
    np.testing.assert_array_equal(tangent[2:], [0, 0])
    np.testing.assert_array_equal(tangent[:2], numbers(2))


@steady
@given(st.data(), st.sampled_from(["xy", "ij"]))
def test_grids(data, indexing):
    rows = data.draw(st.lists(arrays("f64", max_dims=1), min_size=0, max_size=3))
    for found, expected in zip(
        xp.meshgrid(*rows, indexing=indexing), np.meshgrid(*rows, indexing=indexing), strict=True
    ):
        same(found, expected)
    x, y = np.ones((3, 1)), np.zeros((1, 2), np.int64)
    for found, expected in zip(xp.broadcast_arrays(x, y), np.broadcast_arrays(x, y), strict=True):
        same(found, expected)


@steady
@given(st.integers(-5, 5), st.integers(-9, 9), st.sampled_from([-3, -1, 1, 2, 0.1, 0.25, -0.7]))
def test_counting(start, stop, step):
    for dtype in (None, "f64", "i32"):
        expected = np.arange(start, stop, step, dtype=dtype and np.dtype({"f64": "f8", "i32": "i4"}[dtype]))
        if dtype == "i32" and isinstance(step, float):
            continue  # NumPy casts the step first
        if dtype is None and isinstance(step, float):
            expected = expected.astype(np.float32)
        # NumPy steps by (start + step) - start, which is not quite step.
        same(
            xp.arange(start, stop, step, dtype=dtype),
            expected,
            {"f": 1e-14 if dtype else 1e-6}.get(expected.dtype.kind),
        )


@steady
@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.integers(0, 9), st.booleans())
def test_linspace(start, stop, num, endpoint):
    found = xp.linspace(start, stop, num, endpoint=endpoint, dtype="f64")
    same(found, np.linspace(start, stop, num, endpoint=endpoint), 1e-12)
    if endpoint and num > 1:
        assert float(found[-1]) == stop
