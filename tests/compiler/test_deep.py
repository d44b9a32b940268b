"""Chains of many steps, one within the other: they are cut before Python's stack ends."""

import numpy as np

import mapsto as mt
from mapsto import xp


def test_a_deep_chain_that_a_broadcast_repeats() -> None:
    def chain(x: mt.Array) -> mt.Array:
        for _ in range(300):
            x = x * 1.001 + 0.5
        return x

    x = xp.reshape(xp.arange(30.0), (10, 3))
    for f in (lambda x: chain(x[0]) * x, lambda x: chain(xp.sum(x, axis=0)) + x):
        np.testing.assert_allclose(mt.compile(f)(x), f(x), rtol=1e-5)
