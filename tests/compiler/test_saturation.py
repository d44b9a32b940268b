"""Vectors of floats become integers as the reference says: at the bounds of every type, beside them, and far beyond."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import xp
from mapsto.core.numbers import converted

GOALS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]


def around_bounds(kind):
    """±2ᵏ for the bounds, the floats next to them, halves and wholes beside them, and what is no number."""
    bounds = np.array([sign * 2.0**bits for bits in (7, 8, 15, 16, 31, 32, 63, 64) for sign in (1, -1)], kind)
    towards = [np.nextafter(bounds, np.array(to, kind)) for to in (0, np.inf, -np.inf)]
    beside = [bounds + np.array(step, kind) for step in (-1, -0.5, 0.5, 1)]
    special = np.array([0.0, -0.0, 0.5, -0.5, 0.999, -0.999, np.nan, np.inf, -np.inf, 1e30, -1e30, 1e-40], kind)
    return np.concatenate([bounds, *towards, *beside, special])


@pytest.mark.parametrize("vector_cpu", ["", "avx2", "sse"])
@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_saturation(kind, vector_cpu, monkeypatch):
    monkeypatch.setenv("MAPSTO_CPU", vector_cpu)
    x = around_bounds(kind)
    cast = mt.compile(lambda x: [xp.astype(x, getattr(xp, goal)) for goal in GOALS])
    for goal, found in zip(GOALS, cast(mt.Array(x)), strict=True):
        np.testing.assert_array_equal(np.asarray(found), converted(x, np.dtype(goal)))
