"""Functions of single elements on arrays that lie oddly in memory, broadcast against each other, as NumPy has them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mapsto import xp
from tests.array.drawn import LONG, SOME, elements_of, steady

UNARY = "abs negative sign square exp log1p tanh floor signbit isfinite".split()
BINARY = "add subtract multiply divide maximum floor_divide remainder hypot equal less_equal".split()
NUMPY = {"abs": np.abs, "divide": np.true_divide}


def unaligned(x):
    """The same numbers, one byte after an address that suits the processor."""
    room = np.empty(x.nbytes + 1, np.uint8)
    made = room[1:].view(x.dtype).reshape(x.shape) if x.nbytes else x.copy()
    made[...] = x
    return made


def read_only(x):
    made = x.copy()
    made.flags.writeable = False
    return made


LAYOUTS = {
    "plain": lambda x: x,
    "reversed": lambda x: np.flip(np.flip(x).copy()),
    "every second": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "by columns": np.asfortranarray,
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "unaligned": unaligned,
    "read-only": read_only,
}


@st.composite
def laid_out(draw, shape):
    dtype = np.dtype(getattr(np, LONG[draw(st.sampled_from("f16 f32 f64 i8 i64 u8".split()))]))
    x = draw(hnp.arrays(dtype, shape, elements=SOME if dtype.kind == "f" else elements_of(dtype)))
    return LAYOUTS[draw(st.sampled_from(list(LAYOUTS)))](x), x


def check(name, given, plain):
    """Equal to what NumPy makes of the same numbers, in the type that the rules promise."""
    function = getattr(xp, name)
    found, wanted = function(*given), function(*(np.ascontiguousarray(x).reshape(x.shape) for x in plain))
    np.testing.assert_array_equal(found, wanted, strict=True)
    common = [np.asarray(xp.astype(x, xp.result_type(*plain))) for x in plain]
    if name in ("divide", "hypot", "exp", "log1p", "tanh") and common[0].dtype.kind in "iu":
        common = [x.astype(np.float32) for x in common]
    with np.errstate(all="ignore"):
        by_numpy = NUMPY.get(name, getattr(np, name))(*common)
    np.testing.assert_allclose(np.asarray(found, np.float64), np.asarray(by_numpy, np.float64), rtol=1e-6)
    assert found.shape == by_numpy.shape


@steady
@given(st.data(), st.sampled_from(UNARY))
def test_one(data, name):
    given, plain = data.draw(laid_out(data.draw(hnp.array_shapes(min_side=0, max_side=4))))
    check(name, [given], [plain])


@steady
@given(st.data(), st.sampled_from(BINARY))
def test_two_broadcast(data, name):
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=2, min_dims=1, max_dims=3, min_side=0, max_side=4))
    pairs = [data.draw(laid_out(shape)) for shape in shapes.input_shapes]
    check(name, [given for given, _ in pairs], [plain for _, plain in pairs])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_read(layout):
    x = np.arange(12.0).reshape(3, 4) - 5.5
    np.testing.assert_array_equal(xp.abs(LAYOUTS[layout](x)), np.abs(x), strict=True)
