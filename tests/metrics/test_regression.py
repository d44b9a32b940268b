"""Errors of numbers equal scikit-learn's, for any cut into batches, any weights, and targets far from 0."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as peers

import mapsto as mt
from mapsto import metrics

PAIRS = {
    "mae": (metrics.mae, peers.mean_absolute_error),
    "mse": (metrics.mse, peers.mean_squared_error),
    "rmse": (metrics.rmse, peers.root_mean_squared_error),
    "r2": (metrics.r2, peers.r2_score),
}
TOLERANCE = {np.float32: 1e-6, np.float64: 1e-10}


def figure(metric, prediction, target, weight, cuts=()):
    """The figure over the batches between the cuts, each filled up with a NaN of weight 0."""
    total = None
    for rows in np.split(np.arange(len(target)), sorted(cuts)):
        if not len(rows):
            continue
        x, y = (np.concatenate([one[rows], np.full_like(one[:1], np.nan)]) for one in (prediction, target))
        found = np.asarray(metric(x, y, np.append(weight[rows], 0.0).astype(x.dtype))).astype(np.float64)
        total = found if total is None else metric.merge(total, found)
    return metric.value(total)


def random(seed, n, width, dtype, centre=0.0):
    rng = np.random.default_rng(seed)
    shape = (n, width) if width else (n,)
    target = (centre + rng.normal(size=shape)).astype(dtype)
    return (target + rng.normal(scale=0.5, size=shape)).astype(dtype), target


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", PAIRS)
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 40),
    width=st.integers(0, 3),
    cuts=st.lists(st.integers(0, 40), max_size=6),
)
def test_equal_to_scikit_learn_for_any_cut(name, dtype, seed, n, width, cuts):
    metric, peer = PAIRS[name]
    prediction, target = random(seed, n, width, dtype)
    found = figure(metric, prediction, target, np.ones(n), [min(cut, n) for cut in cuts])
    wanted = peer(target.astype(np.float64), prediction.astype(np.float64))
    if name == "r2":  # which may come close to 0
        found, wanted = 1 - found, 1 - wanted
    np.testing.assert_allclose(found, wanted, rtol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", PAIRS)
def test_weights(name, dtype):
    metric, peer = PAIRS[name]
    prediction, target = random(5, 60, 2, dtype)
    weight = np.random.default_rng(6).uniform(0, 2, 60).astype(dtype)
    weight[::7] = 0
    wanted = peer(target, prediction, sample_weight=weight)
    np.testing.assert_allclose(figure(metric, prediction, target, weight, (11, 30)), wanted, rtol=TOLERANCE[dtype])


@pytest.mark.parametrize("batch", [1, 2, 32, 500])
@pytest.mark.parametrize(("dtype", "centre"), [(np.float32, 1e5), (np.float64, 1e12)])
def test_r2_of_targets_far_from_zero(batch, dtype, centre):
    prediction, target = random(8, 500, 0, dtype, centre)
    found = figure(metrics.r2, prediction, target, np.ones(500), range(batch, 500, batch))
    exact = target - dtype(centre), prediction - dtype(centre)  # both subtractions are exact
    np.testing.assert_allclose(1 - found, 1 - peers.r2_score(*(one.astype(np.float64) for one in exact)), rtol=1e-6)


@pytest.mark.parametrize("value", [0.1, 1e6 + 0.3])
def test_r2_of_targets_that_are_all_equal(value):
    target = np.full(10, value, np.float32)
    assert figure(metrics.r2, target, target, np.ones(10), (3, 4)) == 1.0 == peers.r2_score(target, target)
    assert figure(metrics.r2, target * 2, target, np.ones(10), (3, 4)) == 0.0 == peers.r2_score(target, target * 2)


@pytest.mark.parametrize("name", PAIRS)
def test_no_example_has_no_figure(name):
    metric, _ = PAIRS[name]
    nothing = np.zeros((0, 2), np.float32)
    assert math.isnan(metric.value(np.asarray(metric(nothing, nothing), np.float64)))
    padding = np.full((3, 2), np.nan, np.float32)
    statistics = np.asarray(metric(padding, padding, np.zeros(3, np.float32)), np.float64)
    assert np.isfinite(statistics).all() and math.isnan(metric.value(statistics))
    some = np.asarray(metric(np.ones((3, 2), np.float32), np.arange(6, dtype=np.float32).reshape(3, 2)), np.float64)
    for total in (metric.merge(some, statistics), metric.merge(statistics, some)):
        np.testing.assert_allclose(metric.value(total), metric.value(some), rtol=1e-12)


@pytest.mark.parametrize("name", PAIRS)
def test_several_axes_integers_and_compiled(name):
    metric, _ = PAIRS[name]
    prediction, target = random(9, 12, 4, np.float32)
    flat = metric.value(np.asarray(metric(prediction, target)))
    folded = metric(prediction.reshape(12, 2, 2), target.reshape(12, 2, 2))
    assert metric.value(np.asarray(folded)) == flat
    compiled = mt.compile(lambda p, t: metric(p, t))(prediction, target)
    np.testing.assert_array_equal(compiled, metric(prediction, target))
    whole = np.arange(12) % 5
    assert np.asarray(metric(prediction[:, 0], whole)).dtype == np.float32
    assert metric.name == name
    assert metric(prediction.astype(np.float16), target.astype(np.float16)).dtype == np.float32


def test_in_a_learner():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(90, 3)).astype(np.float32)
    y = (x @ np.array([[1.0], [-2.0], [0.5]], np.float32)) + 100
    made = mt.Learner(
        mt.nn.Dense(1), loss=mt.losses.huber, optimizer=mt.optim.adam(0.1), metrics=[pair[0] for pair in PAIRS.values()]
    )
    made.fit(x, y, epochs=2, progress=False)
    judged = [made.evaluate(x, y, batch_size=size) for size in (7, 90)]
    for name, (_, peer) in PAIRS.items():
        assert judged[0][name] == pytest.approx(judged[1][name], rel=1e-6)
        assert judged[0][name] == pytest.approx(peer(y, np.asarray(made.predict(x))), rel=1e-5)
