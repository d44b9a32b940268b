"""Dropout, initialisers, activations, Flatten and top_k."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from mapsto.nn.initialisers import fans

KEY = mt.key(3)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_drops_its_share_and_keeps_the_mean(rate):
    count = 200_000
    y, same = mt.training(nn.Dropout(rate))(KEY, xp.ones((count,)))
    y = np.asarray(y)
    assert set(np.unique(y)) == {0.0, np.float32(1.0 / (1.0 - rate))}
    five_sigma = 5 * np.sqrt(rate * (1 - rate) / count)
    assert abs((y == 0).mean() - rate) < five_sigma
    assert abs(y.mean() - 1) < five_sigma / (1 - rate)
    assert isinstance(same, nn.Dropout) and same.rate == rate


def test_dropout_draws_numbers_apart():
    y = np.asarray(mt.training(nn.Dropout(0.5))(KEY, xp.ones((400, 500)))[0]) != 0
    neighbours = [(y[1:] == y[:-1]).mean(), (y[:, 1:] == y[:, :-1]).mean(), (y[0] == y[1]).mean()]
    assert np.abs(np.array(neighbours[:2]) - 0.5).max() < 0.01 and abs(neighbours[2] - 0.5) < 0.12


def test_dropout_of_rate_zero_is_the_identity():
    x = np.random.default_rng(0).normal(size=(100, 100)).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(mt.training(nn.Dropout(0.0))(KEY, x)[0]), x)


def test_dropout_keeps_the_type_and_stops_infinities_and_gradients():
    assert mt.training(nn.Dropout(0.5))(KEY, xp.ones((4,), dtype=xp.float64))[0].dtype == np.float64
    y = np.asarray(mt.training(nn.Dropout(0.5))(KEY, xp.asarray(np.full(100, np.inf, np.float32)))[0])
    assert set(y.tolist()) == {0.0, np.inf}, "0, not 0·∞"
    slope = np.asarray(mt.grad(lambda x: xp.sum(mt.training(nn.Dropout(0.5))(KEY, x)[0]))(xp.ones((50,))))
    kept = np.asarray(mt.training(nn.Dropout(0.5))(KEY, xp.ones((50,)))[0])
    np.testing.assert_array_equal(slope, kept)


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5, float("nan")])
def test_dropout_refuses_other_rates(rate):
    with pytest.raises(mt.UsageError, match="rate"):
        nn.Dropout(rate)


@pytest.mark.parametrize(
    ("shape", "found"), [((7, 5), (7, 5)), ((3, 3, 16, 32), (144, 288)), ((4,), (4, 4)), ((), (1, 1)), ((0, 3), (1, 3))]
)
def test_fans(shape, found):
    assert fans(shape) == found


@pytest.mark.parametrize("shape", [(300, 500), (3, 3, 40, 100)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_initialisers_have_their_variance_and_bounds(shape, dtype):
    fan_in, fan_out = fans(shape)
    dtype = np.dtype(dtype)
    for make, variance in (
        (nn.glorot_uniform, 2 / (fan_in + fan_out)),
        (nn.glorot_normal, 2 / (fan_in + fan_out)),
        (nn.he_uniform, 2 / fan_in),
        (nn.he_normal, 2 / fan_in),
    ):
        w = np.asarray(make(KEY, shape, dtype))
        assert w.dtype == dtype and w.shape == shape
        assert abs(w.var() / variance - 1) < 0.05
        assert abs(w.mean()) < 5 * np.sqrt(variance / w.size)
        if "uniform" in make.__name__:
            bound = np.sqrt(3 * variance)
            assert 0.99 * bound < np.abs(w).max() <= bound * (1 + 1e-6)
        else:
            inside = (np.abs(w) < np.sqrt(variance)).mean()
            assert abs(inside - 0.6827) < 0.01
    assert (np.asarray(nn.zeros(KEY, shape, dtype)) == 0).all() and (np.asarray(nn.ones(KEY, shape, dtype)) == 1).all()


def test_a_deep_net_keeps_its_scale_with_he():
    x = np.random.default_rng(0).normal(size=(64, 256)).astype(np.float32)
    net = mt.repeat(nn.Dense(256) >> nn.relu, 10).init(mt.key(0), x)
    assert 0.3 < np.asarray(net(x)).std() / 0.8 < 3


SPECIAL = np.array(
    [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 88.0, -88.0, 104.0, -104.0, 1e4, -1e4]
)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_at_special_values(dtype):
    x = SPECIAL.astype(dtype)
    relu, sigmoid, tanh = (np.asarray(f(xp.asarray(x))) for f in (nn.relu, nn.sigmoid, nn.tanh))
    np.testing.assert_array_equal(relu, np.where(np.isnan(x), x, np.where(x > 0, x, 0)))
    assert not np.signbit(relu[:2]).any(), "relu(-0.0) is +0"
    assert np.isnan(sigmoid[6]) and np.isnan(tanh[6])
    rest = np.delete(np.arange(len(x)), 6)
    with np.errstate(over="ignore"):
        wanted = 1 / (1 + np.exp(-x[rest].astype(np.float64)))
    np.testing.assert_allclose(sigmoid[rest], wanted, rtol=1e-6, atol=1e-37)
    np.testing.assert_allclose(tanh[rest], np.tanh(x[rest].astype(np.float64)), rtol=1e-6)
    assert relu.dtype == sigmoid.dtype == tanh.dtype == dtype
    for f in (nn.relu, nn.sigmoid, nn.tanh):
        slope = np.asarray(mt.grad(lambda x, f=f: xp.sum(f(x)))(xp.asarray(x[np.isfinite(x)])))
        assert np.isfinite(slope).all() and (slope >= 0).all()


def test_relu_has_slope_zero_at_zero():
    assert float(mt.grad(nn.relu)(0.0)) == float(mt.grad(nn.relu)(-0.0)) == 0


def test_tanh_of_three():
    assert abs(float(nn.tanh(3.0)) - 0.995) < 1e-4


@pytest.mark.parametrize("scale", [1.0, 1e4, 1e30])
def test_softmax_is_finite_sums_to_one_and_ignores_a_shift(scale):
    x = np.array([[1.0, 0.0, -1.0], [1.0, 1.0, 1.0], [-1.0, -1.0, 1.0]], np.float32) * np.float32(scale)
    p = np.asarray(nn.softmax(xp.asarray(x)))
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-6)
    exact = np.exp(x.astype(np.float64) - x.max(1, keepdims=True).astype(np.float64))
    np.testing.assert_allclose(p, exact / exact.sum(1, keepdims=True), rtol=1e-5, atol=1e-37)
    slope = np.asarray(mt.grad(lambda x: xp.sum(nn.softmax(x) ** 2))(xp.asarray(x)))
    assert np.isfinite(slope).all()


def test_softmax_with_masked_classes():
    p = np.asarray(nn.softmax(xp.asarray([[0.0, -np.inf, 0.0]])))
    assert p.tolist() == [[0.5, 0.0, 0.5]]
    assert np.isnan(np.asarray(nn.softmax(xp.asarray([[0.0, np.nan]])))).all()


def test_flatten_keeps_the_batch():
    assert nn.Flatten()(xp.ones((2, 3, 4))).shape == (2, 12)
    assert nn.Flatten()(xp.ones((2,))).shape == (2, 1)
    assert nn.Flatten()(xp.ones((2, 0, 3))).shape == (2, 0)


P = [[0.2, 0.5, 0.3], [0.25, 0.25, 0.5], [1.0, 0.0, 0.0]]


def test_top_k_names_the_best_first_and_ties_in_order():
    found = nn.top_k(2, ("cat", "dog", "owl"))(xp.asarray(P))
    assert [[name for name, _ in row] for row in found] == [["dog", "owl"], ["owl", "cat"], ["cat", "dog"]]
    assert found[1] == [("owl", 0.5), ("cat", 0.25)] and type(found[0][0][1]) is float


def test_top_k_without_names_and_of_more_than_there_are():
    assert [name for name, _ in nn.top_k(5)(np.array(P))[0]] == ["1", "2", "0"]


def test_top_k_ends_a_chain():
    chain = nn.softmax >> nn.top_k(1, ["a", "b"])
    assert chain(np.array([[0.0, 3.0]], np.float32))[0][0][0] == "b"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: nn.top_k(0), mt.UsageError),
        (lambda: nn.top_k(1, ("a", "b"))(np.array(P)), mt.ShapeError),
        (lambda: nn.top_k(1)(np.array(P[0])), mt.ShapeError),
    ],
)
def test_top_k_refuses(call, error):
    with pytest.raises(error):
        call()
