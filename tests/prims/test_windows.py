"""Convolutions and windows of random geometry against plain loops over places, offsets and channels."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapsto.core.spec import Spec
from mapsto.ir.formula import Index, interpret
from mapsto.prims.conv import ROLES, Conv
from mapsto.prims.window import WindowPick, WindowSum
from mapsto.prims.window_max import WindowArgMax, WindowMax
from tests.laws.words import WORDS

steady = settings(derandomize=True, deadline=None, max_examples=60, database=None)


@st.composite
def geometries(draw, most=6):
    """Stride, dilation, padding and extents along 1 to 3 axes: gaps, overlap, even windows, uncovered remainders."""
    rows = []
    for _ in range(draw(st.integers(1, 3))):
        stride, dilation, before = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(0, 3))
        x, k = draw(st.integers(1, most)), draw(st.integers(1, 4))
        room = x + before + draw(st.integers(0, 3)) - (dilation * (k - 1) + 1)
        rows.append((stride, dilation, before, x, k, max(0, room // stride + 1)))
    return tuple(zip(*rows, strict=True))


def meetings(geometry):
    """Every output place j and offset k, with the input place they meet, if it exists."""
    stride, dilation, before, x, k, y = geometry
    for j, offset in product(np.ndindex(*y), np.ndindex(*k)):
        i = tuple(s * a + d * b - p for s, d, p, a, b in zip(stride, dilation, before, j, offset, strict=True))
        if all(0 <= place < extent for place, extent in zip(i, x, strict=True)):
            yield i, offset, j


@steady
@given(geometries(), st.integers(0, 2), st.sampled_from([(1, 2, 3), (2, 1, 1), (3, 2, 1), (1, 1, 1)]))
def test_convolution(geometry, n, channels):
    stride, dilation, before, x, k, y = geometry
    g, c, o = channels
    rng = np.random.default_rng(0)
    shapes = {"x": (n, *x, g, c), "w": (*k, g, c, o), "y": (n, *y, g, o)}
    arrays = {role: rng.integers(-3, 4, shape).astype(float) for role, shape in shapes.items()}
    expected = {role: np.zeros(shape) for role, shape in shapes.items()}
    for i, offset, j in meetings(geometry):
        one = {"x": arrays["x"][:, *i], "w": arrays["w"][offset], "y": arrays["y"][:, *j]}
        expected["y"][:, *j] += np.einsum("ngc,gco->ngo", one["x"], one["w"])
        expected["x"][:, *i] += np.einsum("ngo,gco->ngc", one["y"], one["w"])
        expected["w"][offset] += np.einsum("ngc,ngo->gco", one["x"], one["y"])
    for out in ROLES:
        conv = Conv(out, stride, dilation, before, x, k, y)
        found = conv.eval(*(arrays[role] for role in ROLES if role != out))
        np.testing.assert_array_equal(found, expected[out], strict=True)


@steady
@given(geometries(), st.integers(0, 2), st.booleans())
def test_windows(geometry, n, spoiled):
    stride, dilation, before, x, k, y = geometry
    array = np.random.default_rng(1).integers(-2, 3, (n, *x, 2)).astype(float)
    if spoiled and array.size:
        array.reshape(-1)[:: max(1, array.size // 3)] = np.nan
    total, back = np.zeros((n, *y, 2)), np.zeros((n, *x, 2))
    largest, where = np.full((n, *y, 2), -np.inf), np.full((n, *y, 2), -1)
    offsets = np.dtype("u1" if np.prod(k) <= 256 else "i4")
    g = np.arange(total.size, dtype=float).reshape(total.shape)
    for i, offset, j in meetings(geometry):
        value, best = array[:, *i], largest[:, *j]
        total[:, *j] += value
        back[:, *i] += g[:, *j]
        new = (where[:, *j] < 0) | (value > best) | (np.isnan(value) & ~np.isnan(best))
        largest[:, *j] = np.where(new, value, best)
        where[:, *j] = np.where(new, np.ravel_multi_index(offset, k), where[:, *j])
    fields = k, stride, dilation, before
    np.testing.assert_array_equal(WindowSum("y", *fields, x, y).eval(array), total, strict=True)
    np.testing.assert_array_equal(WindowSum("x", *fields, x, y).eval(g), back, strict=True)
    if (where >= 0).all():
        np.testing.assert_array_equal(WindowMax(*fields, y).eval(array), largest, strict=True)
        np.testing.assert_array_equal(WindowArgMax(*fields, y).eval(array), where.astype(offsets), strict=True)


@steady
@given(geometries(), st.integers(0, 2))
def test_picks(geometry, n):
    stride, dilation, before, x, k, y = geometry
    rng = np.random.default_rng(2)
    array, g = rng.integers(-9, 9, (n, *x, 2)).astype(float), rng.integers(-9, 9, (n, *y, 2)).astype(float)
    chosen = rng.integers(0, np.prod(k) + 1, (n, *y, 2)).astype("u1" if np.prod(k) <= 256 else "i4")
    picked, back, met = np.zeros(g.shape), np.zeros(array.shape), np.zeros(x, int)
    for i, offset, j in meetings(geometry):
        hit = chosen[:, *j] == np.ravel_multi_index(offset, k)
        picked[:, *j] += np.where(hit, array[:, *i], 0)
        back[:, *i] += np.where(hit, g[:, *j], 0)
        met[i] += 1
    fields = k, stride, dilation, before, x, y
    there, again = WindowPick("y", *fields), WindowPick("x", *fields)
    np.testing.assert_array_equal(there.eval(array, chosen), picked, strict=True)
    np.testing.assert_array_equal(again.eval(g, chosen), back, strict=True)
    assert met.max(initial=0) <= 1 or not again.is_apart


@pytest.mark.parametrize(("size", "dtype"), [((16, 16), "u1"), ((257,), "i4"), ((17, 16), "i4")])
def test_numbers_of_large_windows(size, dtype):
    """u8 as long as the last number, 255, fits."""
    x = np.zeros((1, *size, 1), np.float32)
    ones = (1,) * len(size)
    for place in (0, x.size - 2, x.size - 1):
        x.reshape(-1)[place] = place + 1
        chosen = WindowArgMax(size, ones, ones, (0,) * len(size), ones).eval(x)
        np.testing.assert_array_equal(chosen.reshape(-1), np.array([place], dtype), strict=True)


def test_what_lies_in_one_window_is_picked_to_the_bit():
    """Also -0, which a sum that begins with 0 would turn into 0; where windows overlap, it is such a sum."""
    g, chosen = np.array([-0.0, -np.inf, np.nan]).reshape(1, 3, 1), np.array([0, 1, 0], np.uint8).reshape(1, 3, 1)
    apart = WindowPick("x", (2,), (2,), (1,), (0,), (6,), (3,)).eval(g, chosen)
    assert apart.tobytes() == np.array([-0.0, 0.0, 0.0, -np.inf, np.nan, 0.0]).tobytes()
    overlapping = WindowPick("x", (2,), (1,), (1,), (0,), (4,), (3,)).eval(g, chosen)
    assert overlapping.tobytes() == np.array([0.0, 0.0, -np.inf + np.nan, 0.0]).tobytes()


@pytest.mark.parametrize("stride", [(1, 2), (2, 2), (3, 3)])
@pytest.mark.parametrize("out", ["x", "y"])
def test_formulas_give_the_same_bits(out, stride):
    """Signs of zeros included, and the order of sums where windows overlap along one axis."""
    rng = np.random.default_rng(3)
    primitive = WindowPick(out, (3, 2), stride, (1, 1), (1, 0), (7, 6), (7 // stride[0], 5 // stride[1]))
    shapes = (2, *primitive.extents[0], 3), (2, *primitive.y_extent, 3)
    g, chosen = rng.standard_normal(shapes[0]).astype(np.float32), rng.integers(0, 7, shapes[1]).astype(np.uint8)
    g.reshape(-1)[::5] = -0.0
    wanted = primitive.eval(g, chosen)
    indices = [Index(extent) for extent in wanted.shape]
    formula = primitive.at(indices, [Spec(g.dtype, g.shape), Spec(chosen.dtype, chosen.shape)])
    places = dict(zip(indices, np.ogrid[tuple(map(slice, wanted.shape))], strict=True))
    found = np.broadcast_to(interpret(formula, places, [g, chosen], WORDS), wanted.shape)
    assert found.tobytes() == wanted.tobytes()
