"""What a derivative takes for a constant: numbers taken out of the trace, arrays that nobody declared."""

import math

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from mapsto.core.notes import forget

X = xp.asarray(np.arange(12.0, dtype=np.float32).reshape(3, 4))


def test_a_number_that_left_the_trace_is_noted():
    for lost in (math.exp, float, lambda x: x.item(), lambda x: complex(x).real, lambda x: x[None].tolist()[0]):
        with pytest.warns(mt.Note, match=r"test_constants\.py:\d+: .* takes it for a constant") as notes:
            mt.grad(lambda x, lost=lost: x * lost(x))(1.0)
        assert len(notes) == 1
        forget()
    with pytest.warns(mt.Note, match="takes it for a constant") as notes:
        mt.grad(lambda x: math.exp(x))(1.0)
    assert len(notes) == 1


def test_a_number_that_the_derivative_does_not_need_is_no_matter():
    def f(x, n):
        seen = [float(xp.stop_gradient(x) * 2), float(n), int(x), bool(x > 0), f"{x:.2f}", f"{x}", repr(x), str(x)]
        return x * seen[0]

    assert float(mt.grad(f)(3.0, xp.asarray(2.0))) == 6.0


def test_a_number_of_an_outer_derivative_is_noted():
    with pytest.warns(mt.Note, match="takes it for a constant"):
        mt.grad(lambda x: mt.grad(lambda y: y * float(y * 0 + x))(1.0))(2.0)


def test_arrays_that_were_not_declared_are_constants():
    class Gain(mt.Mapping):
        def __init__(self, gain):
            self.gain = gain

        def __call__(self, x):
            return x * self.gain

    with pytest.raises(mt.UsageError, match=r"mt\.param\(\(1,\), nn\.ones\)") as error:
        mt.grad(lambda net: net(X).sum())(Gain(xp.ones((1,))))
    assert error.value.code == "GRAD-10"
    for other in (mt.freeze(nn.Dense(2).init(mt.key(0), X), "**"), Gain(3), 3):
        with pytest.raises(mt.UsageError) as error:
            mt.grad(lambda net: 1.0)(other)
        assert error.value.code == "GRAD-01"
