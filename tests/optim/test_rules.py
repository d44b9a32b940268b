"""The rules of descent against their published formulas, written as NumPy loops in float64."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, optim, xp

STEPS = 20
RNG = np.random.default_rng(0)
START = {"a": RNG.normal(size=(3, 2)), "b": RNG.normal(size=4)}
GRADIENTS = [{name: RNG.normal(0, 3, w.shape) for name, w in START.items()} for _ in range(STEPS)]


def run(optimizer):
    tree = {name: xp.asarray(w) for name, w in START.items()}
    state = optimizer.init(tree)
    for g in GRADIENTS:
        tree, state = state.step(tree, {name: xp.asarray(v) for name, v in g.items()})
    return {name: np.asarray(w) for name, w in tree.items()}


def by_sgd(rate):
    w = {k: v.copy() for k, v in START.items()}
    for g in GRADIENTS:
        for k in w:
            w[k] -= rate * g[k]
    return w


def by_momentum(rate, decay):
    w, v = {k: x.copy() for k, x in START.items()}, {k: 0 * x for k, x in START.items()}
    for g in GRADIENTS:
        for k in w:
            v[k] = decay * v[k] + g[k]
            w[k] -= rate * v[k]
    return w


def by_adam(rate, beta1, beta2, epsilon, gradients=GRADIENTS):
    w, m, v = ({k: (x.copy() if first else 0 * x) for k, x in START.items()} for first in (True, False, False))
    for t, g in enumerate(gradients, start=1):
        for k in w:
            m[k] = beta1 * m[k] + (1 - beta1) * g[k]
            v[k] = beta2 * v[k] + (1 - beta2) * g[k] ** 2
            w[k] -= rate * (m[k] / (1 - beta1**t)) / (np.sqrt(v[k] / (1 - beta2**t)) + epsilon)
    return w


def clipped(limit):
    found = []
    for g in GRADIENTS:
        norm = np.sqrt(sum((x**2).sum() for x in g.values()))
        found.append({k: x * min(1.0, limit / norm) for k, x in g.items()})
    return found


@pytest.mark.parametrize(
    ("optimizer", "wanted"),
    [
        (optim.sgd(0.05), by_sgd(0.05)),
        (optim.momentum(0.05), by_momentum(0.05, 0.9)),
        (optim.momentum(0.05, decay=0.5), by_momentum(0.05, 0.5)),
        (optim.momentum(0.05, decay=0.0), by_sgd(0.05)),
        (optim.adam(), by_adam(1e-3, 0.9, 0.999, 1e-8)),
        (optim.adam(0.1, beta1=0.5, beta2=0.7, epsilon=1e-3), by_adam(0.1, 0.5, 0.7, 1e-3)),
        (optim.clip(2.0) >> optim.adam(0.1), by_adam(0.1, 0.9, 0.999, 1e-8, clipped(2.0))),
        (optim.clip(1e9) >> optim.sgd(0.05), by_sgd(0.05)),
    ],
    ids=repr,
)
def test_twenty_steps(optimizer, wanted):
    found = run(optimizer)
    for name, w in wanted.items():
        np.testing.assert_allclose(found[name], w, rtol=1e-11, atol=1e-13)


def test_adam_in_float32_stays_near_the_formula():
    net = {name: xp.asarray(w.astype(np.float32)) for name, w in START.items()}
    opt = optim.adam(0.1).init(net)
    for g in GRADIENTS:
        net, opt = opt.step(net, {name: xp.asarray(v.astype(np.float32)) for name, v in g.items()})
    for name, w in by_adam(0.1, 0.9, 0.999, 1e-8).items():
        np.testing.assert_allclose(np.asarray(net[name]), w, atol=2e-5)
        assert net[name].dtype == np.float32


def test_the_first_step_of_adam_has_the_size_of_the_rate():
    for scale in (1e-3, 1.0, 1e6):
        tree = {"w": xp.asarray([1.0])}
        moved, _ = optim.adam(0.1).init(tree).step(tree, {"w": xp.asarray([scale])})
        np.testing.assert_allclose(np.asarray(moved["w"]), [0.9], rtol=1e-4)


def test_clip_shrinks_together_and_only_what_is_too_large():
    tree = {"a": xp.asarray([3.0, 0.0]), "b": xp.asarray([[4.0]])}
    for limit, factor in ((1.0, 0.2), (5.0, 1.0), (10.0, 1.0)):
        moved, _ = (optim.clip(limit) >> optim.sgd(1.0)).init(tree).step(tree, tree)
        np.testing.assert_allclose(np.asarray(moved["b"]), [[4.0 - 4.0 * factor]], rtol=1e-6, atol=1e-6)
    zero = {"a": xp.zeros((2,)), "b": xp.zeros((1, 1))}
    moved, _ = (optim.clip(1.0) >> optim.sgd(1.0)).init(tree).step(tree, zero)
    np.testing.assert_array_equal(np.asarray(moved["a"]), [3.0, 0.0])


def test_the_order_of_composition_matters():
    tree = {"w": xp.asarray([0.0])}
    slope = {"w": xp.asarray([100.0])}
    before, _ = (optim.clip(1.0) >> optim.sgd(0.1)).init(tree).step(tree, slope)
    after, _ = (optim.sgd(0.1) >> optim.clip(1.0)).init(tree).step(tree, slope)
    np.testing.assert_allclose([float(before["w"][0]), float(after["w"][0])], [-0.1, -1.0], rtol=1e-6)


def test_brackets_do_not_matter():
    a, b, c = optim.clip(5.0), optim.clip(2.0), optim.adam(0.1)
    left, right = run((a >> b) >> c), run(a >> (b >> c))
    assert all((left[name] == right[name]).all() for name in left)
    assert repr((a >> b) >> c) == repr(a >> (b >> c))


def test_one_rule_of_descent_is_enough():
    for first, second in ((optim.adam(0.1), optim.sgd(1.0)), (optim.clip(1.0) >> optim.momentum(0.1), optim.adam())):
        with pytest.raises(mt.UsageError, match="turn the first one's steps around"):
            first >> second
    with pytest.raises(mt.UsageError, match="takes no step"):
        optim.clip(1.0).init({"w": xp.asarray([1.0])})


@pytest.mark.parametrize(
    "tree",
    [
        (xp.asarray([1.0, 2.0]), xp.asarray(3.0)),
        [xp.asarray([1.0]), {"n": 3, "w": xp.asarray([2.0])}],
        {"w": 1.5, "deep": {"v": xp.asarray([[1.0]])}},
        xp.asarray([1.0, 2.0]),
    ],
    ids=["tuple", "list with an integer", "Python float", "array"],
)
@pytest.mark.parametrize("optimizer", [optim.sgd(0.1), optim.momentum(0.1), optim.adam(0.1)], ids=repr)
def test_plain_trees(tree, optimizer):
    def size(tree):
        return sum(xp.sum(w * w) for w in mt.parameters(tree).values())

    opt, first = optimizer.init(tree), float(size(tree))
    for _ in range(5):
        tree, opt = opt.step(tree, mt.grad(size)(tree))
    assert float(size(tree)) < first
    if isinstance(tree, list):
        assert tree[1]["n"] == 3


@pytest.mark.parametrize(
    "make",
    [
        lambda: optim.sgd(0.0),
        lambda: optim.sgd(-1.0),
        lambda: optim.sgd(float("nan")),
        lambda: optim.momentum(0.1, decay=1.0),
        lambda: optim.momentum(0.1, decay=-0.1),
        lambda: optim.adam(0.1, beta1=1.0),
        lambda: optim.adam(0.1, beta2=-1.0),
        lambda: optim.adam(-0.1),
        lambda: optim.clip(0.0),
        lambda: optim.adam() >> nn.relu,
        lambda: optim.adam() >> 3,
    ],
)
def test_settings_that_mean_nothing_are_refused(make):
    with pytest.raises(mt.UsageError):
        make()
