"""Parts by path: select, replace, freeze, unfreeze, and the penalty on weights."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, optim, xp
from tests.compose.layers import Centre, array, paths, same

X = xp.asarray(np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32))


def ready():
    body = nn.Dense(4) >> nn.relu >> nn.Dense(4)
    return mt.chain(body=body, centre=Centre(), head=nn.Dense(2)).init(mt.key(0), X)


ALL = ["body.dense_1.weight", "body.dense_1.bias", "body.dense_2.weight", "body.dense_2.bias", "centre.shift",
       "head.weight", "head.bias"]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "hits"),
    [
        ("**", [*ALL[:4], "centre.mean", *ALL[4:]]),
        ("**.weight", ["body.dense_1.weight", "body.dense_2.weight", "head.weight"]),
        ("*.weight", ["head.weight"]),
        ("body.**", ALL[:4]),
        ("body.*.bias", ["body.dense_1.bias", "body.dense_2.bias"]),
        ("body.dense_?.bias", ["body.dense_1.bias", "body.dense_2.bias"]),
        ("head.bias", ["head.bias"]),
        ("**.dense_2.**", ["body.dense_2.weight", "body.dense_2.bias"]),
        ("**.**.bias", ["body.dense_1.bias", "body.dense_2.bias", "head.bias"]),
    ],
)
def test_select(pattern, hits):
    assert list(mt.select(ready(), pattern)) == hits


@pytest.mark.parametrize("pattern", ["*", "weight", "body", "head.**.x", "", "Head.*", "head.weigh"])
def test_a_pattern_that_selects_nothing_is_refused_with_the_paths(pattern):
    for choose in (mt.select, mt.freeze, mt.l2):
        with pytest.raises(mt.PathError, match=r"body\.dense_1\.weight"):
            choose(ready(), pattern)


def test_replace_a_leaf_and_a_part():
    net = ready()
    made = mt.replace(net, {"head.bias": xp.ones((2,)), "body": nn.tanh})
    assert (array(made.head.bias) == 1).all() and made.body is nn.tanh
    assert made.head.weight is net.head.weight
    assert paths(made) == ["centre.shift", "head.weight", "head.bias"]
    assert paths(net) == ALL, "the given one stays as it is"


def test_replaced_leaves_keep_their_kind():
    net = mt.freeze(ready(), "body.**")
    made = mt.replace(net, {"body.dense_1.bias": xp.ones((4,)), "centre.mean": xp.ones((4,))})
    assert paths(made) == ["centre.shift", "head.weight", "head.bias"]


def test_numpy_takes_the_type_of_the_leaf():
    made = mt.replace(ready(), {"head.weight": np.ones((4, 2))})
    assert made.head.weight.dtype == xp.float32 and made(X).shape == (2, 2)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"head.bias": xp.ones((3,))}, mt.ShapeError),
        ({"head.bias": 0.0}, mt.ShapeError),
        ({"head.bia": xp.ones((2,))}, mt.PathError),
        ({"head.bias": xp.ones((2,)), "nothing": 1}, mt.PathError),
    ],
)
def test_replace_refuses(changes, error):
    with pytest.raises(error):
        mt.replace(ready(), changes)


def test_the_method_replace_refuses_unknown_names():
    with pytest.raises(mt.PathError, match="units"):
        nn.Dense(2).replace(unit=3)


def test_freeze_and_unfreeze():
    net = mt.freeze(ready(), "body.**")
    assert paths(net) == ALL[4:]
    assert paths(mt.freeze(net, "**.weight")) == ["centre.shift", "head.bias"]
    assert paths(mt.unfreeze(net, "body.dense_2.*")) == ALL[2:]
    assert paths(mt.unfreeze(net)) == ALL
    assert same(mt.unfreeze(net), ready())
    with pytest.raises(mt.PathError):
        mt.freeze(net, "body.**")
    with pytest.raises(mt.PathError):
        mt.unfreeze(ready())


def test_state_is_never_unfrozen_into_a_parameter():
    net = mt.freeze(ready(), "**")
    assert paths(net) == []
    assert paths(mt.unfreeze(net, "**")) == ALL
    with pytest.raises(mt.PathError):
        mt.freeze(ready(), "centre.mean")


def test_freeze_before_init():
    net = mt.freeze(nn.Dense(4) >> nn.Dense(2), "dense_1.**").init(mt.key(0), X)
    assert paths(net) == ["dense_2.weight", "dense_2.bias"]
    assert same(net, (nn.Dense(4) >> nn.Dense(2)).init(mt.key(0), X))


def test_freeze_in_trees_of_nets():
    run = mt.freeze({"teacher": ready(), "student": ready()}, "teacher.**")
    assert paths(run) == [f"student.{path}" for path in ALL]


def test_frozen_parameters_have_no_gradient_and_do_not_move():
    net = mt.freeze(ready(), "body.**")
    slope = mt.grad(lambda n: xp.sum(mt.training(n)(mt.key(0), X)[0] ** 2))(net)
    assert slope.body.dense_1.weight is None and slope.head.weight is not None
    moved, _ = optim.sgd(0.1).step(net, slope)
    assert same(moved.body, net.body) and not same(moved.head, net.head)


def test_l2():
    net = ready()
    for pattern, names in (("**.weight", ALL[::2][:2] + ["head.weight"]), ("**", ALL), ("head.*", ALL[5:])):
        wanted = sum(float((array(mt.parameters(net)[name]).astype(np.float64) ** 2).sum()) for name in names)
        np.testing.assert_allclose(float(mt.l2(net, pattern)), wanted, rtol=1e-6)
    slope = mt.grad(lambda n: mt.l2(n, "head.weight"))(net)
    np.testing.assert_allclose(array(slope.head.weight), 2 * array(net.head.weight), rtol=1e-6)
    assert (array(slope.head.bias) == 0).all()
    assert float(mt.l2(mt.freeze(net, "body.**"), "body.**.weight")) == 0, "frozen weights are not penalised"
    assert mt.l2(net.cast(xp.float64)).dtype == xp.float64
    assert float(mt.l2({"w": xp.asarray([3.0, 4.0]), "n": 2})) == 25
