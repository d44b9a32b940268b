"""Transposed reads by squares of vectors give what the reference gives, and nests without them stay as they were."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import xp
from mapsto.compiler import kernels
from mapsto.core.spec import SHORT_NAMES
from mapsto.ir.graph import run
from tests.laws.interpreted import run_interpreted

KINDS = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
SIZES = [(16, 16), (15, 33), (8, 100), (100, 9), (37, 53), (160, 48), (300, 65), (1, 40), (40, 7)]


def numbers(shape, kind="f4", seed=0):
    return np.random.default_rng(seed).integers(0, 50, shape).astype(kind)


@pytest.fixture
def squares(monkeypatch):
    """The squares of every nest that is written, from here on."""
    found = []

    def noted(*given):
        found.append(squares_of(*given))
        return found[-1]

    squares_of = kernels.squares_of
    monkeypatch.setattr(kernels, "squares_of", noted)
    return found


def check(function, *arrays):
    """Compiled, interpreted with every access checked, and eager are the same to the last bit."""
    given = [xp.asarray(array) for array in arrays]
    wanted = np.asarray(function(*given))
    graph = mt.trace(function, *given)
    (found,) = run_interpreted(graph, arrays)
    (reference,) = run(graph, arrays)
    compiled = np.asarray(mt.compile(function)(*given))
    for one in (found, reference, compiled):
        assert one.dtype == wanted.dtype and one.tobytes() == wanted.tobytes()
