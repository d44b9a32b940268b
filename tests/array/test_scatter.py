"""Writing by index: what is written, in which order, and what derivatives it leaves; blocks with traced starts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import mapsto as mt
from mapsto import xp
from tests.array.drawn import FINITE, arrays, numbers, same, steady


def problem(data, elements=FINITE):
    """An array, an axis, indices along it, and values for them."""
    x = data.draw(arrays("f64 i64 i8", elements, min_side=1))
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    extent = x.shape[axis]
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=4))
    index = data.draw(hnp.arrays(np.int64, shape, elements=st.integers(-extent, extent - 1)))
    place = axis % x.ndim
    full = x.shape[:place] + shape + x.shape[place + 1 :]
    values = np.arange(np.prod(full, dtype=int)).reshape(full).astype(x.dtype)
    return x, axis, index, values


def one_by_one(x, axis, index, values, write):
    """A loop over the indices in their order."""
    rows = np.moveaxis(x.copy(), axis, 0)
    place = axis % x.ndim
    given = np.moveaxis(values, range(place, place + index.ndim), range(index.ndim))
    for where in np.ndindex(*index.shape):
        write(rows, index[where], given[where])
    return np.moveaxis(rows, 0, axis)


def replace(rows, i, value):
    rows[i] = value


def increase(rows, i, value):
    rows[i] += value


@steady
@given(st.data())
@pytest.mark.parametrize(("function", "write"), [(xp.put, replace), (xp.put_add, increase)])
def test_writing_is_a_loop(function, write, data):
    x, axis, index, values = problem(data)
    expected = one_by_one(x, axis, index, values, write)
    same(function(x, index, values, axis=axis), expected)
    compiled = mt.compile(lambda x, index, values: function(x, index, values, axis=axis))
    same(compiled(x, xp.asarray(index), values), expected)


@pytest.mark.parametrize("function", [xp.put, xp.put_add])
def test_values_broadcast_and_lanes_are_alone(function):
    x, index = np.zeros((2, 4)), np.array([[0, 3, 0], [1, 1, 2]])
    write = replace if function is xp.put else increase
    expected = [one_by_one(row, 0, places, np.full(3, 7.0), write) for row, places in zip(x, index, strict=True)]
    found = mt.vmap(lambda row, places: function(row, places, 7))(xp.asarray(x), xp.asarray(index))
    same(found, np.stack(expected))
    every = [one_by_one(x[0], 0, places, np.full(3, 7.0), write) for places in index]
    same(mt.vmap(lambda places: function(xp.asarray(x[0]), places, 7))(xp.asarray(index)), np.stack(every))


def test_lost_values_have_no_derivative():
    x, values = xp.asarray([1.0, 2.0, 3.0]), xp.asarray([4.0, 5.0, 6.0])
    objective = lambda x, values: xp.sum(xp.put(x, [0, 2, 0], values) ** 3)
    by_x, by_values = mt.grad(objective, argnums=(0, 1))(x, values)
    np.testing.assert_array_equal(by_x, [0, 12, 0])
    np.testing.assert_array_equal(by_values, [0, 75, 108])
    second = mt.grad(lambda values: xp.sum(mt.grad(objective, argnums=1)(x, values)))(values)
    np.testing.assert_array_equal(second, [0, 30, 36])
    _, pushed = mt.jvp(lambda v: xp.put(x, [0, 2, 0], v), (values,), (xp.asarray([1.0, 10.0, 100.0]),))
    np.testing.assert_array_equal(pushed, [100, 0, 10])


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda x: xp.put(x, [3], 1.0), IndexError),
        (lambda x: xp.put_add(x, [-4], 1.0), IndexError),
        (lambda x: xp.put(x, [0.5], 1.0), TypeError),
        (lambda x: xp.put(x, [0, 1], [1.0, 2.0, 3.0]), ValueError),
        (lambda x: xp.put(x, [0], 1.0, axis=1), ValueError),
        (lambda x: xp.put_add(x > 0, [0], True), TypeError),
        (lambda x: xp.dynamic_slice(x, [2], [2]), IndexError),
        (lambda x: xp.dynamic_slice(x, [-4], [2]), IndexError),
        (lambda x: xp.dynamic_slice(x, [0], [4]), ValueError),
        (lambda x: xp.dynamic_slice(x, [0, 0], [1]), ValueError),
        (lambda x: xp.dynamic_slice(x, [0.5], [1]), TypeError),
        (lambda x: xp.dynamic_update(x, xp.ones(2), [2]), IndexError),
        (lambda x: xp.dynamic_update(x, xp.ones(4), [0]), ValueError),
        (lambda x: xp.dynamic_update(x, xp.ones((1, 1)), [0]), ValueError),
        (lambda x: mt.compile(lambda i: xp.dynamic_slice(x, [i], [2]))(2), IndexError),
        (lambda x: mt.compile(lambda i: xp.dynamic_update(x, xp.ones(2), [i]))(2), IndexError),
    ],
)
def test_refused(call, error):
    with pytest.raises(error) as caught:
        call(xp.ones(3))
    assert isinstance(caught.value, mt.MapstoError)


@steady
@given(st.data())
def test_blocks(data):
    x = data.draw(arrays("f64 i64"))
    sizes = [data.draw(st.integers(0, extent)) for extent in x.shape]
    start = [data.draw(st.integers(0, extent - size)) for size, extent in zip(sizes, x.shape, strict=True)]
    where = tuple(slice(begin, begin + size) for begin, size in zip(start, sizes, strict=True))
    update = -np.arange(np.prod(sizes, dtype=int)).reshape(sizes).astype(x.dtype)
    expected = x.copy()
    expected[where] = update
    for begin in (
        start,
        xp.asarray(start),
        [begin - (extent if begin else 0) for begin, extent in zip(start, x.shape, strict=True)],
    ):
        same(xp.dynamic_slice(x, begin, sizes), x[where])
        same(xp.dynamic_update(x, update, begin), expected)
    same(mt.compile(lambda x, begin: xp.dynamic_slice(x, begin, sizes))(x, xp.asarray(start)), x[where])
    same(mt.compile(xp.dynamic_update)(x, update, xp.asarray(start)), expected)


def test_blocks_have_derivatives():
    x, block = numbers(4, 3), numbers(2, 2, seed=1)
    slope = mt.grad(lambda x: xp.sum(xp.dynamic_slice(x, [1, -2], [2, 2]) ** 2))(x)
    expected = np.zeros((4, 3))
    expected[1:3, 1:] = 2 * np.asarray(x)[1:3, 1:]
    np.testing.assert_array_equal(slope, expected)
    by_x, by_block = mt.grad(lambda x, b: xp.sum(xp.dynamic_update(x, b, [1, 1]) ** 2), argnums=(0, 1))(x, block)
    outside = 2 * np.asarray(x)
    outside[1:3, 1:] = 0
    np.testing.assert_array_equal(by_x, outside)
    np.testing.assert_array_equal(by_block, 2 * np.asarray(block))


# index arrays


@steady
@given(st.data())
def test_several_index_arrays_are_numpys(data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4))
    x = np.arange(np.prod(shape)).reshape(shape)
    common = data.draw(hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=3))
    key = []
    for extent in shape:
        kind = data.draw(st.sampled_from(["slice", "int", "array", "column", "none"]))
        if kind == "none":
            key += [None, slice(None)]
        elif kind == "slice":
            key.append(data.draw(st.slices(extent)))
        elif kind == "int":
            key.append(data.draw(st.integers(-extent, extent - 1)))
        else:
            own = common if kind == "array" else (*common[:-1], 1)
            key.append(data.draw(hnp.arrays(np.int64, own, elements=st.integers(-extent, extent - 1))))
    key = tuple(key)
    same(xp.asarray(x)[key], x[key])
    arrays_only = [i for i, part in enumerate(key) if isinstance(part, np.ndarray)]
    filled = lambda picks: tuple(dict(zip(arrays_only, picks, strict=True)).get(i, part) for i, part in enumerate(key))
    traced = mt.compile(lambda x, *picks: x[filled(picks)])
    same(traced(x, *(xp.asarray(key[i]) for i in arrays_only)), x[key])


@steady
@given(st.data())
def test_masks_among_other_indices(data):
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=4))
    x = np.arange(np.prod(shape)).reshape(shape)
    first = data.draw(hnp.arrays(np.bool_, shape[:1]))
    last = data.draw(hnp.arrays(np.bool_, shape[-1:]))
    whole = data.draw(hnp.arrays(np.bool_, shape))
    for key in (
        (first, 0),
        (0, Ellipsis, last),
        (Ellipsis, last),
        (first, slice(None, None, -1)),
        (whole,),
        (None, first),
    ):
        same(xp.asarray(x)[key], x[key])


def test_index_arrays_have_derivatives():
    x = numbers(3, 4)
    slope = mt.grad(lambda x: xp.sum(x[[0, 0, 2], [1, 1, 3]] ** 2))(x)
    expected = np.zeros((3, 4))
    expected[0, 1], expected[2, 3] = 4 * float(x[0, 1]), 2 * float(x[2, 3])
    np.testing.assert_allclose(slope, expected)
    rows = mt.vmap(lambda row, i: row[i])(x, xp.asarray([0, 3, 1]))
    np.testing.assert_array_equal(rows, np.asarray(x)[[0, 1, 2], [0, 3, 1]])


@steady
@given(st.data())
def test_take_along_axis(data):
    x = data.draw(arrays(min_side=1))
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    shape = list(x.shape)
    shape[axis] = data.draw(st.integers(0, 3))
    thin = data.draw(st.integers(0, x.ndim - 1))
    shape[thin] = 1 if thin != axis % x.ndim else shape[thin]
    extent = x.shape[axis]
    index = data.draw(hnp.arrays(np.int64, tuple(shape), elements=st.integers(-extent, extent - 1)))
    same(xp.take_along_axis(x, index, axis=axis), np.take_along_axis(x, index, axis))
    with pytest.raises(mt.ShapeError, match="axes of indices"):
        xp.take_along_axis(x, index[..., None], axis=axis)
    with pytest.raises(mt.ShapeError, match="do not broadcast"):
        xp.take_along_axis(np.zeros((2, 3)), np.zeros((3, 3), np.int64), axis=1)


def test_places_in_arrays_without_elements():
    x = xp.ones((3, 0, 1))
    assert xp.put_add(x, [2, 0], xp.ones((2, 0, 1))).shape == (3, 0, 1)
    assert mt.grad(lambda x: xp.sum(xp.take(x, [0, 2], axis=0)))(x).shape == (3, 0, 1)
    assert mt.grad(lambda x: xp.sum(mt.nn.UpSampling2D(2)(x)))(xp.ones((0, 3, 3, 2))).shape == (0, 3, 3, 2)


def test_one_hot_of_a_count_that_is_none():
    for classes in (2.5, -1, "3", True):
        with pytest.raises(mt.UsageError, match="classes is"):
            xp.one_hot([0, 1], classes)
