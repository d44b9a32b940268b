"""Normalisation: what its formulas promise beyond the stored figures: laws, 16-bit numbers, states, modes."""

import pickle

import numpy as np
import pytest

import mapsto as mt
from mapsto import losses, nn, optim, xp

RNG = np.random.default_rng(0)
KEY = mt.key(0)
IMAGES = RNG.normal(3.0, 2.0, (4, 5, 3, 6))


def ready(layer, x, dtype=xp.float64):
    return layer.cast(dtype).init(KEY, xp.asarray(x, dtype=dtype))


def trained(net, x):
    y, net = mt.training(net)(KEY, x)
    return np.asarray(y), net


@pytest.mark.parametrize("shape", [(7, 6), (4, 5, 6), (4, 5, 3, 6), (2, 3, 2, 2, 6)], ids=str)
def test_batch_norm_gives_every_channel_mean_0_and_variance_1(shape):
    x = RNG.normal(100.0, 7.0, shape)
    y, _ = trained(ready(nn.BatchNorm(epsilon=1e-12), x), xp.asarray(x))
    axes = tuple(range(len(shape) - 1))
    np.testing.assert_allclose(y.mean(axes), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axes), 1, rtol=1e-9)


def test_running_statistics_follow_the_stated_rule_and_become_the_data_s():
    net = ready(nn.BatchNorm(momentum=0.75), IMAGES)
    mean, variance = np.zeros(6), np.ones(6)
    rows = IMAGES.reshape(-1, 6)
    for _ in range(60):
        _, net = trained(net, xp.asarray(IMAGES))
        mean, variance = 0.75 * mean + 0.25 * rows.mean(0), 0.75 * variance + 0.25 * rows.var(0, ddof=1)
        np.testing.assert_allclose(np.asarray(net.mean), mean, rtol=1e-12)
        np.testing.assert_allclose(np.asarray(net.variance), variance, rtol=1e-12)
    np.testing.assert_allclose(np.asarray(net.mean), rows.mean(0), rtol=1e-6)
    y, wanted = np.asarray(net(xp.asarray(IMAGES))), trained(net, xp.asarray(IMAGES))[0]
    np.testing.assert_allclose(y, wanted * np.sqrt(59 / 60), rtol=1e-5, atol=1e-5)  # the running one is unbiased


class Twice(mt.Mapping):
    """One layer, on an input and on three times the input."""

    def __init__(self):
        self.norm = nn.BatchNorm(momentum=0.5)

    def __call__(self, x):
        return self.norm(x) + self.norm(3.0 * x)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_layer_that_is_called_twice_moves_twice(compiled):
    net, x = ready(Twice(), IMAGES), xp.asarray(IMAGES)
    step = mt.compile(lambda net, x: mt.training(net)(KEY, x)) if compiled else lambda net, x: mt.training(net)(KEY, x)
    _, moved = step(net, x)
    mean, variance = IMAGES.reshape(-1, 6).mean(0), IMAGES.reshape(-1, 6).var(0, ddof=1)
    np.testing.assert_allclose(np.asarray(moved.norm.mean), 0.25 * mean + 0.5 * 3 * mean, rtol=1e-12)
    np.testing.assert_allclose(np.asarray(moved.norm.variance), 0.25 + 0.25 * variance + 0.5 * 9 * variance, rtol=1e-12)


def test_a_frozen_layer_does_not_move_and_uses_its_running_statistics():
    net = ready(nn.Dense(6) >> nn.BatchNorm() >> nn.Dense(2), IMAGES)
    _, net = trained(net, xp.asarray(IMAGES))
    frozen = mt.freeze(net, "batchnorm_1.**")
    y, moved = trained(frozen, xp.asarray(IMAGES))
    assert (np.asarray(moved.batchnorm_1.mean) == np.asarray(net.batchnorm_1.mean)).all()
    np.testing.assert_array_equal(y, np.asarray(net(xp.asarray(IMAGES))))
    assert (np.asarray(trained(net, xp.asarray(IMAGES))[1].batchnorm_1.mean) != np.asarray(net.batchnorm_1.mean)).all()


