"""Optimizers within while loops and branches: every step's gradient is to be finite, and a bad one changes nothing."""

from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, optim, xp
from mapsto.core.errors import NonFiniteError
from mapsto.core.tree import map_leaves

NET = nn.Dense(2).init(mt.key(0), xp.ones((1, 3)))
OPT = optim.adam(0.1).init(NET)
X = xp.asarray(np.random.default_rng(0).standard_normal((5, 3)), dtype=xp.float32)
FORMS = [lambda f: f, mt.compile, lambda f: mt.compile(f, donate=("net", "opt"))]


def stepped(net: Any, opt: Any, x: Any) -> Any:
    return opt.step(net, mt.grad(lambda net: xp.mean(net(x) ** 2))(net))


def until_small(net: Any, opt: Any, x: Any, bound: Any) -> Any:
    """Steps until the loss is below a bound: the net, the state, how many."""
    return mt.while_loop(
        lambda run: xp.mean(run[0](x) ** 2) > bound,
        lambda run: (*stepped(run[0], run[1], x), run[2] + 1),
        (net, opt, 0),
    )


def if_large(net: Any, opt: Any, x: Any, bound: Any) -> Any:
    large = xp.mean(net(x) ** 2) > bound
    return mt.cond(large, lambda net, opt: stepped(net, opt, x), lambda net, opt: (net, opt), net, opt)


def copied(tree: Any) -> Any:
    """The same in memory of its own, to be given away."""
    return map_leaves(lambda leaf: xp.asarray(leaf.value, copy=True), tree)


def weights(net: Any) -> np.ndarray:
    return np.array(net.weight)


@pytest.mark.parametrize("form", FORMS)
def test_a_while_of_steps(form: Any) -> None:
    net, opt, count = NET, OPT, 0
    step = mt.compile(stepped)
    while float(xp.mean(net(X) ** 2)) > 0.1:
        net, opt = step(net, opt, X)
        count += 1
    found, state, turns = form(until_small)(copied(NET), copied(OPT), X, 0.1)
    assert int(turns) == count > 3
    np.testing.assert_allclose(weights(found), weights(net), rtol=1e-5)
    np.testing.assert_allclose(state.mean["weight"], opt.mean["weight"], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_a_step_in_a_branch(form: Any) -> None:
    run = form(if_large)
    for bound, wanted in ((0.0, stepped(NET, OPT, X)[0]), (1e6, NET)):
        np.testing.assert_allclose(weights(run(copied(NET), copied(OPT), X, bound)[0]), weights(wanted), rtol=1e-6)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("train", [until_small, if_large])
def test_a_gradient_that_is_not_finite(form: Any, train: Any) -> None:
    """An infinity in a row: the loss is above every bound, and nothing that was given away is lost."""
    bad = np.array(X)
    bad[2, 1] = np.inf
    net, opt = copied(NET), copied(OPT)
    with pytest.raises(NonFiniteError, match="gradient"):
        form(train)(net, opt, bad, 0.5)
    np.testing.assert_array_equal(weights(net), weights(NET))


def test_a_guard_of_the_branch_that_is_not_taken() -> None:
    bad = np.array(X) * np.inf
    run = mt.compile(lambda net, opt, x, go: mt.cond(go, lambda: stepped(net, opt, x), lambda: (net, opt)))
    np.testing.assert_array_equal(weights(run(NET, OPT, bad, False)[0]), weights(NET))
    with pytest.raises(NonFiniteError):
        run(NET, OPT, bad, True)
    lanes = mt.vmap(lambda x, go: mt.cond(go, lambda: stepped(NET, OPT, x), lambda: (NET, OPT)))
    rows, go = np.stack([X, bad, X]), np.array([True, False, False])
    for form in (lanes, mt.compile(lanes)):
        found = form(rows, go)[0]
        np.testing.assert_allclose(found.weight[0], weights(stepped(NET, OPT, X)[0]), rtol=1e-6)
        np.testing.assert_array_equal(found.weight[1], weights(NET))
        with pytest.raises(NonFiniteError):
            form(rows, ~go)


def test_branches_with_guards_of_their_own() -> None:
    """One steps twice, one once, one never: the guards of each stand beside those of the others."""

    def train(net: Any, opt: Any, x: Any, times: Any) -> Any:
        once = lambda: stepped(net, opt, x)
        return mt.switch(times, [lambda: (net, opt), once, lambda: stepped(*once(), x)])

    run = mt.compile(train)
    wanted = [(NET, OPT)]
    for _ in range(2):
        wanted.append(stepped(*wanted[-1], X))
    for times in range(3):
        np.testing.assert_allclose(weights(run(NET, OPT, X, times)[0]), weights(wanted[times][0]), rtol=1e-6)
        if times:
            with pytest.raises(NonFiniteError):
                run(NET, OPT, np.array(X) * np.nan, times)


def test_branches_within_loops() -> None:
    """Steps on the rows that are not marked; a marked one may be anything."""

    def turn(run: Any, row: Any) -> Any:
        x, marked = row
        return mt.cond(marked, lambda: run, lambda: stepped(*run, x)), None

    train = mt.compile(lambda xs, marks: mt.scan(turn, (NET, OPT), (xs, marks))[0][0])
    rows = np.stack([X, np.array(X) * np.nan, X])
    twice = stepped(*stepped(NET, OPT, X), X)[0]
    np.testing.assert_allclose(weights(train(rows, np.array([False, True, False]))), weights(twice), rtol=1e-6)
    with pytest.raises(NonFiniteError):
        train(rows, np.array([False, False, True]))


def test_lanes_that_train_until_they_are_done() -> None:
    bounds = xp.asarray([0.5, 0.1, 100.0])
    lanes = mt.vmap(lambda bound: until_small(NET, OPT, X, bound))(bounds)
    for i in range(3):
        one = until_small(NET, OPT, X, bounds[i])
        assert int(lanes[2][i]) == int(one[2])
        np.testing.assert_allclose(lanes[0].weight[i], one[0].weight, rtol=1e-5)


def test_states_and_keys_of_training_within_a_while() -> None:
    net = (nn.BatchNorm() >> nn.Dropout(0.5)).init(mt.key(0), xp.ones((1, 3)))

    def turns(count: Any) -> Any:
        def loss(net: Any) -> Any:
            return mt.training(net)(mt.key(1), X)[1]

        return mt.while_loop(lambda run: run[1] < count, lambda run: (loss(run[0]), run[1] + 1), (net, 0))[0]

    once = mt.training(net)(mt.key(1), X)[1]
    np.testing.assert_allclose(turns(1).batchnorm_1.mean, once.batchnorm_1.mean, rtol=1e-6)
