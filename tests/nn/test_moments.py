"""Mean and variance in one pass: as accurate as two passes, for whatever numbers; derivatives of every order."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from mapsto.core.tree import flatten
from mapsto.nn.moments import SAMPLE, moments, pooled

EPS = float(np.finfo(np.float32).eps)
SHAPES = [(256, 48), (33, 7, 5, 8), (16, 24, 24, 20), (37, 1, 1, 4), (5, 70, 3)]


def plain(x):
    return x


def far(x):
    return x + 1e4


def one_far(x):
    """One number in the sample is 10⁴ deviations away."""
    x = x.copy()
    x.reshape(-1, x.shape[-1])[0] = 1e4
    return x


def sample_far(x):
    """All of the sample of a batch is."""
    x = x.copy()
    x[::SAMPLE] += 1e4
    return x


def apart(x):
    """Every example is far from the others."""
    return x + 1e4 * np.arange(len(x)).reshape(-1, *(1 for _ in x.shape[1:]))


def close(x):
    return x * 1e-3 + 1


def drawn(shape, change):
    return change(np.random.default_rng(len(shape)).normal(size=shape)).astype(np.float32)


def statistics(x, compiled):
    """Mean and variance of a batch as a layer that keeps nothing of its own has them afterwards; and the output."""
    net = nn.BatchNorm(momentum=0.0).init(mt.key(0), xp.asarray(x))
    if compiled:
        y, net = mt.compile(mt.training(net))(mt.key(0), xp.asarray(x))
    else:
        y, net = mt.training(net)(mt.key(0), xp.asarray(x))
    count = x.size // x.shape[-1]
    return np.asarray(net.mean, np.float64), np.asarray(net.variance, np.float64) * (count - 1) / count, np.asarray(y)


@pytest.mark.parametrize("compiled", [False, True], ids=["reference", "compiled"])
@pytest.mark.parametrize("change", [plain, far, one_far, sample_far, apart, close], ids=lambda change: change.__name__)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_statistics_are_those_in_float64(shape, change, compiled):
    """To 33 times what rounding does to a sum of so many numbers, whatever lies where the first guess is taken; and
    where the mean is far, to what a mean in float32 can say. (PyTorch 2.13 is off by 9 times the variance for
    128 × 32 × 32 numbers around 10⁴.)"""
    x = drawn(shape, change)
    rows = x.astype(np.float64).reshape(-1, shape[-1])
    mean, variance, y = statistics(x, compiled)
    deviation, turns = rows.std(0), max(len(x), len(rows) // len(x))
    away = np.abs(rows.mean(0)) / deviation
    limit = 2 * (SAMPLE + 1) * EPS * np.sqrt(turns)
    np.testing.assert_array_less(np.abs(variance / rows.var(0) - 1), limit + (10 * away * EPS) ** 2)
    np.testing.assert_array_less(np.abs(mean - rows.mean(0)) / deviation, limit + 4 * EPS * away)
    wanted = (rows - rows.mean(0)) / np.sqrt(rows.var(0) + 1e-5)
    assert np.abs(y.reshape(rows.shape) - wanted).max() < limit * np.abs(wanted).max() + 4 * EPS * away.max()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_constant_channel_has_no_variance_below_0(shape):
    for number in (0.0, 1e-3, 12345.678, -1e20):
        _, variance, y = statistics(np.full(shape, number, np.float32), True)
        assert (variance >= 0).all() and (variance <= (number * 16 * EPS) ** 2).all()
        assert np.isfinite(y).all() or not np.isfinite(np.float32(number) ** 2)


def test_parts_of_equal_size_pool_to_the_whole():
    x = np.random.default_rng(3).normal(5.0, 2.0, (6, 4, 5, 3))
    mean, variance = (np.asarray(one) for one in pooled(*moments("test", xp.asarray(x), (1, 2)), (0,)))
    np.testing.assert_allclose(mean.reshape(3), x.mean((0, 1, 2)), rtol=1e-14)
    np.testing.assert_allclose(variance.reshape(3), x.var((0, 1, 2)), rtol=1e-13)


def test_derivatives_do_not_see_the_first_guess():
    """Those of the variance: 2·(x − mean) / n, and 2·(δ − 1/n) / n."""
    x = xp.asarray(np.random.default_rng(4).normal(3.0, 1.0, (40, 2)))
    slope = mt.grad(lambda x: xp.sum(moments("test", x, (0,))[1]))
    np.testing.assert_allclose(np.asarray(slope(x)), 2 * (x - xp.mean(x, axis=0)) / 40, rtol=1e-10, atol=1e-14)
    along = xp.asarray(np.random.default_rng(5).normal(size=(40, 2)))
    twice = np.asarray(mt.grad(lambda x: xp.sum(slope(x) * along))(x))
    np.testing.assert_allclose(twice, 2 * (along - xp.mean(along, axis=0)) / 40, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("change", [plain, far], ids=lambda change: change.__name__)
def test_gradients_of_a_layer_are_those_in_float64(change):
    x, g = drawn((16, 9, 7, 20), change), drawn((16, 9, 7, 20), plain)[::-1].copy()

    def slopes(dtype):
        net = nn.BatchNorm().cast(dtype).init(mt.key(0), xp.asarray(x, dtype=dtype))

        def loss(pair):
            return xp.sum(mt.training(pair[0])(mt.key(0), pair[1])[0] * xp.asarray(g, dtype=dtype))

        net, dx = mt.compile(mt.grad(loss))((net, xp.asarray(x, dtype=dtype)))
        return [np.asarray(one, np.float64) for one in (net.scale, net.shift, dx)]

    for got, wanted in zip(slopes(np.float32), slopes(np.float64), strict=True):
        np.testing.assert_allclose(got, wanted, atol=(1e-5 if change is plain else 2e-3) * np.abs(wanted).max())


@pytest.mark.parametrize("change", [plain, far, apart], ids=lambda change: change.__name__)
@pytest.mark.parametrize(
    "layer", [nn.BatchNorm(), nn.LayerNorm(), nn.GroupNorm(4), nn.InstanceNorm(), nn.RMSNorm()], ids=str
)
def test_the_bits_do_not_depend_on_threads(layer, change):
    x = xp.asarray(drawn((32, 16, 16, 24), change))
    net = layer.init(mt.key(0), x)

    def loss(net, x):
        return xp.sum(xp.sin(mt.training(net)(mt.key(0), x)[0]))

    step, found = mt.compile(mt.grad(lambda pair: loss(*pair))), []
    before = mt.threads()
    try:
        for count in (1, 2, 3):
            mt.threads(count)
            slopes, _ = flatten(step((net, x)))
            found.append([np.asarray(leaf.value).tobytes() for leaf in slopes if leaf.value is not None])
    finally:
        mt.threads(before)
    assert found[0] == found[1] == found[2]
