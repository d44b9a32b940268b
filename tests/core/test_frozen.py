"""Lists and dicts within a mapping: they read like any other, and refuse every change."""

import copy
import json
import pickle
from collections import OrderedDict, namedtuple

import pytest

import mapsto as mt
from mapsto import nn, optim, xp
from mapsto.core.frozen import DICT_CHANGES, LIST_CHANGES, FrozenDict, FrozenList, frozen
from mapsto.core.tree import flatten, rebuild

CHANGES = {
    "append": (1,), "extend": ([1],), "insert": (0, 1), "pop": (), "remove": (1,), "clear": (), "sort": (),
    "reverse": (), "__setitem__": (0, 1), "__delitem__": (0,), "__iadd__": ([1],), "__imul__": (2,),
    "update": ({"a": 1},), "setdefault": ("a", 1), "popitem": (), "__ior__": ({"a": 1},),
}  # fmt: skip


class Held(mt.Mapping):
    def __init__(self, parts):
        self.parts = parts

    def __call__(self, x):
        return x


@pytest.mark.parametrize("name", LIST_CHANGES.split())
def test_a_list_refuses_changes(name):
    held = Held([1, 2])
    with pytest.raises(mt.FrozenError, match=f"it has no {name}"):
        getattr(held.parts, name)(*CHANGES[name])
    assert held.parts == [1, 2]


@pytest.mark.parametrize("name", DICT_CHANGES.split())
def test_a_dict_refuses_changes(name):
    held = Held({"b": 1})
    with pytest.raises(mt.FrozenError, match=f"it has no {name}"):
        getattr(held.parts, name)(*CHANGES[name])
    assert held.parts == {"b": 1}


def test_every_change_of_python_is_refused():
    """What a list or dict has beyond an immutable sequence or mapping, and what reads only."""
    reading = {"copy", "__init__", "__reversed__", "fromkeys", "get", "items", "keys", "values", "__or__", "__ror__"}
    same = set(dir(tuple)) | set(dir(frozenset)) | reading | {"__dict__", "__module__", "__weakref__"}
    assert set(dir(list)) - same - set(LIST_CHANGES.split()) == set()
    assert set(dir(dict)) - same - set(DICT_CHANGES.split()) == set()


def test_it_is_a_list_and_a_dict_to_who_reads():
    held = Held([1, {"a": [2]}, ({"b": 3},)])
    assert isinstance(held.parts, list) and isinstance(held.parts[1], dict) and isinstance(held.parts[1]["a"], list)
    assert repr(held.parts) == "[1, {'a': [2]}, ({'b': 3},)]" and json.loads(json.dumps(held.parts))[1] == {"a": [2]}
    assert [*held.parts, 4][-1] == 4 and (held.parts + [4])[-1] == 4
    assert list(held.parts).append(4) is None


def test_what_was_given_stays_free_and_apart():
    given = [1, 2]
    held = Held(given)
    given.append(3)
    assert held.parts == [1, 2]
    changed = held.replace(parts=given)
    given.append(4)
    assert changed.parts == [1, 2, 3] and held.parts == [1, 2]
    with pytest.raises(mt.FrozenError):
        changed.parts.append(1)


def test_within_init_a_list_still_grows():
    class Growing(mt.Mapping):
        def __init__(self):
            self.parts = []
            for _ in range(2):
                self.parts.append(nn.Dense(3))

        def __call__(self, x):
            for part in self.parts:
                x = part(x)
            return x

    net = Growing().init(mt.key(0), xp.ones((1, 3)))
    assert set(mt.parameters(net)) == {f"parts.{i}.{name}" for i in range(2) for name in ("weight", "bias")}
    _, after = mt.training(net)(mt.key(0), xp.ones((2, 3)))
    gradient = mt.grad(lambda net: net(xp.ones((2, 3))).sum())(net)
    for one in (net, after, gradient, net.cast(xp.float64), mt.freeze(net, "**")):
        with pytest.raises(mt.FrozenError):
            one.parts.pop()


def test_copies_and_pickles():
    held = Held([1, {"a": 2}])
    for made in (copy.deepcopy(held), pickle.loads(pickle.dumps(held))):
        assert made.parts == held.parts and type(made.parts) is FrozenList and type(made.parts[1]) is FrozenDict
    assert type(copy.copy(held.parts)) is FrozenList


def test_trees_compare_and_rebuild():
    first, second = Held([1, {"a": 2}]), Held([1, {"a": 2}])
    assert flatten(first)[1] == flatten(second)[1] != flatten(Held([1, {"a": 3}]))[1]
    leaves, structure = flatten(Held([xp.ones(2), {"a": xp.zeros(1)}]))
    made = rebuild(structure, [leaf.value for leaf in leaves])
    assert [leaf.path for leaf in leaves] == ["parts.0", "parts.1.a"]
    assert type(made.parts) is FrozenList and type(made.parts[1]) is FrozenDict


def test_the_state_of_an_optimizer():
    opt = optim.momentum(0.1).init({"w": xp.ones(2)})
    state = next(value for value in vars(opt).values() if isinstance(value, dict))
    with pytest.raises(mt.FrozenError):
        state.clear()


def test_subclasses_and_what_has_nothing_to_freeze_stay():
    Pair = namedtuple("Pair", "a b")
    for whole in ((1, "a"), Pair(1, 2), OrderedDict(a=1), {1, 2}):
        assert frozen(whole) is whole
    assert type(frozen(Pair([1], 2))) is Pair and type(frozen(Pair([1], 2)).a) is FrozenList
    once = frozen([1])
    assert frozen(once) is once
