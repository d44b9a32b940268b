"""Convolution in one to three dimensions: what transposes what, groups, types, and what is kept of a layer."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mapsto as mt
from mapsto import nn, xp

RNG = np.random.default_rng(0)
CONV = {1: nn.Conv1D, 2: nn.Conv2D, 3: nn.Conv3D}
TRANSPOSED = {1: nn.ConvTranspose1D, 2: nn.ConvTranspose2D, 3: nn.ConvTranspose3D}


def ready(layer, x, seed=0):
    """The layer in float64, with small whole weights, so that sums are exact."""
    layer = layer.cast(xp.float64).init(mt.key(0), xp.asarray(x))
    rng = np.random.default_rng(seed)
    names = [name for name in ("weight", "bias") if getattr(layer, name) is not None]
    return mt.replace(layer, {name: rng.integers(-4, 5, getattr(layer, name).shape) * 1.0 for name in names})


@st.composite
def geometries(draw):
    """A rank, and settings with the extents of an input that they fit."""
    rank = draw(st.integers(1, 3))
    several = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(rank))
    size, stride, dilation = several(1, 3), several(1, 3), several(1, 2)
    pairs = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(rank))
    padding = draw(st.sampled_from(["valid", "same", 1, pairs]))
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, size, strict=True)]
    extents = tuple(draw(st.integers(r, r + 3)) for r in reach)
    return size, extents, {"stride": stride, "dilation": dilation, "padding": padding}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(geometries(), st.integers(1, 2))
def test_the_transposed_layer_is_the_transpose(geometry, groups):
    """⟨conv x, y⟩ = ⟨x, transposed y⟩ for one kernel; exact, as all numbers are whole."""
    size, extents, given = geometry
    rank, c, filters = len(size), 2 * groups, 3 * groups
    x = RNG.integers(-4, 5, (2, *extents, c)) * 1.0
    conv = ready(CONV[rank](filters, size, groups=groups, bias=False, **given), x)
    found = conv(xp.asarray(x))
    y = RNG.integers(-4, 5, found.shape) * 1.0
    back = TRANSPOSED[rank](c, size, groups=groups, bias=False, output_size=extents, **given)
    back = back.cast(xp.float64).init(mt.key(0), xp.asarray(y))
    # [*k, c / g, filters] ↦ [*k, filters / g, c], group by group.
    split = np.asarray(conv.weight).reshape(*size, 2, groups, 3)
    back = mt.replace(back, {"weight": split.swapaxes(-1, -3).reshape(*size, 3, c)})
    made = back(xp.asarray(y))
    assert made.shape == x.shape
    assert (np.asarray(found) * y).sum() == (x * np.asarray(made)).sum()


def test_two_sizes_that_one_stride_does_not_tell_apart():
    y = xp.ones((1, 4, 1))
    for size in (7, 8):
        x = xp.ones((1, size, 1))
        assert nn.Conv1D(1, 3, stride=2, padding="same").init(mt.key(0), x)(x).shape == y.shape
        layer = nn.ConvTranspose1D(1, 3, stride=2, padding="same", output_size=size)
        assert layer.init(mt.key(0), y)(y).shape == x.shape


def test_one_number_lays_down_the_kernel_as_it_is():
    layer = ready(nn.ConvTranspose2D(1, (2, 3), bias=False), np.ones((1, 2, 2, 1)))
    y = layer(xp.asarray([[[[10.0]]]], dtype=xp.float64))
    np.testing.assert_array_equal(np.asarray(y)[0, :, :, 0], 10 * np.asarray(layer.weight)[:, :, 0, 0])


@pytest.mark.parametrize("multiplier", [1, 3])
def test_depthwise_is_a_convolution_with_as_many_groups(multiplier):
    x = RNG.integers(-4, 5, (2, 6, 5, 4)) * 1.0
    given = {"stride": (2, 1), "padding": "same", "dilation": 2}
    one = ready(nn.DepthwiseConv2D(3, multiplier=multiplier, **given), x)
    other = ready(nn.Conv2D(4 * multiplier, 3, groups=4, **given), x)
    np.testing.assert_array_equal(np.asarray(one(xp.asarray(x))), np.asarray(other(xp.asarray(x))))
    changed = x.copy()
    changed[..., 1] += 1
    touched = (np.asarray(one(xp.asarray(changed))) != np.asarray(one(xp.asarray(x)))).any((0, 1, 2))
    assert touched.tolist() == [o // multiplier == 1 for o in range(4 * multiplier)]


LAYERS = [
    nn.Conv1D(2, 3, padding="same"),
    nn.Conv3D(2, (1, 2, 2), stride=2, groups=2),
    nn.DepthwiseConv2D(3, multiplier=2, padding=1),
    nn.ConvTranspose1D(4, 3, stride=2, output_padding=1, groups=2),
    nn.ConvTranspose2D(2, 3, stride=2, padding="same"),
    nn.ConvTranspose3D(2, 2, bias=False),
]
EXTENTS = {"1D": (5,), "2D": (4, 5), "3D": (2, 3, 4)}


def example(layer, dtype=np.float32):
    extents = EXTENTS[type(layer).__name__[-2:]]
    return RNG.integers(0, 5, (2, *extents, 2)).astype(dtype)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_types(layer):
    x = example(layer)
    net = layer.init(mt.key(0), xp.asarray(x))
    y = np.asarray(net(xp.asarray(x)))
    assert y.dtype == np.float32
    for whole in (np.uint8, np.int64):
        np.testing.assert_array_equal(np.asarray(net(xp.asarray(x.astype(whole)))), y)
    assert net.cast(xp.float64)(xp.asarray(x.astype(np.float64))).dtype == np.float64
    half = net.cast(xp.float16)(xp.asarray(x.astype(np.float16)))
    assert half.dtype == np.float16
    np.testing.assert_allclose(np.asarray(half), y, atol=0.05)
    with pytest.raises(mt.DTypeError):
        net(xp.asarray(x.astype(np.float64)))
    assert net(xp.asarray(x[:0])).shape == (0, *y.shape[1:])


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_pickled_copied_and_saved(layer, tmp_path):
    x = example(layer)
    assert repr(pickle.loads(pickle.dumps(layer))) == repr(layer)
    net = layer.init(mt.key(0), xp.asarray(x))
    y = np.asarray(net(xp.asarray(x)))
    again = pickle.loads(pickle.dumps(layer)).init(mt.key(0), xp.asarray(x))
    for same in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net), again):
        np.testing.assert_array_equal(np.asarray(same(xp.asarray(x))), y)
    mt.save(net, tmp_path / "net.mapsto")
    np.testing.assert_allclose(np.asarray(mt.load(tmp_path / "net.mapsto")(x)), y, rtol=1e-6, atol=1e-6)


def test_first_weights_have_the_variance_of_their_fan_in():
    """He's 2 / fan-in, the fan-in being what one output sees: k · c / groups, also for the transposed layer."""
    x = xp.ones((1, 5, 5, 64))
    for layer, fan_in in (
        (nn.Conv2D(64, 3, groups=2), 9 * 32),
        (nn.DepthwiseConv2D(5, multiplier=8), 25),
        (nn.ConvTranspose2D(64, 3), 9 * 64),
    ):
        weight = np.asarray(layer.init(mt.key(0), x).weight)
        assert abs(weight.var() * fan_in / 2 - 1) < 0.05


def test_one_number_of_padding_is_for_every_side():
    x = RNG.normal(size=(1, 5, 6, 2)).astype(np.float32)
    one = nn.Conv2D(3, 3, padding=1).init(mt.key(0), x)
    other = nn.Conv2D(3, 3, padding=((1, 1), (1, 1))).init(mt.key(0), x)
    np.testing.assert_array_equal(np.asarray(one(x)), np.asarray(other(x)))
    assert one.padding == other.padding and type(nn.Conv2D(3, 3, padding=np.int64(1)).padding[0][0]) is int


def test_settings_are_shown_in_full():
    assert repr(nn.ConvTranspose1D(4, 3, stride=2, padding=1, output_padding=1)) == (
        "ConvTranspose1D(size=(3,), stride=(2,), dilation=(1,), filters=4, padding=((1, 1),), output_padding=(1,), "
        "output_size=None, groups=1, weight=param(?), bias=param(?))"
    )
    assert repr(nn.Conv2D(8, 3)) == (
        "Conv2D(size=(3, 3), stride=(1, 1), dilation=(1, 1), filters=8, padding='valid', groups=1, weight=param(?), "
        "bias=param(?))"
    )
