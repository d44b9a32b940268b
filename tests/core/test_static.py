"""Keys of statics: equal for what traces alike, different for what does not, and always with an end."""

import functools
import math
from dataclasses import dataclass, field

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from mapsto.core.static import INSTALLED, LARGE, installed, names_read, static_key

X = xp.ones((2, 3))


def module(text, **known):
    """The globals of a user's module with this text."""
    known["__name__"] = "users"
    exec(compile(text, "users.py", "exec"), known)
    return known


def changes(known, key, **values):
    """Whether the key of `known["f"]` differs once the module has other values."""
    known.update(values)
    return static_key(known["f"]) != key


# globals


@pytest.mark.parametrize("text", ["def f(x): return x * SCALE", "f = lambda x: [x * SCALE for _ in range(2)]"])
def test_a_function_compares_by_the_globals_it_reads(text):
    known = module(text, SCALE=2, OTHER=1)
    key = static_key(known["f"])
    assert not changes(known, key, OTHER=7)
    assert changes(known, key, SCALE=3)
    assert not changes(known, key, SCALE=2)
    assert changes(known, key, SCALE=2.0)


def test_globals_are_followed_through_functions_and_inner_functions():
    text = (
        "def h(x): return x * SCALE\ndef g(x): return h(x)\ndef f(x):\n    def inner(): return g(x)\n    return inner()"
    )
    known = module(text, SCALE=2)
    key = static_key(known["f"])
    assert changes(known, key, SCALE=3) and not changes(known, key, SCALE=2)
    assert changes(known, key, h=lambda x: -x)


def test_an_attribute_or_argument_of_the_same_name_is_no_global():
    known = module("def f(x, scale): return x.shape, scale", shape=1, scale=2)
    key = static_key(known["f"])
    assert names_read(known["f"].__code__) == ()
    assert not changes(known, key, shape=5, scale=6)


def test_a_global_that_is_not_there_yet():
    known = module("def f(x): return later(x)")
    key = static_key(known["f"])
    assert changes(known, key, later=abs)


def test_functions_that_call_each_other_have_a_key():
    text = "def f(n): return n and g(n - 1)\ndef g(n): return n and f(n - 1) + SCALE"
    known, again = module(text, SCALE=1), module(text, SCALE=1)
    key = static_key(known["f"])
    assert static_key(again["f"]) == key and hash(static_key(again["f"])) == hash(key)
    assert changes(known, key, SCALE=2)


def test_many_functions_that_read_each_other_are_gone_through_once():
    lines = [f"def f{n}(x): return {' + '.join(['x', *(f'f{i}(x)' for i in range(n))])}" for n in range(60)]
    known = module("\n".join([*lines, "f = f59"]))
    assert static_key(known["f"]) == static_key(known["f"])
    lines = ["def f3000(x): return SCALE", *(f"def f{n}(x): return f{n + 1}(x)" for n in range(3000))]
    known = module("\n".join([*lines, "f = f0"]), SCALE=1)
    assert changes(known, static_key(known["f"]), SCALE=2)


def test_modules_classes_and_arrays_are_compared_by_identity():
    table = np.ones(3)
    known = module(
        "def f(x): return np.sin(x) + table + Setting.value + xp.sum(x)", np=np, table=table, xp=xp, Setting=int
    )
    key = static_key(known["f"])
    assert not changes(known, key, table=table)
    assert changes(known, key, table=table.copy())
    assert changes(known, key, table=table, Setting=float)
    assert changes(known, key, Setting=int, np=math)
    assert not changes(known, key, np=np)


def test_globals_of_installed_functions_are_taken_as_fixed():
    for function in (np.rot90.__wrapped__, mt.select, functools.wraps):
        assert installed(function.__code__), INSTALLED
    known = module("def f(x): return rot90(select(x, '*'))", rot90=np.rot90.__wrapped__, select=mt.select)
    assert len(str(static_key(known["f"]))) < 2_000
    assert not installed(test_a_global_that_is_not_there_yet.__code__)


def test_a_changed_global_reaches_a_compiled_function():
    known = module("def f(x): return x * SCALE", SCALE=2.0)
    run = mt.compile(lambda net, x: net(x))
    net = mt.fn(known["f"]) >> mt.fn(known["f"])
    found = []
    for known["SCALE"] in (2.0, 2.0, 3.0):
        found.append(float(run(net, xp.ones(()))))
    assert found == [4.0, 4.0, 9.0] and len(run.programs) == 2


# numbers


def test_numpy_scalars_compare_by_type_and_bits():
    def holding(value):
        return static_key(lambda x: x * value)

    for scalar in (np.float32(0.1), np.float64("nan"), np.int8(3), np.bool_(True), np.datetime64("2020-01-01")):
        same = np.frombuffer(scalar.tobytes(), scalar.dtype)[0]
        assert static_key(scalar) == static_key(same) and holding(scalar) == holding(same)
    assert static_key(np.float32(0.0)) != static_key(np.float32(-0.0))
    assert static_key(np.float32(1)) != static_key(np.float64(1)) != static_key(1.0)
    assert static_key(np.int64(1)) != static_key(np.uint64(1))
    assert holding(np.float32(0.5)) == holding(np.float32(0.5)) != holding(np.float32(0.25))
    assert static_key(complex(0.0, 0.0)) != static_key(complex(0.0, -0.0))


