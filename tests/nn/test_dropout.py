"""Dropout and SpatialDropout: how much they drop, together or apart, by which key, and of which types."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp

KEY = mt.key(3)
BOTH = [nn.Dropout(0.5), nn.SpatialDropout(0.5)]
kind = lambda layer: type(layer).__name__


def trained(layer, x, key=KEY):
    return np.asarray(mt.training(layer)(key, xp.asarray(x))[0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("layer", BOTH, ids=kind)
def test_floats_keep_their_type(layer, dtype):
    x = np.full((3, 4, 5), 1.5, dtype)
    assert trained(layer, x).dtype == dtype
    assert set(np.unique(trained(layer, x))) == {0, 3}
    y = np.asarray(layer(xp.asarray(x)))
    assert y.dtype == dtype and (y == x).all()


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int64])
@pytest.mark.parametrize("layer", BOTH, ids=kind)
def test_integers_become_floats_in_training_and_out_of_it(layer, dtype):
    x = np.ones((3, 4, 5), dtype)
    assert trained(layer, x).dtype == np.asarray(layer(xp.asarray(x))).dtype == np.float32
    assert set(np.unique(trained(layer, x))) == {0, 2}, "scaled as floats"


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_the_scale_has_the_digits_of_the_type(dtype):
    y = trained(nn.Dropout(0.3), np.ones(1000, dtype))
    assert set(np.unique(y)) == {0, dtype(1) / dtype(0.7)}
    largest = np.full(1000, np.finfo(np.float16).max / 2, np.float16)
    assert np.isfinite(trained(nn.Dropout(0.4), largest)).all()


@pytest.mark.parametrize("layer", [nn.Dropout(0.4), nn.SpatialDropout(0.4)], ids=kind)
def test_a_key_gives_one_pattern(layer):
    x = np.ones((8, 6, 50), np.float32)
    y = trained(layer, x)
    np.testing.assert_array_equal(trained(layer, x), y)
    np.testing.assert_array_equal(trained(layer, x.astype(np.float64)) != 0, y != 0)
    compiled = mt.compile(lambda key, x: mt.training(layer)(key, x)[0])
    np.testing.assert_array_equal(np.asarray(compiled(KEY, xp.asarray(x))), y)
    assert (trained(layer, x, mt.key(4)) != y).mean() > 0.3


def test_two_of_them_drop_apart():
    net = nn.SpatialDropout(0.5) >> nn.SpatialDropout(0.5)
    y = trained(net, np.ones((1000, 2, 10), np.float32))[:, 0]
    assert abs((y != 0).mean() - 0.25) < 0.02 and set(np.unique(y)) == {0, 4}


@pytest.mark.parametrize("shape", [(400, 3, 100), (400, 2, 3, 100), (400, 2, 1, 3, 100)], ids=str)
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_spatial_dropout_drops_whole_channels(shape, rate):
    x = np.random.default_rng(0).normal(size=shape)
    y = trained(nn.SpatialDropout(rate), x)
    flat = y.reshape(400, -1, 100)
    kept = (flat != 0).any(1)
    np.testing.assert_array_equal(flat != 0, np.broadcast_to(kept[:, None], flat.shape))
    np.testing.assert_allclose(y[y != 0], (x / (1 - rate))[y != 0], rtol=1e-12)
    sigma = np.sqrt(rate * (1 - rate))
    assert abs(kept.mean() - (1 - rate)) < 5 * sigma / np.sqrt(kept.size)
    for axis, count in ((0, 400), (1, 100)):  # neither examples nor channels share their fate
        assert np.abs(kept.mean(axis) - (1 - rate)).max() < 5.5 * sigma / np.sqrt(count)


@pytest.mark.parametrize("layer", BOTH, ids=kind)
def test_gradients_and_infinities_stop_where_it_drops(layer):
    x = np.ones((2, 3, 40), np.float32)
    slope = mt.grad(lambda x: xp.sum(mt.training(layer)(KEY, x)[0]))(xp.asarray(x))
    np.testing.assert_array_equal(np.asarray(slope), trained(layer, x))
    assert set(np.unique(trained(layer, np.full_like(x, np.inf)))) == {0, np.inf}


def test_spatial_dropout_of_rate_zero_is_the_identity():
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    np.testing.assert_array_equal(trained(nn.SpatialDropout(0), x), x)


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5, float("nan"), "0.5", True, None], ids=repr)
@pytest.mark.parametrize("make", [nn.Dropout, nn.SpatialDropout])
def test_other_rates_are_refused(make, rate):
    with pytest.raises(mt.UsageError, match="rate"):
        make(rate)
    assert type(make(np.float32(0.5)).rate) is float


@pytest.mark.parametrize("shape", [(), (3,), (3, 4)], ids=str)
def test_spatial_dropout_needs_a_spatial_axis(shape):
    for call in (nn.SpatialDropout(0.5), lambda x: mt.training(nn.SpatialDropout(0.5))(KEY, x)):
        with pytest.raises(mt.ShapeError):
            call(xp.ones(shape))
