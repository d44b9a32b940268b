"""Activations at special values, as mappings with settings, and PReLU. The formulas are in test_torch_norm_layers."""

import copy
import pickle

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from mapsto.array import activations, functions

NAMES = """relu relu6 leaky_relu elu selu celu gelu gelu_tanh silu mish softplus softsign sigmoid log_sigmoid
hard_sigmoid tanh hard_tanh hard_swish""".split()
STRICT = {  # bounds that hold for every number
    "relu6": (0, 6), "sigmoid": (0, 1), "hard_sigmoid": (0, 1), "tanh": (-1, 1), "hard_tanh": (-1, 1),
    "softsign": (-1, 1), "relu": (0, np.inf), "softplus": (0, np.inf), "log_sigmoid": (-np.inf, 0),
    "gelu": (-0.18, np.inf), "gelu_tanh": (-0.18, np.inf), "silu": (-0.279, np.inf), "mish": (-0.309, np.inf),
    "elu": (-1, np.inf), "celu": (-1, np.inf), "selu": (-1.7581, np.inf), "hard_swish": (-0.3751, np.inf),
}  # fmt: skip
FAR = [0.0, -0.0, 1e-7, -1e-7, 20.0, -20.0, 88.0, -88.0, 1e4, -1e4]


def slope_of(f, x):
    return np.asarray(mt.grad(lambda x: xp.sum(f(x)))(xp.asarray(x)))


