"""What the properties of array functions draw: shapes with empty axes, numbers with NaN, infinities and repeats."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mapsto import xp

steady = settings(derandomize=True, deadline=None, max_examples=60, database=None)

# Few different numbers, so that there are ties; all exact in every float type.
SOME = st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.5, -3.0, 4.0, np.inf, -np.inf, np.nan])
FINITE = st.sampled_from([0.0, 1.0, -1.0, 2.5, -3.0, 4.0, 0.5])


def arrays(dtypes="f32 f64 i8 i64 u8 bool", elements=SOME, min_dims=1, max_dims=3, min_side=0, max_side=4):
    """NumPy arrays of one of several types (short names)."""
    shapes = hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side)
    return st.sampled_from([np.dtype(getattr(np, LONG[name])) for name in dtypes.split()]).flatmap(
        lambda dtype: hnp.arrays(dtype, shapes, elements=elements if dtype.kind == "f" else elements_of(dtype))
    )


LONG = {
    "f16": "float16",
    "f32": "float32",
    "f64": "float64",
    "i8": "int8",
    "i64": "int64",
    "u8": "uint8",
    "bool": "bool_",
}


def elements_of(dtype):
    if dtype.kind == "b":
        return st.booleans()
    return st.integers(0 if dtype.kind == "u" else -4, 4)


def same(found, expected, tolerance=None):
    """Equal in type, shape and numbers; up to a relative tolerance if one is given."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    if tolerance is None:
        np.testing.assert_array_equal(found, expected)
    else:
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def axis_of(data, rank):
    """An axis, counted from either end."""
    return data.draw(st.integers(-rank, rank - 1))


def numbers(*shape, seed=0):
    """Seeded normals in float64."""
    return xp.asarray(np.random.default_rng(seed).standard_normal(shape))