def test_gradients_in_evaluation_are_refused_unless_meant():
    net = ready(nn.Dense(6) >> nn.BatchNorm(), IMAGES)
    with pytest.raises(mt.StateError, match="MAP-05"):
        mt.grad(lambda net: xp.sum(net(xp.asarray(IMAGES))))(net)
    slope = mt.grad(lambda net: xp.sum(mt.evaluation(net)(xp.asarray(IMAGES))))(net)
    assert slope.batchnorm_1.mean is None and slope.batchnorm_1.variance is None
    np.testing.assert_allclose(np.asarray(slope.batchnorm_1.shift), np.full(6, 60.0))


def test_running_statistics_have_no_gradient_in_what_follows_them():
    net, x = ready(nn.BatchNorm(), IMAGES), xp.asarray(IMAGES)
    slope = mt.grad(lambda x: xp.sum(mt.training(net)(KEY, x)[1].variance))
    assert (np.asarray(slope(x)) == 0).all()


def test_second_derivatives_of_the_training_mode_are_differences_of_the_first():
    x, along = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3))
    net, g = ready(nn.BatchNorm(), x), RNG.normal(size=(5, 3))
    slope = mt.grad(lambda x: xp.sum(mt.training(net)(KEY, x)[0] ** 3 * g))
    second = np.asarray(mt.grad(lambda x: xp.sum(slope(x) * along))(xp.asarray(x)))
    h = 1e-6
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = h
        up, down = (np.sum(np.asarray(slope(xp.asarray(x + s))) * along) for s in (step, -step))
        assert abs((up - down) / (2 * h) - second[place]) < 1e-7 * np.abs(second).max()


def test_instance_norm_is_group_norm_with_a_group_for_each_channel():
    x = xp.asarray(IMAGES)
    np.testing.assert_allclose(
        np.asarray(ready(nn.InstanceNorm(), IMAGES)(x)), np.asarray(ready(nn.GroupNorm(6), IMAGES)(x)), rtol=1e-12
    )


def test_group_norm_of_one_group_is_layer_norm_over_all_axes():
    left, right = (ready(layer, IMAGES)(xp.asarray(IMAGES)) for layer in (nn.GroupNorm(1), nn.LayerNorm((1, 2, 3))))
    np.testing.assert_allclose(np.asarray(left), np.asarray(right), rtol=1e-12, atol=1e-14)


def test_axes_in_any_order_and_from_either_end_are_the_same_layer():
    made = [ready(nn.LayerNorm(axis), IMAGES) for axis in ((1, 3), (-1, 1), [3, -3], (-3, -1))]
    assert all(layer.scale.shape == (5, 6) for layer in made)
    assert len({np.asarray(layer(xp.asarray(IMAGES))).tobytes() for layer in made}) == 1


@pytest.mark.parametrize(
    "layer", [nn.LayerNorm(), nn.LayerNorm((1, 2, 3)), nn.GroupNorm(3), nn.InstanceNorm(), nn.RMSNorm()], ids=str
)
def test_examples_are_normalised_each_by_itself(layer):
    net = ready(layer, IMAGES)
    together = np.asarray(net(xp.asarray(IMAGES)))
    apart = np.concatenate([np.asarray(net(xp.asarray(one[None]))) for one in IMAGES])
    np.testing.assert_allclose(together, apart, rtol=1e-13)
    assert net(xp.asarray(IMAGES[:0])).shape == (0, 5, 3, 6)


ALL = [nn.BatchNorm(), nn.LayerNorm(), nn.GroupNorm(3), nn.InstanceNorm(), nn.RMSNorm()]


@pytest.mark.parametrize("dtype", [xp.float16, xp.bfloat16], ids=str)
@pytest.mark.parametrize("layer", ALL, ids=lambda layer: type(layer).__name__)
def test_16_bit_numbers_are_summed_in_32(layer, dtype):
    # 20,000 numbers near 300: their sum, and every square, are beyond float16's 65,504.
    x = RNG.normal(300.0, 20.0, (2, 100, 100, 6)).astype(dtype)
    half = ready(layer, x, dtype)
    y, moved = trained(half, xp.asarray(x))
    assert y.dtype == dtype and np.isfinite(y.astype(np.float32)).all()
    single = trained(ready(layer, x, xp.float32), xp.asarray(x.astype(np.float32)))[0]
    digits = 2e-3 if dtype == xp.float16 else 1e-2  # of 8 bits, half a unit in the last place is 2⁻⁸ at most
    np.testing.assert_allclose(y.astype(np.float32), single, atol=digits, rtol=digits)
    if isinstance(layer, nn.BatchNorm):
        assert moved.mean.dtype == moved.variance.dtype == dtype
        assert half(xp.asarray(x)).dtype == dtype


