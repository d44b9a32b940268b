"""Initialisers: distributions, bounds, orthogonality, identities, and what they refuse."""

import pickle

import numpy as np
import pytest
from scipy import stats

import mapsto as mt
from mapsto import nn, xp
from mapsto.nn.distributions import DEVIATION_WITHIN_2
from mapsto.nn.initialisers import fans

KEY = mt.key(3)
SHAPE = (120, 150)
FAN_IN, FAN_OUT = SHAPE


def drawn(init, shape=SHAPE, dtype=np.float64, key=KEY):
    w = np.asarray(init(key, shape, np.dtype(dtype)))
    assert w.shape == shape and w.dtype == dtype
    return w


CUT = 2 / DEVIATION_WITHIN_2  # where a truncated normal of deviation 1 ends
UNIFORM, NORMAL = (lambda v: stats.uniform(-np.sqrt(3 * v), 2 * np.sqrt(3 * v))), (lambda v: stats.norm(0, np.sqrt(v)))
DISTRIBUTIONS = {
    "glorot_uniform": (nn.glorot_uniform, UNIFORM(2 / (FAN_IN + FAN_OUT))),
    "glorot_normal": (nn.glorot_normal, NORMAL(2 / (FAN_IN + FAN_OUT))),
    "he_uniform": (nn.he_uniform, UNIFORM(2 / FAN_IN)),
    "he_normal": (nn.he_normal, NORMAL(2 / FAN_IN)),
    "lecun_uniform": (nn.lecun_uniform, UNIFORM(1 / FAN_IN)),
    "lecun_normal": (nn.lecun_normal, NORMAL(1 / FAN_IN)),
    "normal": (nn.normal(0.3, mean=2.0), stats.norm(2.0, 0.3)),
    "uniform": (nn.uniform(-1.0, 3.0), stats.uniform(-1.0, 4.0)),
    "truncated_normal": (
        nn.truncated_normal(0.3, mean=2.0),
        stats.truncnorm(-2, 2, loc=2.0, scale=0.3 / DEVIATION_WITHIN_2),
    ),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_the_distribution_is_the_stated_one(name, dtype):
    init, wanted = DISTRIBUTIONS[name]
    w = drawn(init, dtype=dtype).reshape(-1).astype(np.float64)
    assert stats.kstest(w, wanted.cdf).pvalue > 1e-3
    assert w.std() == pytest.approx(wanted.std(), rel=0.02)
    assert abs(w.mean() - wanted.mean()) < 5 * wanted.std() / np.sqrt(w.size)
    low, high = wanted.support()
    assert (w >= low - 1e-6 * abs(low)).all() and (w <= high + 1e-6 * abs(high)).all()
    if np.isfinite(high):  # of 18,000 numbers the outermost is this close to the end
        assert w.max() > high - 0.01 * (high - low)


def test_truncated_normal_has_the_deviation_asked_for_and_stated_bounds():
    assert pytest.approx(stats.truncnorm(-2, 2).std(), rel=1e-14) == DEVIATION_WITHIN_2
    w = drawn(nn.truncated_normal(1.0), (1000, 200))
    assert w.std() == pytest.approx(1.0, rel=0.005)
    assert 2.27 < np.abs(w).max() <= CUT < 2.2738


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(6, 6), (9, 4), (4, 9), (3, 3, 2, 5), (2, 2, 1, 16), (1, 1), (5, 1)], ids=str)
def test_orthogonal(shape, dtype):
    w = drawn(nn.orthogonal(gain=1.5), shape, dtype).reshape(-1, shape[-1]).astype(np.float64)
    gram = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(gram, 2.25 * np.eye(len(gram)), atol=1e-5 if dtype == np.float32 else 1e-13)


def test_orthogonal_matrices_are_turned_every_way():
    # Without the signs of R's diagonal, QR gives numbers of one sign on the diagonal far too often.
    corner = [drawn(nn.orthogonal(), (3, 3), key=key)[0, 0] for key in mt.split(KEY, 300)]
    assert 0.4 < np.mean(np.array(corner) > 0) < 0.6
    assert stats.kstest(corner, stats.uniform(-1, 2).cdf).pvalue > 1e-3  # a coordinate on a sphere is uniform
    turned = [np.linalg.det(drawn(nn.orthogonal(), (3, 3), key=key)) for key in mt.split(KEY, 100)]
    assert 0.3 < np.mean(np.array(turned) > 0) < 0.7


def test_identity_passes_its_input_on():
    np.testing.assert_array_equal(drawn(nn.identity(2.0), (3, 4)), 2 * np.eye(3, 4))
    x = np.random.default_rng(0).normal(size=(1, 5, 6, 3)).astype(np.float32)
    for size in (1, 2, 3, 4, (2, 5)):
        layer = nn.Conv2D(3, size, padding="same", init=nn.identity()).init(KEY, x)
        np.testing.assert_array_equal(np.asarray(layer(x)), x)
    assert drawn(nn.identity(), (0, 3, 2, 2)).size == 0


def test_constants():
    assert (drawn(nn.constant(0.25), (3,)) == 0.25).all() and drawn(nn.constant(-1), ()) == -1
    assert (drawn(nn.zeros) == 0).all() and (drawn(nn.ones) == 1).all()


def test_zero_deviation_is_the_mean():
    assert (drawn(nn.normal(0.0, 2.0), (5,)) == 2).all() and (drawn(nn.truncated_normal(0, 2.0), (5,)) == 2).all()


@pytest.mark.parametrize("name", [*DISTRIBUTIONS, "orthogonal"])
def test_the_same_key_gives_the_same_and_another_key_others(name):
    init = nn.orthogonal() if name == "orthogonal" else DISTRIBUTIONS[name][0]
    first, again, other = (drawn(init, (4, 5), key=mt.key(seed)) for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()
    assert (drawn(pickle.loads(pickle.dumps(init)), (4, 5), key=mt.key(1)) == first).all()


@pytest.mark.parametrize("name", ["normal", "truncated_normal", "uniform", "orthogonal"])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0)], ids=str)
def test_empty_shapes(name, shape):
    init = nn.orthogonal() if name == "orthogonal" else DISTRIBUTIONS[name][0]
    assert drawn(init, shape).size == 0


def test_fans_of_groups():
    # 12 channels in 3 groups to 6 filters by 3×3: a unit has 9·4 inputs, an input 9·2 units.
    assert fans((3, 3, 4, 6), groups=3) == (36, 18) and fans((3, 3, 4, 6)) == (36, 54)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.normal(-1.0),
        lambda: nn.normal("wide"),  # type: ignore[arg-type]
        lambda: nn.truncated_normal(float("nan")),
        lambda: nn.uniform(2.0, 2.0),
        lambda: nn.uniform(0.0, float("inf")),
        lambda: nn.constant([1.0]),  # type: ignore[arg-type]
        lambda: nn.identity(None),  # type: ignore[arg-type]
        lambda: nn.orthogonal(gain="2"),  # type: ignore[arg-type]
        lambda: nn.normal(KEY, SHAPE, xp.float32),  # type: ignore[arg-type]
    ],
)
def test_settings_that_mean_nothing_are_refused_at_once(make):
    with pytest.raises(mt.UsageError, match=r"ARG-01|WEIGHT"):
        make()


@pytest.mark.parametrize("init", [nn.identity(), nn.orthogonal()])
@pytest.mark.parametrize("shape", [(), (4,)], ids=str)
def test_matrices_are_no_vectors(init, shape):
    with pytest.raises(mt.ShapeError, match="WEIGHT-02"):
        init(KEY, shape, xp.float32)
