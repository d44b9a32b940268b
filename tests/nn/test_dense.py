"""Dense against the sum written out."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("lead", [(5,), (2, 4), (2, 3, 4), (0,)], ids=str)
@pytest.mark.parametrize("bias", [True, False])
def test_dense_is_the_sum_over_features(lead, bias):
    x = RNG.normal(size=(*lead, 3))
    layer = nn.Dense(2, bias=bias).cast(xp.float64).init(mt.key(0), xp.asarray(x, dtype=xp.float64))
    if bias:
        layer = mt.replace(layer, {"bias": RNG.normal(size=2)})
    weight, shift = np.asarray(layer.weight), np.asarray(layer.bias) if bias else np.zeros(2)
    wanted = np.zeros((*lead, 2))
    for place in np.ndindex(*lead, 2):
        wanted[place] = shift[place[-1]] + sum(x[(*place[:-1], i)] * weight[i, place[-1]] for i in range(3))
    np.testing.assert_allclose(np.asarray(layer(xp.asarray(x))), wanted, rtol=1e-13, atol=1e-14)
    assert (layer.bias is None) == (not bias)


def test_the_worked_example():
    layer = nn.Dense(3).init(mt.key(0), xp.ones((1, 2)))
    weight, bias = np.array([[0.5, 0.2, 0.1], [0.3, 0.4, 0.2]]), np.array([0.1, 0.2, 0.3])
    layer = mt.replace(layer, {"weight": weight, "bias": bias})
    np.testing.assert_allclose(np.asarray(layer(np.array([[2.0, 3.0]], np.float32))), [[2.0, 1.8, 1.1]], rtol=1e-6)


def test_whole_numbers_are_cast_to_the_weights_type():
    layer = nn.Dense(2).init(mt.key(0), xp.ones((1, 3)))
    x = np.array([[0, 128, 255]], np.uint8)
    np.testing.assert_array_equal(np.asarray(layer(x)), np.asarray(layer(x.astype(np.float32))))
    assert layer(x).dtype == np.float32 and layer.cast(xp.float64)(x).dtype == np.float64


@pytest.mark.parametrize("units", [0, -1, 2.5, "8", None], ids=repr)
def test_units_are_a_whole_number(units):
    with pytest.raises(mt.UsageError, match="units"):
        nn.Dense(units)


def test_units_may_be_a_numpy_integer():
    assert type(nn.Dense(np.int64(4)).units) is int


def test_other_features_are_refused():
    layer = nn.Dense(2).init(mt.key(0), xp.ones((1, 3)))
    with pytest.raises(mt.ShapeError, match="in = 4"):
        layer(xp.ones((1, 4)))
    with pytest.raises(mt.ShapeError):
        layer(xp.ones(()))
    with pytest.raises(mt.ShapeError):
        nn.Flatten()(xp.ones(()))


def test_gradients_are_the_ones_written_out():
    x, g = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 2))
    layer = nn.Dense(2).cast(xp.float64).init(mt.key(0), xp.asarray(x))
    weights = xp.asarray(g)
    slope = mt.grad(lambda f: xp.sum(f(xp.asarray(x)) * weights))(layer)
    np.testing.assert_allclose(np.asarray(slope.weight), x.T @ g, rtol=1e-12)
    np.testing.assert_allclose(np.asarray(slope.bias), g.sum(0), rtol=1e-12)
