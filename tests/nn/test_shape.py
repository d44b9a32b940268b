"""Layers that rearrange, pad and crop, against NumPy; gradients go back where the numbers came from."""

import pickle

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp

RNG = np.random.default_rng(0)
SEQUENCE, IMAGE, VOLUME = (RNG.integers(0, 100, (2, *extents, 2)) for extents in [(7,), (4, 6), (3, 4, 5)])
ANY = RNG.integers(0, 100, (2, 3, 4, 5))

CASES = [
    (nn.Flatten(), ANY, lambda x: x.reshape(2, 60)),
    (nn.Reshape(60), ANY, lambda x: x.reshape(2, 60)),
    (nn.Reshape((5, 12)), ANY, lambda x: x.reshape(2, 5, 12)),
    (nn.Reshape((-1, 6)), ANY, lambda x: x.reshape(2, 10, 6)),
    (nn.Reshape([3, 1, -1]), ANY, lambda x: x.reshape(2, 3, 1, 20)),
    (nn.Reshape(()), ANY[:, :1, 0, 0], lambda x: x.reshape(2)),
    (nn.Reshape(-1), ANY[:, 0, 0, 0], lambda x: x.reshape(2, 1)),
    (nn.Reshape((0, 3)), ANY[:, :0], lambda x: x.reshape(2, 0, 3)),
    (nn.Permute((2, 1)), ANY[..., 0], lambda x: x.transpose(0, 2, 1)),
    (nn.Permute((3, 1, 2)), ANY, lambda x: x.transpose(0, 3, 1, 2)),
    (nn.Permute([1]), ANY[:, :, 0, 0], lambda x: x),
    (nn.ZeroPad1D(2), SEQUENCE, lambda x: np.pad(x, [(0, 0), (2, 2), (0, 0)])),
    (nn.ZeroPad2D(((1, 0), (2, 3))), IMAGE, lambda x: np.pad(x, [(0, 0), (1, 0), (2, 3), (0, 0)])),
    (nn.ZeroPad2D(0), IMAGE, lambda x: x),
    (nn.ZeroPad3D(((1, 0), (0, 2), (1, 1))), VOLUME, lambda x: np.pad(x, [(0, 0), (1, 0), (0, 2), (1, 1), (0, 0)])),
    (nn.Crop1D(((0, 3),)), SEQUENCE, lambda x: x[:, :-3]),
    (nn.Crop2D(1), IMAGE, lambda x: x[:, 1:-1, 1:-1]),
    (nn.Crop2D(((0, 3), (2, 0))), IMAGE, lambda x: x[:, :1, 2:]),
    (nn.Crop3D(((1, 1), (0, 0), (0, 4))), VOLUME, lambda x: x[:, 1:2, :, :1]),
]


@pytest.mark.parametrize(("layer", "x", "wanted"), CASES, ids=[repr(case[0]) for case in CASES])
def test_against_numpy(layer, x, wanted):
    for dtype in (np.uint8, np.int64, np.float16, np.float32, np.float64, np.bool_):
        found = np.asarray(layer(xp.asarray(x.astype(dtype))))
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, wanted(x.astype(dtype)))
    none = np.asarray(layer(xp.asarray(x[:0])))
    assert none.shape == (0, *wanted(x).shape[1:])
    assert repr(pickle.loads(pickle.dumps(layer))) == repr(layer)


@pytest.mark.parametrize(("layer", "x", "wanted"), CASES, ids=[repr(case[0]) for case in CASES])
def test_every_number_gets_the_gradient_of_its_place(layer, x, wanted):
    x = x.astype(np.float32)
    g = RNG.normal(size=wanted(x).shape).astype(np.float32)
    slope = np.asarray(mt.grad(lambda x: xp.sum(layer(x) * xp.asarray(g)))(xp.asarray(x)))
    places = wanted(np.arange(x.size).reshape(x.shape) + 1)  # 0 is what padding adds
    found = np.zeros(x.size + 1, np.float32)
    found[places.ravel()] = g.ravel()
    np.testing.assert_array_equal(slope.ravel(), found[1:])


def test_saved(tmp_path):
    net = nn.ZeroPad2D(1) >> nn.Crop2D(((2, 0), (0, 1))) >> nn.Permute((3, 2, 1)) >> nn.Reshape((-1, 4))
    x = IMAGE.astype(np.float32)
    mt.save(net, tmp_path / "net.mapsto", example=x)
    np.testing.assert_array_equal(np.asarray(mt.load(tmp_path / "net.mapsto")(x)), np.asarray(net(x)))


def test_numbers_are_python_integers():
    assert [type(one) for one in nn.Reshape((np.int64(2), -1)).shape] == [int, int]
    assert type(nn.Permute((np.int32(1),)).axes[0]) is int
    assert type(nn.ZeroPad1D(np.int64(1)).width[0][0]) is int