@pytest.mark.parametrize("layer", ALL[:4], ids=lambda layer: type(layer).__name__)
def test_a_mean_far_from_0_costs_no_variance(layer):
    small = RNG.normal(size=(4, 8, 8, 6)).astype(np.float32)
    x = (np.round(small * 64) / 64 + 10_000).astype(np.float32)  # exact, and E x² − (E x)² has no digit left
    y, _ = trained(ready(layer, x, xp.float32), xp.asarray(x))
    wanted, _ = trained(ready(layer, x), xp.asarray(x.astype(np.float64)))
    assert np.abs(y - wanted).max() < 0.02  # a mean of 10⁴ is known to 0.007 by then; the naive variance would be 0 … 4


@pytest.mark.parametrize("layer", ALL, ids=lambda layer: type(layer).__name__)
def test_equal_numbers_give_finite_results_and_gradients(layer):
    x = xp.ones((3, 2, 2, 6)) * 5.0
    net = ready(layer, x, xp.float32)
    slope = mt.grad(lambda x: xp.sum(mt.training(net)(KEY, x)[0] ** 2))(x)
    y = trained(net, x)[0]
    assert np.isfinite(y).all() and np.isfinite(np.asarray(slope)).all()
    np.testing.assert_allclose(y, 1.0 if isinstance(layer, nn.RMSNorm) else 0.0, atol=1e-5)


@pytest.mark.parametrize("layer", ALL, ids=lambda layer: type(layer).__name__)
def test_nan_stays_in_its_example_or_channel(layer):
    x = IMAGES.copy()
    x[1, 2, 2, 4] = np.nan
    hit = np.isnan(trained(ready(layer, x), xp.asarray(x))[0])
    assert hit[1, 2, 2, 4] and not hit[..., 0].all() and (isinstance(layer, nn.BatchNorm) or not hit[0].any())


@pytest.mark.parametrize("layer", ALL, ids=lambda layer: type(layer).__name__)
def test_layers_pickle_with_and_without_parameters(layer):
    net = ready(layer, IMAGES)
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(np.asarray(again(xp.asarray(IMAGES))), np.asarray(net(xp.asarray(IMAGES))))
    assert repr(pickle.loads(pickle.dumps(layer))) == repr(layer)


def test_whole_numbers_are_taken_as_floats():
    x = RNG.integers(0, 256, (4, 6)).astype(np.uint8)
    for layer in (nn.BatchNorm(), nn.LayerNorm(), nn.RMSNorm(scale=False)):
        net = layer.init(KEY, xp.asarray(x.astype(np.float32)))
        assert net(xp.asarray(x)).dtype == np.float32


def test_a_learner_trains_and_saves_a_net_with_batch_norm(tmp_path):
    x = RNG.normal(size=(96, 5)).astype(np.float32) * 20 + 50
    y = (x[:, 0] > 50).astype(np.int64)
    net = nn.Dense(8) >> nn.BatchNorm() >> nn.leaky_relu(slope=0.2) >> nn.Dense(2)
    learner = mt.Learner(net, loss=losses.cross_entropy, optimizer=optim.adam(1e-2))
    history = learner.fit(x, y, epochs=12, batch_size=32)["loss"]
    assert history[-1] < 0.6 * history[0]
    assert np.abs(np.asarray(learner.net.batchnorm_1.mean)).max() > 1
    mt.save(learner.net, tmp_path / "net.mapsto")
    np.testing.assert_allclose(
        np.asarray(mt.load(tmp_path / "net.mapsto")(x)), np.asarray(learner.net(x)), rtol=1e-4, atol=1e-4
    )
