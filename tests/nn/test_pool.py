"""Pooling and upsampling: against loops, with NaN and infinities, ties and other types."""

import math
import pickle

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from mapsto.nn.adaptive import longest

RNG = np.random.default_rng(0)
AVERAGES = [nn.AvgPool2D(2), nn.AvgPool2D(3, stride=1, padding=1), nn.AdaptiveAvgPool2D(2), nn.GlobalAvgPool()]
MAXIMA = [nn.MaxPool2D(2), nn.MaxPool2D(3, stride=1, padding=1), nn.AdaptiveMaxPool2D(2), nn.GlobalMaxPool()]
SCALES = [nn.UpSampling2D(2), nn.UpSampling2D(3, method="bilinear"), nn.UpSampling2D(size=(3, 7), method="bilinear")]
name = lambda layer: repr(layer)


def outputs(layer, x):
    return np.asarray(layer(xp.asarray(x)))


@pytest.mark.parametrize("layer", AVERAGES + MAXIMA + SCALES, ids=name)
def test_types(layer):
    x = RNG.integers(0, 9, (2, 4, 6, 3))
    wanted = outputs(layer, x.astype(np.float64))
    assert wanted.dtype == np.float64
    for dtype in (np.float16, np.float32):
        found = outputs(layer, x.astype(dtype))
        assert found.dtype == dtype
        np.testing.assert_allclose(found, wanted, rtol=2 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps)
    for dtype in (np.uint8, np.int64):
        found = outputs(layer, x.astype(dtype))
        assert found.dtype == (dtype if "nearest" in repr(layer) else np.float32)
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)
    assert outputs(layer, x[:0] * 1.0).shape == (0, *wanted.shape[1:])
    assert repr(pickle.loads(pickle.dumps(layer))) == repr(layer)