# what a function holds


@dataclass
class Setting:
    rate: float
    sizes: list = field(default_factory=list)
    table: object = None


@dataclass(eq=False)
class Fixed:
    rate: object


def test_sets_lists_dicts_and_dataclasses_in_closures_compare_by_value():
    names, sizes, table, setting, fixed = {"a"}, [1], {"a": 1}, Setting(0.5), Fixed(0.5)
    f = lambda x: (names, sizes, table, setting, fixed)
    for change in (
        lambda: names.add("b"),
        lambda: sizes.append(2),
        lambda: table.update(a=2),
        lambda: setattr(setting, "rate", 0.25),
        lambda: setting.sizes.append(1),
        lambda: setattr(fixed, "rate", 1),
        lambda: setattr(fixed, "rate", 1.0),
    ):
        before = static_key(f)
        assert static_key(f) == before and hash(static_key(f)) == hash(before)
        change()
        assert static_key(f) != before


def test_equal_sets_and_dataclasses_have_equal_keys():
    assert static_key({1, 2}) == static_key({2, 1}) != static_key({1.0, 2})
    assert static_key({1}) != static_key(frozenset({1})) != static_key(frozenset({True}))
    assert static_key(Setting(0.5, [1])) == static_key(Setting(0.5, [1])) != static_key(Setting(0.5, [2]))
    assert static_key(Fixed(1)) == static_key(Fixed(1)) != static_key(Fixed(1.0))
    assert static_key({lambda: 1, lambda: 2}) is not None


def test_an_array_in_a_dataclass_compares_by_identity():
    table = np.ones(2)
    assert static_key(Setting(0.5, [], table)) == static_key(Setting(0.5, [], table))
    assert static_key(Setting(0.5, [], table)) != static_key(Setting(0.5, [], table.copy()))


def test_what_holds_itself_has_a_key():
    loop, setting = [1], Setting(0.5)
    loop.append(loop)
    setting.table = {"all": [setting]}
    assert static_key(loop) == static_key(loop)
    assert static_key(setting) == static_key(setting)


def test_long_lists_are_compared_by_identity_and_length():
    words = ["word"] * (LARGE + 1)
    key = static_key(lambda: words)

    def holding(words):
        return static_key(lambda: words)

    assert holding(words) == holding(words) != holding(list(words))
    before = holding(words)
    words.append("more")
    assert holding(words) != before and key is not None


class Scaler:
    def __init__(self, scale):
        self.scale = scale

    def __call__(self, x):
        return x * self.scale

    def apply(self, x):
        return x * self.scale


def test_objects_compare_by_identity_and_bound_methods_by_function_and_object():
    one, other = Scaler(1), Scaler(1)
    assert static_key(one) == static_key(one) != static_key(other)
    assert static_key(one.apply) == static_key(one.apply) != static_key(other.apply)
    assert static_key(one.apply) != static_key(one.__call__)


@dataclass
class Affine:
    scale: float

    def apply(self, x):
        return x * self.scale


def test_a_bound_method_of_a_dataclass_sees_changes():
    affine = Affine(2.0)
    run = mt.compile(lambda net, x: net(x))
    net = mt.fn(affine.apply)
    assert float(run(net, 1.0)) == 2.0
    affine.scale = 3.0
    assert float(run(net, 1.0)) == 3.0
    assert float(run(mt.fn(Affine(3.0).apply), 1.0)) == 3.0
    assert len(run.programs) == 2


# trees that a function holds


class Holder(mt.Mapping):
    what: object

    def __call__(self, x):
        return x


def test_nets_in_closures_compare_by_structure_and_leaves():
    net = nn.Dense(2).init(mt.key(0), X)
    other = nn.Dense(2).init(mt.key(0), X)

    def holding(net):
        return static_key(lambda x: net(x))

    assert holding(net) == holding(net.replace(units=2)) == holding(net)
    assert holding(net) != holding(other) and holding(net) != holding(mt.freeze(net, "bias"))
    assert holding(nn.Dropout(0.5)) == holding(nn.Dropout(0.5)) != holding(nn.Dropout(0.25))
    assert static_key(nn.Dropout(0.5)) == static_key(nn.Dropout(0.5))
    assert holding(Holder(bytearray(b"x"))) is not None


def test_a_net_that_a_function_holds_may_be_exchanged():
    known = module("def f(x): return net(x)", net=nn.Dense(2).init(mt.key(0), X))
    run = mt.compile(lambda outer, x: outer(x))
    outer = mt.fn(known["f"])
    for seed in (0, 1, 0):
        known["net"] = nn.Dense(2).init(mt.key(seed), X)
        np.testing.assert_array_equal(run(outer, X), known["net"](X))


def test_a_net_and_a_function_that_hold_each_other_have_a_key():
    known = module("def f(x): return x if net is None else x")
    known["net"] = mt.fn(known["f"]) >> nn.Dense(2)
    assert static_key(known["f"]) == static_key(known["f"])
    run = mt.compile(lambda net, x: net(x))
    net = known["net"].init(mt.key(0), X)
    run(net, X), run(net, X)
    assert len(run.programs) == 1


def test_an_array_outside_of_functions_is_refused():
    for value in (np.ones(2), bytearray(b"x"), (1, [bytearray(b"x")])):
        with pytest.raises(mt.UsageError, match="cannot be part"):
            static_key(value)
