"""Trees that are known: forms, what trees remember, and plans that build them."""

import copy
import pickle
import typing

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, optim, xp
from mapsto.core.flat import builder, fixed, form_of, immutable, known, tell
from mapsto.core.tree import flatten, rebuild


class Pair(typing.NamedTuple):
    left: object
    right: object


class Bag(mt.Mapping):
    parts: object

    def __call__(self, x):
        return x


def leaves_of(tree):
    leaves, structure = flatten(tree)
    return [leaf.value for leaf in leaves], structure


def net(size=3):
    return (nn.Dense(size) >> nn.relu >> nn.Dropout(0.5) >> nn.Dense(2)).init(mt.key(0), xp.ones((1, size)))


TREES = {
    "leaf": lambda: xp.ones(2),
    "static": lambda: "word",
    "containers": lambda: {"a": [xp.ones(2), None, (3.0, "word")], "b": Pair(xp.ones(1), ()), "c": {}},
    "net": net,
    "net and optimizer": lambda: (net(), (optim.clip(1.0) >> optim.adam(1e-3)).init(net())),
    "containers in a mapping": lambda: Bag({"a": [xp.ones(2), 3, (xp.ones(1), ())], "b": Pair(net(), "x"), "c": []}),
    "no leaves": lambda: {"a": nn.relu, "b": [nn.relu >> nn.tanh, None]},
}


@pytest.mark.parametrize("make", TREES.values(), ids=TREES)
def test_a_plan_builds_what_rebuild_builds(make):
    values, structure = leaves_of(make())
    build = builder(structure, [getattr(value, "spec", None) for value in values])
    for _ in range(2):
        found, wanted = build(values), rebuild(structure, values)
        again, found_structure = leaves_of(found)
        assert type(found) is type(wanted) and found_structure == structure
        assert len(again) == len(values) and all(one is other for one, other in zip(again, values, strict=True))
        assert repr(found) == repr(wanted)


def test_what_can_be_changed_is_built_anew():
    values, structure = leaves_of({"a": [], "b": net()})
    build = builder(structure, [value.spec for value in values])
    one, other = build(values), build(values)
    assert one["a"] is not other["a"] and one["b"] is not other["b"]
    assert one["b"].relu is other["b"].relu  # has no leaves


def test_built_trees_know_their_leaves():
    values, structure = leaves_of({"net": net(), "rest": [xp.ones(2)]})
    made = builder(structure, [value.spec for value in values])(values)
    told = known(made["net"])
    assert told.leaves == values[:4] and told.form.specs == tuple(value.spec for value in values[:4])
    assert known(made["net"].dense_1) is None  # only outermost trees are arguments again


def test_equal_forms_are_one_object():
    forms = []
    for seed in range(2):
        values, structure = leaves_of((nn.Dense(3) >> nn.tanh).init(mt.key(seed), xp.ones((1, 3))))
        forms.append(form_of(structure, [value.spec for value in values]))
    assert forms[0] is forms[1] is not None
    assert form_of(structure, [values[0].spec, values[0].spec]) is not forms[0]


def test_lists_that_can_be_changed_have_no_form():
    assert immutable(leaves_of(Bag([xp.ones(1), {"a": (1, 2)}]))[1])
    for changing in ([xp.ones(1)], {"a": xp.ones(1)}):
        assert form_of(leaves_of(changing)[1], [xp.ones(1).spec]) is None


def test_copies_and_pickles_know_nothing():
    one = net()
    values, structure = leaves_of(one)
    tell(one, form_of(structure, [value.spec for value in values]), values)
    assert known(one) is not None and known(copy.copy(one)) is not None  # itself
    for other in (copy.deepcopy(one), pickle.loads(pickle.dumps(one)), one.replace(dense_1=one.dense_1)):
        assert known(other) is None
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(values[0])), values[0])


SCALE = 2.0


def by_scale(x):
    return x * SCALE


@pytest.mark.parametrize("value", [None, 3, "x", (1, (2.0, None)), float, np.float32, np.dtype("f4"), np.add, len])
def test_fixed(value):
    assert fixed(value)


@pytest.mark.parametrize("value", [by_scale, lambda x: x, {1, 2}, object(), (1, by_scale)])
def test_not_fixed(value):
    assert not fixed(value)
