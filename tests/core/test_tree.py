"""Structures hold no leaf and no tree; kinds follow what is replaced."""

import gc
import pickle
import weakref

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, optim, xp
from mapsto.core.tree import flatten, meta_of, rebuild, replaced
from tests.compose.layers import Centre, paths

X = xp.ones((2, 3))


def test_a_structure_keeps_no_leaf_alive():
    net = (nn.Dense(2) >> nn.relu).init(mt.key(0), X)
    numbers = weakref.ref(net.dense_1.weight.data)
    structure = flatten({"net": net, "x": (X, None)})[1]
    assert hash(structure) is not None
    del net
    gc.collect()
    assert numbers() is None


def test_it_rebuilds_without_the_tree_it_came_from():
    net = mt.freeze((Centre() >> nn.Dense(2)).init(mt.key(0), X), "dense_1.bias")
    leaves, structure = flatten(net)
    back = rebuild(structure, [leaf.value for leaf in leaves])
    assert type(back) is type(net) and meta_of(back) == meta_of(net)
    assert meta_of(back.centre_1) == meta_of(net.centre_1) and flatten(back)[1] == structure
    np.testing.assert_array_equal(back(X), net(X))
    flagged = rebuild(structure, [leaf.value for leaf in leaves], differentiated=True)
    assert meta_of(flagged.dense_1).differentiated and flatten(flagged)[1] != structure


def test_recorded_specs_are_part_of_a_structure():
    def pooled(size):
        return nn.MaxPool2D(2).init(mt.key(0), xp.ones((1, size, size, 1)))

    assert flatten(pooled(8))[1] == flatten(pooled(8))[1] != flatten(pooled(12))[1]


def test_a_structure_compares_by_what_its_statics_were_at_the_first_look():
    sizes = {1}
    structure = flatten((lambda: sizes, X))[1]
    key = structure.key
    sizes.add(2)
    assert structure.key is key and flatten((lambda: sizes, X))[1] != structure


def kinds(tree):
    return dict(meta_of(tree).kinds)


def test_a_parameter_declared_anew_is_one():
    net = nn.Dense(2).init(mt.key(0), X)
    frozen = mt.freeze(net, "weight")
    assert kinds(frozen.replace(weight=net.weight * 2)) == {"weight": "frozen", "bias": "param"}
    assert kinds(frozen.replace(weight=mt.param((3, 2), nn.zeros))) == {"weight": "param", "bias": "param"}
    assert kinds(frozen.replace(units=2)) == kinds(frozen)


def test_a_static_that_becomes_a_parameter_is_made_and_trained():
    class Shift(mt.Mapping):
        def __init__(self):
            self.shift = None

        def __call__(self, x):
            return x if self.shift is None else x + self.shift

    net = Shift().replace(shift=mt.param(lambda x: x.shape[1:], nn.zeros))
    assert kinds(net) == {"shift": "param"}
    ready = net.init(mt.key(0), X)
    assert paths(ready) == ["shift"] and kinds(ready.replace(shift=None)) == {}
    assert kinds(Shift().replace(shift=X)) == {"shift": "array"}


def test_frozen_parameters_that_are_not_made_yet_stay_frozen():
    net = mt.freeze(nn.Dense(2), "weight")
    assert kinds(net.replace(units=3)) == {"weight": "frozen", "bias": "param"}


class Table(mt.Mapping):
    def __init__(self):
        self.rows = (mt.param((3,), nn.zeros), mt.state((3,), nn.zeros))

    def __call__(self, x):
        return x + self.rows[0] + self.rows[1]


def test_leaves_in_containers_keep_their_kinds_by_place():
    net = Table().init(mt.key(0), X)
    moved = net.replace(rows=tuple(row + 1 for row in net.rows))
    assert kinds(moved) == {"rows.0": "param", "rows.1": "state"}
    more = net.replace(rows=[*net.rows, xp.ones(3), mt.param((3,), nn.zeros)])
    assert kinds(more) == {"rows.0": "param", "rows.1": "state", "rows.2": "array", "rows.3": "param"}
    assert replaced(net, {"rows": ()})._meta.kinds == ()


def test_training_keeps_states_and_steps_keep_structures():
    net = (Centre() >> nn.Dense(2)).init(mt.key(0), X)
    _, after = mt.training(net)(mt.key(1), X)
    assert flatten(after)[1] == flatten(net)[1] and kinds(after.centre_1)["mean"] == "state"
    opt = optim.adam(0.1).init(net)
    slope = mt.grad(lambda net: xp.sum(mt.training(net)(mt.key(0), X)[0]))(net)
    net, one = opt.step(net, slope)
    assert flatten(one)[1] == flatten(opt)[1] and "mean.dense_1.weight" in kinds(opt)


@pytest.mark.parametrize(
    "tree", [(1, 2.0), {"a": [X, None]}, nn.Dense(2).init(mt.key(0), X)], ids=["tuple", "dict", "net"]
)
def test_pickled_structures_are_equal(tree):
    structure = flatten(tree)[1]
    assert pickle.loads(pickle.dumps(structure)) == structure
