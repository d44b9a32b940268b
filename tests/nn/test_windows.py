"""Conv2D and MaxPool2D against loops, in float64; sizes of "same" as Keras has them."""

import itertools

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp

RNG = np.random.default_rng(0)


def pads(extent, size, stride, dilation, padding, axis):
    """Numbers before and after one axis; Keras's rule for "same": the odd one goes after."""
    if padding == "valid":
        return 0, 0
    if padding == "same":
        reach, out = dilation * (size - 1) + 1, -(-extent // stride)
        total = max((out - 1) * stride + reach - extent, 0)
        return total // 2, total - total // 2
    return padding[axis]


def padded(x, size, stride, dilation, padding, fill):
    around = [pads(x.shape[a + 1], size[a], stride[a], dilation[a], padding, a) for a in range(2)]
    return np.pad(x, [(0, 0), *around, (0, 0)], constant_values=fill)


def windows(x, size, stride, dilation, padding, fill):
    """Every window of every image: [n, h', w', kh, kw, c]."""
    x = padded(x, size, stride, dilation, padding, fill)
    out = [(x.shape[a + 1] - dilation[a] * (size[a] - 1) - 1) // stride[a] + 1 for a in range(2)]
    found = np.empty((x.shape[0], *out, *size, x.shape[3]))
    for i, j, k, m in itertools.product(range(out[0]), range(out[1]), range(size[0]), range(size[1])):
        found[:, i, j, k, m] = x[:, i * stride[0] + k * dilation[0], j * stride[1] + m * dilation[1]]
    return found


def convolved(x, weight, bias, stride, dilation, groups, padding):
    """y[n, i, j, o] = bias[o] + Σ window[k, m, c of o's group] · weight[k, m, c, o]."""
    parts = windows(x, weight.shape[:2], stride, dilation, padding, 0.0)
    inside, filters = weight.shape[2], weight.shape[3]
    y = np.empty((*parts.shape[:3], filters))
    for o in range(filters):
        first = o // (filters // groups) * inside
        y[..., o] = bias[o] + (parts[..., first : first + inside] * weight[..., o]).sum((3, 4, 5))
    return y


CASES = [
    # image, channels, filters, size, settings
    ((6, 7), 2, 3, 3, {}),
    ((6, 7), 2, 3, 3, {"padding": "same"}),
    ((5, 5), 1, 2, 1, {}),
    ((5, 6), 2, 2, 2, {"padding": "same"}),
    ((7, 8), 2, 3, 3, {"stride": 2, "padding": "same"}),
    ((8, 8), 2, 3, 3, {"stride": 2, "padding": "same"}),
    ((9, 7), 1, 2, (3, 2), {"stride": (2, 3)}),
    ((9, 7), 1, 2, (3, 2), {"stride": (3, 1), "padding": "same"}),
    ((9, 9), 2, 2, 3, {"dilation": 2}),
    ((9, 9), 2, 2, 3, {"dilation": (1, 3), "padding": "same"}),
    ((9, 8), 2, 2, 3, {"dilation": 2, "stride": 2, "padding": "same"}),
    ((5, 5), 2, 2, 3, {"padding": ((1, 0), (0, 2))}),
    ((5, 5), 2, 2, 3, {"padding": ((2, 1), (3, 0)), "stride": 2}),
    ((6, 6), 4, 6, 3, {"groups": 2}),
    ((6, 6), 4, 4, 3, {"groups": 4, "padding": "same"}),
    ((6, 6), 3, 6, 3, {"groups": 3, "stride": 2, "dilation": 2, "padding": "same"}),
    ((7, 7), 2, 2, 3, {"stride": 3}),
    ((3, 3), 2, 2, 5, {"padding": "same"}),
    ((1, 1), 2, 2, 3, {"padding": "same", "stride": 2}),
    ((4, 4), 2, 2, 2, {"stride": 5}),
]


def two(value):
    return (value, value) if isinstance(value, int) else value


@pytest.mark.parametrize(("image", "channels", "filters", "size", "settings"), CASES, ids=str)
def test_conv2d(image, channels, filters, size, settings):
    x = RNG.normal(size=(2, *image, channels))
    layer = nn.Conv2D(filters, size, **settings).cast(xp.float64).init(mt.key(1), xp.asarray(x))
    layer = mt.replace(layer, {"bias": RNG.normal(size=filters)})
    groups = settings.get("groups", 1)
    assert layer.weight.shape == (*two(size), channels // groups, filters)
    given = (two(settings.get("stride", 1)), two(settings.get("dilation", 1)), groups, settings.get("padding", "valid"))
    wanted = convolved(x, np.asarray(layer.weight), np.asarray(layer.bias), *given)
    got = np.asarray(layer(xp.asarray(x)))
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)
    if settings.get("padding") == "same":
        assert got.shape[1:3] == tuple(-(-e // s) for e, s in zip(image, given[0], strict=True)), "⌈extent / stride⌉"


@pytest.mark.parametrize(
    ("image", "size", "settings"),
    [
        ((6, 6), 2, {}),
        ((7, 5), 2, {}),
        ((7, 5), 2, {"padding": "same"}),
        ((7, 7), 3, {"stride": 2}),
        ((7, 7), 3, {"stride": 1, "padding": "same"}),
        ((6, 8), (2, 3), {"stride": (1, 2)}),
        ((5, 5), 3, {"padding": ((1, 1), (2, 0))}),
        ((2, 2), 3, {"padding": "same"}),
    ],
    ids=str,
)
def test_max_pool(image, size, settings):
    x = RNG.normal(-5.0, 1.0, size=(2, *image, 3))  # negative, so that a zero border would win
    stride, padding = two(settings.get("stride", size)), settings.get("padding", "valid")
    wanted = windows(x, two(size), stride, (1, 1), padding, -np.inf).max((3, 4))
    got = np.asarray(nn.MaxPool2D(size, **settings)(xp.asarray(x)))
    np.testing.assert_array_equal(got, wanted)
    assert (got < 0).all()


def test_max_pool_passes_its_gradient_to_one_number_a_window():
    x = xp.asarray(np.zeros((1, 4, 4, 1)))  # all tie
    slope = np.asarray(mt.grad(lambda x: xp.sum(nn.MaxPool2D(2)(x)))(x))
    assert slope.sum() == 4 and slope[0, ::2, ::2, 0].tolist() == [[1, 1], [1, 1]]


def test_max_pool_propagates_nan():
    x = np.zeros((1, 4, 4, 1), np.float32)
    x[0, 3, 3] = np.nan
    y = np.asarray(nn.MaxPool2D(2)(x))
    assert np.isnan(y[0, 1, 1, 0]) and np.isfinite(y).sum() == 3


def test_the_kernel_is_not_flipped():
    layer = nn.Conv2D(1, (1, 2), bias=False).init(mt.key(0), xp.ones((1, 1, 3, 1)))
    layer = mt.replace(layer, {"weight": np.array([1.0, 10.0]).reshape(1, 2, 1, 1)})
    assert np.asarray(layer(np.array([[[[1], [2], [3]]]], np.uint8)))[0, 0, :, 0].tolist() == [21, 32]


def test_groups_do_not_mix():
    layer = nn.Conv2D(4, 3, groups=2).init(mt.key(0), xp.ones((1, 5, 5, 4)))
    x = RNG.normal(size=(1, 5, 5, 4)).astype(np.float32)
    other = x.copy()
    other[..., 2:] = 0
    y, z = np.asarray(layer(x)), np.asarray(layer(other))
    assert (y[..., :2] == z[..., :2]).all() and (y[..., 2:] != z[..., 2:]).all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Conv2D(0, 3), "filters"),
        (lambda: nn.Conv2D(3, 3, groups=2), "multiple"),
        (lambda: nn.Conv2D(4, 0), "size"),
        (lambda: nn.Conv2D(4, (3, 3, 3)), "size"),
        (lambda: nn.Conv2D(4, 2.5), "size"),
        (lambda: nn.Conv2D(4, 3, stride=0), "stride"),
        (lambda: nn.Conv2D(4, 3, dilation=(1, 0)), "dilation"),
        (lambda: nn.Conv2D(4, 3, padding=-1), "padding"),
        (lambda: nn.Conv2D(4, 3, padding=(1, 1)), "padding"),
        (lambda: nn.Conv2D(4, 3, padding="SAME"), "padding"),
        (lambda: nn.Conv2D(4, 3, padding=((1, -1), (0, 0))), "padding"),
        (lambda: nn.MaxPool2D(0), "size"),
        (lambda: nn.MaxPool2D(2, padding=1.5), "padding"),
    ],
)
def test_settings_that_mean_nothing_are_refused_at_once(make, words):
    with pytest.raises(mt.UsageError, match=words):
        make()


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv2D(4, 3), (1, 5, 5)),
        (nn.Conv2D(4, 3), (5, 5, 2, 1, 1)),
        (nn.Conv2D(4, 3), (1, 2, 5, 1)),
        (nn.Conv2D(4, 3, dilation=3), (1, 6, 6, 1)),
        (nn.Conv2D(4, 3, groups=2), (1, 5, 5, 3)),
        (nn.MaxPool2D(2), (1, 5, 5)),
        (nn.MaxPool2D(3), (1, 2, 2, 1)),
    ],
    ids=str,
)
def test_images_that_do_not_fit_are_refused(layer, shape):
    with pytest.raises(mt.ShapeError):
        layer.init(mt.key(0), xp.ones(shape))


def test_numpy_integers_count():
    layer = nn.Conv2D(np.int64(2), np.int64(3), stride=np.int32(2))
    assert (layer.filters, layer.size, layer.stride) == (2, (3, 3), (2, 2)) and type(layer.size[0]) is int


def test_a_batch_of_none():
    images = xp.ones((0, 6, 6, 2))
    assert nn.Conv2D(4, 3).init(mt.key(0), xp.ones((1, 6, 6, 2)))(images).shape == (0, 4, 4, 4)
    assert nn.MaxPool2D(2)(images).shape == (0, 3, 3, 2)
    assert nn.Flatten()(images).shape == (0, 72)