@pytest.mark.parametrize("dtype", [xp.float16, xp.bfloat16, xp.float32, xp.float64], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_finite_with_finite_slopes_far_from_0(name, dtype):
    x = np.array(FAR if dtype == np.float16 else [*FAR, 1e30, -1e30], dtype)
    f = getattr(nn, name)
    y, slope = np.asarray(f(xp.asarray(x))), slope_of(f, x)
    assert y.dtype == slope.dtype == dtype and y.shape == x.shape
    assert np.isfinite(y).all() and np.isfinite(slope).all()
    low, high = STRICT.get(name, (-np.inf, np.inf))
    assert (y >= low - 1e-3 * (name not in ("relu", "relu6"))).all() and (y <= high).all()
    if high == np.inf:  # they end as the line x, or selu's steeper one
        steep = activations.SELU_SCALE if name == "selu" else 1.0
        digits = 1e-2 if dtype == xp.bfloat16 else 1e-3
        np.testing.assert_allclose(y[[8]].astype(float), steep * 1e4, rtol=digits)
        np.testing.assert_allclose(slope[[8]].astype(float), steep, rtol=digits)


@pytest.mark.parametrize("name", [*NAMES, "softmax", "log_softmax", "glu"])
def test_nan_propagates(name):
    x = np.array([[1.0, np.nan], [2.0, -1.0]], np.float32)
    y = np.asarray(getattr(nn, name)(xp.asarray(x)))
    assert np.isnan(y[0]).any() and np.isfinite(y[1]).all()
    if name in NAMES:
        assert np.isfinite(y[0, 0]) and np.isnan(y[0, 1])


LIMITS = {
    "relu": (np.inf, 0), "relu6": (6, 0), "leaky_relu": (np.inf, -np.inf), "elu": (np.inf, -1), "celu": (np.inf, -1),
    "selu": (np.inf, -activations.SELU_ALPHA * activations.SELU_SCALE), "hard_sigmoid": (1, 0), "hard_tanh": (1, -1),
    "softplus": (np.inf, 0), "sigmoid": (1, 0), "tanh": (1, -1), "log_sigmoid": (0, -np.inf),
}  # fmt: skip


@pytest.mark.parametrize("name", LIMITS)
def test_infinities_have_their_limits(name):
    x = np.array([np.inf, -np.inf])
    np.testing.assert_allclose(np.asarray(getattr(nn, name)(xp.asarray(x))), LIMITS[name], rtol=1e-14)
    assert not np.isnan(slope_of(getattr(nn, name), x)).any()


@pytest.mark.parametrize(
    ("f", "at", "slope"),
    [
        (nn.relu, 0.0, 0.0), (nn.relu, -0.0, 0.0), (nn.relu6, 0.0, 0.0), (nn.relu6, 6.0, 0.0),
        (nn.leaky_relu, 0.0, 0.01), (nn.leaky_relu(slope=0.3), 0.0, 0.3), (nn.elu, 0.0, 1.0),
        (nn.elu(alpha=0.5), 0.0, 0.5), (nn.selu, 0.0, activations.SELU_ALPHA * activations.SELU_SCALE),
        (nn.celu(alpha=3.0), 0.0, 1.0), (nn.hard_sigmoid, 3.0, 0.0), (nn.hard_sigmoid, -3.0, 0.0),
        (nn.hard_tanh, 1.0, 0.0), (nn.hard_tanh, -1.0, 0.0), (nn.hard_swish, -3.0, 0.0), (nn.hard_swish, 3.0, 1.0),
        (nn.softsign, 0.0, 1.0), (nn.softplus, 0.0, 0.5),
    ],
)  # fmt: skip
def test_the_stated_slope_at_a_kink(f, at, slope):
    assert slope_of(f, np.array([at]))[0] == pytest.approx(slope, rel=1e-12)


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh", "silu", "mish", "celu", "softplus", "log_sigmoid", "softsign"])
def test_smooth_ones_have_the_second_derivative_of_differences(name):
    f, x, h = getattr(nn, name), np.linspace(-4.0, 4.0, 42), 1e-5  # none is 0, where celu'' and softsign'' jump
    second = slope_of(mt.grad(lambda x: xp.sum(f(x))), x)
    wanted = (slope_of(f, x + h) - slope_of(f, x - h)) / (2 * h)
    np.testing.assert_allclose(second, wanted, rtol=1e-7, atol=1e-8)


def test_gelu_and_its_approximation_are_within_the_stated_distance():
    x = xp.asarray(np.linspace(-8, 8, 4001))
    gap = np.abs(np.asarray(nn.gelu(x)) - np.asarray(nn.gelu_tanh(x))).max()
    assert 4e-4 < gap < 5e-4


def test_selu_keeps_mean_0_and_variance_1_through_many_layers():
    x = np.random.default_rng(0).normal(size=(256, 512)).astype(np.float32)
    net = mt.repeat(nn.Dense(512, init=nn.lecun_normal) >> nn.selu, 12).init(mt.key(0), x)
    y = np.asarray(net(x))
    assert abs(y.mean()) < 0.1 and abs(y.var() - 1) < 0.15


def test_glu_is_the_gated_half():
    x = np.random.default_rng(0).normal(size=(3, 4, 6))
    for axis in (1, 2, -1):
        a, b = np.split(x, 2, axis)
        found = nn.glu(xp.asarray(x), axis=axis)
        np.testing.assert_allclose(np.asarray(found), a / (1 + np.exp(-b)), rtol=1e-14)


# as mappings


def test_a_configured_activation_is_readable_picklable_and_compares_by_value():
    steep = nn.leaky_relu(slope=0.25)
    assert repr(steep) == "Activation(function=leaky_relu, slope=0.25)"
    assert steep == nn.leaky_relu(slope=0.25) != nn.leaky_relu == nn.Activation(activations.leaky_relu)
    assert hash(steep) == hash(nn.leaky_relu(slope=0.25)) and len({steep, nn.leaky_relu(slope=0.25)}) == 1
    assert pickle.loads(pickle.dumps(steep)) == copy.deepcopy(steep) == steep
    assert nn.relu == nn.Activation(functions.relu) != "relu" and nn.swish is nn.silu
    assert steep(slope=0.5) == nn.leaky_relu(slope=0.5), "a setting can be set anew"
    assert steep.slope == 0.25


def test_settings_apply_to_one_call_or_to_the_mapping():
    x = xp.asarray([-2.0, 3.0])
    once, always = nn.leaky_relu(x, slope=0.25), nn.leaky_relu(slope=0.25)(x)
    np.testing.assert_array_equal(np.asarray(once), [-0.5, 3.0])
    np.testing.assert_array_equal(np.asarray(always), [-0.5, 3.0])
    np.testing.assert_allclose(np.asarray(nn.softmax(axis=0)(xp.ones((2, 1)))), [[0.5], [0.5]])


def test_a_setting_moves_no_parameter_s_name():
    plain, steep = (nn.Dense(3) >> f >> nn.Dense(2) for f in (nn.leaky_relu, nn.leaky_relu(slope=0.25)))
    x = xp.ones((1, 4))
    assert list(mt.parameters(plain.init(mt.key(0), x))) == list(mt.parameters(steep.init(mt.key(0), x)))
    assert "leaky_relu" in repr(steep) and steep.leaky_relu == nn.leaky_relu(slope=0.25)


def test_settings_work_within_a_layer_of_one_s_own_in_every_mode():
    class Own(mt.Mapping):
        def __init__(self):
            self.fc = nn.Dense(3)

        def __call__(self, x):
            return nn.elu(alpha=0.5)(nn.leaky_relu(self.fc(x), slope=0.5))

    x = xp.ones((2, 4))
    net = Own().init(mt.key(0), x)
    np.testing.assert_array_equal(np.asarray(mt.training(net)(mt.key(0), x)[0]), np.asarray(mt.compile(net)(x)))
    assert mt.grad(lambda net: xp.sum(net(x)))(net).fc.weight.shape == (4, 3)


def test_equal_settings_are_one_program():
    run = mt.compile(lambda f, x: f(x))
    for slope in (0.25, 0.25, 0.5):
        run(nn.leaky_relu(slope=slope), xp.asarray([-1.0]))
    assert len(run.programs) == 2


def test_whole_numbers_become_floats():
    for name in NAMES:
        y = getattr(nn, name)(xp.asarray([-2, 3]))
        assert y.shape == (2,) and (y.dtype == np.float32 or name in ("relu", "relu6"))


# PReLU


def test_prelu_starts_at_a_quarter_and_has_a_slope_for_each_channel_or_one():
    x = xp.asarray([[-4.0, 3.0, -8.0]])
    assert np.asarray(nn.PReLU().init(mt.key(0), x)(x)).tolist() == [[-1.0, 3.0, -2.0]]
    assert nn.PReLU().init(mt.key(0), x).slope.shape == (3,)
    assert nn.PReLU(shared=True).init(mt.key(0), x).slope.shape == ()
    assert nn.PReLU(init=nn.constant(0.5)).init(mt.key(0), x)(x)[0, 0] == -2.0


def test_prelu_s_gradients_are_finite_where_the_input_is_not():
    x = xp.asarray([[np.inf, 2.0, -1.0]])
    net = nn.PReLU().init(mt.key(0), x)
    by_slope = mt.grad(lambda net: xp.sum(net(x)))(net).slope
    assert np.asarray(by_slope).tolist() == [0.0, 0.0, -1.0]
    assert slope_of(net, np.array([[0.0, 1.0, -1.0]], np.float32)).tolist() == [[0.25, 1.0, 0.25]]


def test_errors_name_a_path_only_within_a_net():
    x = xp.ones((2, 3))
    with pytest.raises(mt.ShapeError) as alone:
        nn.glu(x)
    with pytest.raises(mt.ShapeError) as inside:
        (nn.relu >> nn.glu)(x)
    assert str(alone.value).startswith("glu: ") and inside.value.path == "net.glu"
