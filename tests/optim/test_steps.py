"""Steps on nets: what is trained, what is kept, what is refused, and what is not finite."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, optim, xp
from mapsto.core.tree import flatten
from tests.compose.layers import Centre, array, same

X = xp.asarray(np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32))
KEY = mt.key(0)


def ready():
    return (nn.Dense(4) >> Centre() >> nn.relu >> nn.Dense(2)).init(KEY, X)


def slope_of(net, x=X):
    return mt.grad(lambda n: xp.mean(mt.training(n)(KEY, x)[0] ** 2))(net)


def test_a_step_keeps_kinds_and_structure():
    net = ready()
    opt = optim.adam(0.1).init(net)
    moved, after = opt.step(net, slope_of(net))
    assert flatten(moved)[1] == flatten(net)[1] and flatten(after)[1] == flatten(opt)[1]
    assert moved.centre_1.mean is net.centre_1.mean, "state is not the optimizer's to move"
    assert not same(moved.dense_1, net.dense_1)
    assert list(mt.parameters(moved)) == list(mt.parameters(net))


def test_a_step_is_pure():
    net = ready()
    opt = optim.adam(0.1).init(net)
    slope = slope_of(net)
    first, second = opt.step(net, slope), opt.step(net, slope)
    assert same(first[0], second[0]) and same(first[1], second[1])
    assert int(opt.count) == 0 and same(net, ready())


def test_nothing_is_kept_for_frozen_parts_and_they_stay():
    net = mt.freeze(ready(), "dense_1.**")
    opt = optim.adam(0.1).init(net)
    assert list(opt.mean) == list(opt.square) == ["centre_1.shift", "dense_2.weight", "dense_2.bias"]
    for _ in range(3):
        net, opt = opt.step(net, slope_of(net))
    assert same(net.dense_1, ready().dense_1) and not same(net.dense_2, ready().dense_2)


def test_a_part_unfrozen_later_asks_for_init_again():
    net = mt.freeze(ready(), "dense_1.**")
    for optimizer in (optim.adam(0.1), optim.clip(1.0) >> optim.momentum(0.1)):
        opt = optimizer.init(net)
        thawed = mt.unfreeze(net)
        with pytest.raises(mt.StateError, match=r"(?s)no state for dense_1.*init\(net\) again"):
            opt.step(thawed, slope_of(thawed))
        optimizer.init(thawed).step(thawed, slope_of(thawed))


@pytest.mark.parametrize("optimizer", [optim.adam(), optim.momentum(0.1), optim.clip(1.0) >> optim.adam()], ids=repr)
def test_a_step_without_init_says_so(optimizer):
    net = ready()
    with pytest.raises(mt.StateError, match=r"opt\.init\(net\)"):
        optimizer.step(net, slope_of(net))


def test_init_on_nothing_to_train_is_refused():
    for tree in (nn.Dense(3), nn.relu, mt.freeze(ready(), "**"), {"n": 3}, ()):
        with pytest.raises(mt.UsageError, match="nothing to train"):
            optim.adam().init(tree)


def test_a_gradient_of_another_tree_is_refused():
    net = ready()
    opt = optim.sgd(0.1)
    slope = slope_of(net)
    for wrong in (
        slope[:2],
        mt.freeze(net, "dense_1.bias"),
        slope_of(mt.freeze(net, "dense_1.bias")),
        {},
        None,
        net[0],
    ):
        with pytest.raises(mt.UsageError, match="structure of the tree"):
            opt.step(net, wrong)


def test_a_gradient_of_another_shape_is_refused():
    net = ready()
    slope = mt.grad(lambda n: xp.sum(n.dense_2.bias))(net)
    wrong = slope.replace(dense_2=slope.dense_2.replace(bias=xp.ones((5, 2))))
    for optimizer in (optim.sgd(0.1), optim.adam(0.1), optim.clip(1.0) >> optim.sgd(0.1)):
        with pytest.raises(mt.ShapeError):
            optimizer.init(net).step(net, wrong)


def test_float64_stays_float64():
    net = ready().cast(xp.float64)
    x = xp.asarray(array(X).astype(np.float64))
    for optimizer in (optim.sgd(0.1), optim.momentum(0.1), optim.clip(1.0) >> optim.adam(0.1)):
        moved, after = optimizer.init(net).step(net, slope_of(net, x))
        for tree in (moved, after):
            assert {leaf.value.dtype for leaf in flatten(tree)[0]} <= {np.dtype(np.float64), np.dtype(np.int64)}


def test_a_compiled_step_is_the_same_and_traces_once():
    @mt.compile(donate=("net", "opt"))
    def step(net, opt):
        return opt.step(net, slope_of(net))

    start = ready()
    plain, opt = start, (optim.clip(1.0) >> optim.adam(0.1)).init(start)
    net, state = step(ready(), (optim.clip(1.0) >> optim.adam(0.1)).init(ready()))
    for _ in range(3):
        plain, opt = opt.step(plain, slope_of(plain))
        assert same(plain, net)
        net, state = step(net, state)
    assert len(step.programs) == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_leaves_everything_valid(bad):
    @mt.compile(donate=("net", "opt"))
    def step(net, opt, factor):
        slope = mt.grad(lambda n: xp.mean(n(X) ** 2) + factor * xp.sum(n.dense_2.bias))(net)
        return opt.step(net, slope)

    net = (nn.Dense(4) >> nn.relu >> nn.Dense(2)).init(KEY, X)
    opt = optim.adam(0.1).init(net)
    net, opt = step(net, opt, 1.0)
    before = [array(leaf.value).copy() for tree in (net, opt) for leaf in flatten(tree)[0]]
    with pytest.raises(mt.NonFiniteError, match=r"the gradient of dense_2\.bias is not finite"):
        step(net, opt, bad)
    after = [array(leaf.value) for tree in (net, opt) for leaf in flatten(tree)[0]]
    assert all((a == b).all() for a, b in zip(before, after, strict=True))
    net, opt = step(net, opt, 1.0)
    assert int(opt.count) == 2 and np.isfinite(array(net(X))).all()


def test_donated_trees_are_gone_after_a_good_step():
    step = mt.compile(lambda net, opt: opt.step(net, slope_of(net)), donate=("net", "opt"))
    net = ready()
    opt = optim.adam(0.1).init(net)
    step(net, opt)
    with pytest.raises(mt.DonatedError):
        net(X)
    with pytest.raises(mt.DonatedError):
        opt.step(ready(), slope_of(ready()))


def test_two_optimizers_do_not_share_their_state():
    opt = optim.adam(0.1)
    net = ready()
    first, second = opt.init(net), opt.init(net)
    _, moved = first.step(net, slope_of(net))
    assert int(moved.count) == 1 and int(second.count) == 0 and opt.count is None


def test_training_a_net_by_hand_reaches_the_bottom():
    """f(w) = (w·1 − 3)² has its bottom where every output is 3."""
    for optimizer in (optim.sgd(0.1), optim.momentum(0.02), optim.adam(0.1), optim.clip(1.0) >> optim.sgd(0.1)):
        net = nn.Dense(1).init(KEY, xp.ones((1, 2)))
        opt = optimizer.init(net)
        step = mt.compile(lambda n, o: o.step(n, mt.grad(lambda n: xp.mean((n(xp.ones((1, 2))) - 3.0) ** 2))(n)))
        for _ in range(200):
            net, opt = step(net, opt)
        np.testing.assert_allclose(array(net(xp.ones((1, 2)))), [[3.0]], atol=0.02)