@pytest.mark.parametrize("layer", AVERAGES + MAXIMA + SCALES, ids=name)
def test_saved(layer, tmp_path):
    x = RNG.normal(size=(3, 4, 6, 3)).astype(np.float32)
    mt.save(layer, tmp_path / "layer.mapsto", example=x)
    found = np.asarray(mt.load(tmp_path / "layer.mapsto")(x))
    np.testing.assert_allclose(found, outputs(layer, x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("layer", AVERAGES, ids=name)
def test_the_mean_of_what_is_alike_is_that(layer):
    np.testing.assert_allclose(outputs(layer, np.full((1, 4, 6, 2), 3.0)), 3.0, rtol=1e-15)


@pytest.mark.parametrize("special", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("layer", AVERAGES + MAXIMA, ids=name)
def test_special_numbers_stay_in_their_windows(layer, special):
    x = RNG.normal(size=(1, 4, 6, 1))
    x[0, 1, 2, 0] = special
    sees = outputs(layer, np.where(np.isfinite(x), 0.0, 100.0)) > 0
    found = outputs(layer, x)
    assert sees.sum() > 0 and np.isfinite(found[~sees]).all()
    if layer in MAXIMA and special == -np.inf:
        assert np.isfinite(found).all()
    else:
        assert np.array_equal(found[sees], np.full(sees.sum(), special), equal_nan=True)


@pytest.mark.parametrize("layer", [nn.MaxPool2D(2), nn.AdaptiveMaxPool2D((2, 3)), nn.GlobalMaxPool()], ids=name)
def test_the_first_of_equal_numbers_takes_the_gradient(layer):
    slope = np.asarray(mt.grad(lambda x: xp.sum(layer(x)))(xp.zeros((1, 4, 6, 1))))[0, :, :, 0]
    wanted = np.zeros((4, 6))
    if isinstance(layer, nn.GlobalMaxPool):
        wanted[0, 0] = 1
    else:
        wanted[::2, ::2] = 1
    np.testing.assert_array_equal(slope, wanted)


@pytest.mark.parametrize("layer", [nn.MaxPool2D(2), nn.AdaptiveMaxPool2D(1), nn.GlobalMaxPool()], ids=name)
def test_the_first_is_the_first_row_by_row(layer):
    x = xp.asarray([[[[1.0], [2.0]], [[2.0], [1.0]]]])
    slope = mt.grad(lambda x: xp.sum(layer(x)))(x)
    assert np.asarray(slope)[0, :, :, 0].tolist() == [[0, 1], [0, 0]]


def parts(extent, count):
    """Where the windows of adaptive pooling begin and end."""
    return [(math.floor(i * extent / count), math.ceil((i + 1) * extent / count)) for i in range(count)]


@pytest.mark.parametrize("extent", range(1, 12))
def test_adaptive_windows(extent):
    x = RNG.normal(size=(2, extent, 1))
    for count in range(1, 14):
        assert longest(extent, count) == max(stop - start for start, stop in parts(extent, count))
        rows = [x[:, start:stop] for start, stop in parts(extent, count)]
        means, largest = (np.stack([fold(row, axis=1) for row in rows], 1) for fold in (np.mean, np.max))
        np.testing.assert_allclose(outputs(nn.AdaptiveAvgPool1D(count), x), means, rtol=1e-12)
        np.testing.assert_array_equal(outputs(nn.AdaptiveMaxPool1D(count), x), largest)


@pytest.mark.parametrize("extent", range(1, 8))
def test_resampling_in_one_dimension(extent):
    """The definition in floats: centres at (i + ½)·n/m − ½, the ends continued flat."""
    x = RNG.normal(size=extent)
    for count in range(1, 15):
        centre = (np.arange(count) + 0.5) * extent / count - 0.5
        wanted = np.interp(centre, np.arange(extent), x)
        found = outputs(nn.UpSampling1D(size=count, method="linear"), x[None, :, None])[0, :, 0]
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13)
        nearest = outputs(nn.UpSampling1D(size=count), x[None, :, None])[0, :, 0]
        place = np.argmax(nearest[:, None] == x, axis=1)
        np.testing.assert_array_equal(x[place], nearest)
        assert (np.abs(place - centre) <= 0.5 + 1e-9).all()


def test_whole_factors_repeat():
    x = RNG.normal(size=(2, 3, 4, 2))
    np.testing.assert_array_equal(outputs(nn.UpSampling2D((2, 3)), x), x.repeat(2, 1).repeat(3, 2))
    np.testing.assert_array_equal(outputs(nn.UpSampling2D(), x), x.repeat(2, 1).repeat(2, 2))
    np.testing.assert_allclose(outputs(nn.UpSampling2D(1, method="bilinear"), x), x, rtol=1e-15)


@pytest.mark.parametrize("shape", [(2, 5, 3), (2, 4, 5, 3), (2, 3, 4, 5, 3), (2, 2, 3, 2, 2, 3)], ids=str)
def test_global_pooling_of_any_number_of_axes(shape):
    x = RNG.normal(size=shape)
    axes = tuple(range(1, len(shape) - 1))
    for layer, keeping, fold in (
        (nn.GlobalAvgPool(), nn.GlobalAvgPool(keepdims=True), np.mean),
        (nn.GlobalMaxPool(), nn.GlobalMaxPool(keepdims=True), np.max),
    ):
        np.testing.assert_allclose(outputs(layer, x), fold(x, axis=axes), rtol=1e-12)
        np.testing.assert_allclose(outputs(keeping, x), fold(x, axis=axes, keepdims=True), rtol=1e-12)


def test_padding_counts_only_if_asked():
    x = np.full((1, 3, 1), 6.0)
    assert outputs(nn.AvgPool1D(3, stride=1, padding=1), x)[0, :, 0].tolist() == [6, 6, 6]
    assert outputs(nn.AvgPool1D(3, stride=1, padding=1, count_padding=True), x)[0, :, 0].tolist() == [4, 6, 4]
