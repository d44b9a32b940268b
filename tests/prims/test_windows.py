"""Convolutions and windows of random geometry against plain loops over places, offsets and channels."""

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mapsto.prims.conv import ROLES, Conv
from mapsto.prims.window import WindowArgMax, WindowMax, WindowSum

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
    g = np.arange(total.size, dtype=float).reshape(total.shape)
    for i, _, j in meetings(geometry):
        value, best = array[:, *i], largest[:, *j]
        total[:, *j] += value
        back[:, *i] += g[:, *j]
        new = (where[:, *j] < 0) | (value > best) | (np.isnan(value) & ~np.isnan(best))
        largest[:, *j] = np.where(new, value, best)
        where[:, *j] = np.where(new, np.ravel_multi_index(i, x), where[:, *j])
    fields = k, stride, dilation, before
    np.testing.assert_array_equal(WindowSum("y", *fields, x, y).eval(array), total, strict=True)
    np.testing.assert_array_equal(WindowSum("x", *fields, x, y).eval(g), back, strict=True)
    if (where >= 0).all():
        np.testing.assert_array_equal(WindowMax(*fields, y).eval(array), largest, strict=True)
        np.testing.assert_array_equal(WindowArgMax(*fields, y).eval(array), where, strict=True)
