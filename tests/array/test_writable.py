"""Names for arrays that can be written: as NumPy's arrays, but for views, and within every transform."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import mapsto as mt
from mapsto import xp

steady = settings(max_examples=100, deadline=None, derandomize=True, database=None)


@steady
@given(st.data())
def test_writing_by_slices_is_numpys(data):
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    plain = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    chosen = np.shape(plain[index])
    value = data.draw(st.sampled_from([-1, -2.5, np.full(chosen, 7.0), np.full((1, *chosen) if chosen else (), 8.0)]))
    mine = xp.writable(plain)
    mine[index] = value
    plain[index] = value
    np.testing.assert_array_equal(mine, plain, strict=True)


@pytest.mark.parametrize("key", [1, slice(None), np.array([True, False, True])])
@pytest.mark.parametrize("value", [16777217.0, 0.1, 2**53 - 1, np.float64(0.1)])
def test_a_number_keeps_its_precision(key, value):
    plain = np.zeros(3)
    mine = xp.writable(plain)
    mine[key] = value
    plain[key] = value
    np.testing.assert_array_equal(mine, plain, strict=True)


@pytest.mark.parametrize(
    "index",
    [[2, 0], ([0, 1], [3, 0]), (slice(None), [1, 1]), np.eye(3, 4) > 0, np.array([True, False, True]), (..., 1), -1],
)
def test_writing_by_arrays_is_numpys(index):
    plain = np.arange(12.0).reshape(3, 4)
    mine = xp.writable(plain)
    mine[index] = -1
    plain[index] = -1
    np.testing.assert_array_equal(mine, plain)
    values = 10.0 + np.arange(plain[index].size).reshape(plain[index].shape)
    mine[index] = values
    plain[index] = values
    np.testing.assert_array_equal(mine, plain)


def test_writing_keeps_the_type_and_refuses_what_does_not_fit():
    x = xp.writable(xp.asarray([1, 2, 3], dtype="i8"))
    x[0] = 7.9
    assert x.value.tolist() == [7, 2, 3] and x.dtype == xp.int8
    with pytest.raises(mt.ShapeError, match="broadcast"):
        x[:2] = [1, 2, 3]
    with pytest.raises(IndexError):
        x[3] = 0
    with pytest.raises(mt.DTypeError):
        x[0] = "a"


def test_names_and_arrays():
    """One array under two names; the array, and what it was made of, stay as they are."""
    array = xp.asarray([1.0, 2.0, 3.0])
    x = xp.writable(array)
    same, other, part = x, xp.writable(x), x[:2]
    x[0] = 5.0
    part[1] = 9.0
    x += 1
    assert same is x and x.value.tolist() == [6.0, 3.0, 4.0]
    assert array.tolist() == other.value.tolist() == [1.0, 2.0, 3.0]
    assert part.value.tolist() == [1.0, 9.0]
    x *= xp.asarray([1, 2, 3])
    assert x.value.tolist() == [6.0, 6.0, 12.0] and x.dtype == xp.float32
    of_x = x.__array_namespace__()
    assert of_x.asarray(x) is x and of_x.asarray(x, copy=True) is not x and of_x.astype(x, "f32", copy=False) is x
    assert of_x == other.__array_namespace__() != xp


def test_what_is_computed_is_writable_and_mixes():
    x = xp.writable([[1.0, 4.0], [9.0, 16.0]])
    of_x = x.__array_namespace__(api_version="2024.12")
    kind = type(x)
    for made in (
        x + 1,
        1 - x,
        np.ones(2) * x,
        x @ x,
        xp.ones(2) * x,
        -x,
        x == x,
        x.T,
        x.sum(),
        x.reshape(4),
        x[0],
        abs(x),
    ):
        assert type(made) is kind
    for made in (
        of_x.zeros(2),
        of_x.sqrt(x),
        of_x.concat([x, x]),
        of_x.where(x > 2, x, 0),
        *of_x.unstack(x),
        *of_x.meshgrid(x[0]),
    ):
        assert type(made) is kind
    assert type(of_x.unique_all(x).values) is kind and of_x.isdtype(x.dtype, "real floating") and of_x.pi == xp.pi
    assert [type(row) for row in x] == [kind, kind] and len(x) == 2
    assert (
        float(x[0, 0]) == 1.0
        and int(x[0, 1]) == 4
        and complex(x[1, 0]) == 9
        and bool(x[0, 0])
        and x.tolist()[1] == [9, 16]
    )
    assert [10, 20][of_x.asarray(1)] == 20
    assert xp.sum(x.value) == 30.0 and np.asarray(x).dtype == np.float32 and np.from_dlpack(x).shape == (2, 2)
    assert "writable(array" in repr(x)
    for twin in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        twin[0] = 0
        assert float(x[0, 0]) == 1.0
    with pytest.raises(TypeError):
        x + "a"
    with pytest.raises(AttributeError):
        _ = x.nothing


def test_within_transforms():
    def f(x):
        y = xp.writable(x)
        y[y < 0] = 0.0
        y[1:] *= 2
        y[0] += y[2]
        return xp.sum(y.value**2)

    x = xp.asarray([1.0, -3.0, 2.0])
    # y = [x0 + 2·x2, 0, 2·x2]
    assert float(f(x)) == float(mt.compile(f)(x)) == 25.0 + 16.0
    for slope in (mt.grad(f)(x), mt.compile(mt.grad(f))(x), mt.vmap(mt.grad(f))(x[None])[0]):
        assert slope.tolist() == [10.0, 0.0, 36.0]


def test_an_array_of_ours_says_how_it_is_written():
    with pytest.raises(mt.UsageError, match=r"xp\.writable"):
        xp.ones(2)[0] = 1
