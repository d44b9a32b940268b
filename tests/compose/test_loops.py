"""Layers within loops and branches: keys of every turn, states from turn to turn."""

from typing import Any

import numpy as np

import mapsto as mt
from mapsto import nn, xp


class Loop(mt.Mapping):
    """A layer applied again and again to its own result."""

    def __init__(self, layer: mt.Mapping, turns: int) -> None:
        self.layer, self.turns = layer, turns

    def __call__(self, x: Any) -> Any:
        return mt.scan(lambda h, _: (self.layer(h), h), x, length=self.turns)[1]


class Either(mt.Mapping):
    def __init__(self) -> None:
        self.left, self.right = nn.BatchNorm(), nn.Dropout(0.5) >> nn.BatchNorm()

    def __call__(self, x: Any) -> Any:
        return mt.cond(xp.sum(x) > 0, self.left, self.right, x)


X = np.random.default_rng(0).standard_normal((8, 4)).astype(np.float32)


def test_every_turn_draws_a_key_of_its_own() -> None:
    net = Loop(nn.Dropout(0.5), 6)
    ones = xp.ones((1, 64))
    rows, _ = mt.training(net)(mt.key(0), ones)
    kept = np.asarray(rows[:, 0]) != 0
    assert kept[0].all()
    alive = kept.sum(1)
    assert all(0.3 < alive[turn + 1] / alive[turn] < 0.7 for turn in range(3)), alive
    again, _ = mt.training(net)(mt.key(0), ones)
    assert np.array_equal(rows, again)
    compiled = mt.compile(lambda key, x: mt.training(net)(key, x)[0])
    assert np.array_equal(compiled(mt.key(0), ones), rows)


def test_states_go_on_from_turn_to_turn() -> None:
    net = Loop(nn.BatchNorm(momentum=0.5), 3).init(mt.key(0), X)
    rows, after = mt.training(net)(mt.key(0), X)
    layer, h = net.layer, xp.asarray(X)
    for turn in range(3):
        assert np.allclose(rows[turn], h, atol=1e-6)
        h, layer = mt.training(layer)(mt.key(0), h)
    for one, two in zip(leaves(after.layer), leaves(layer), strict=True):
        assert np.allclose(one, two, atol=1e-6)
    assert not np.allclose(leaves(after.layer)[-1], leaves(net.layer)[-1])


def leaves(tree: Any) -> list[np.ndarray]:
    return [np.asarray(value) for value in mt.select(tree, "**").values()]


def test_a_branch_moves_the_states_of_the_one_that_ran() -> None:
    net = Either().init(mt.key(0), X)

    def moved(x: Any) -> tuple[bool, bool]:
        step = mt.compile(lambda net, x: mt.training(net)(mt.key(0), x)[1])
        after = step(net, x)
        pairs = ((net.left, after.left), (net.right, after.right))
        return tuple(any(not np.array_equal(a, b) for a, b in zip(leaves(p), leaves(q), strict=True)) for p, q in pairs)

    assert moved(abs(X)) == (True, False)
    assert moved(-abs(X)) == (False, True)


def test_a_net_with_a_loop_trains() -> None:
    net = (Loop(nn.Dense(4) >> nn.tanh, 3) >> mt.fn(lambda rows: rows[-1])).init(mt.key(0), X)

    @mt.compile
    def gradient(net: Any) -> Any:
        return mt.grad(lambda net: xp.mean((mt.training(net)(mt.key(0), X)[0] - 1) ** 2))(net)

    found = mt.grad(lambda net: xp.mean((net(X) - 1) ** 2))(net)
    for one, two in zip(leaves(gradient(net)), leaves(found), strict=True):
        assert np.allclose(one, two, atol=1e-6) and np.any(one != 0)
