"""Where the extreme of a whole array is: the first NaN, else the first of equals, in one chunk and in many."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import xp


@pytest.mark.parametrize("kind", ["f4", "f8", "i4", "u1"])
@pytest.mark.parametrize("size", [1, 17, 999, 70001])
def test_extremes_of_whole_arrays(kind, size):
    x = np.random.default_rng(0).integers(0, 9, size).astype(kind)
    given = [x]
    if kind.startswith("f"):
        given += [np.where(np.arange(size) % 7 == 6, np.nan, x).astype(kind), np.full(size, -np.inf, kind)]
    for array in given:
        for ours, wanted in ((xp.argmax, np.argmax), (xp.argmin, np.argmin)):
            assert int(mt.compile(lambda x, ours=ours: ours(x))(mt.Array(array))) == wanted(array)
