"""Mappings declared by annotated fields, by inheritance; and their statics, compared by value."""

from functools import partial
from typing import ClassVar, NamedTuple

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from tests.compose.layers import Trace, array, paths

X = xp.ones((2, 3))


class Affine(mt.Mapping):
    """x ↦ power · (x·W + b), declared by fields."""

    units: int
    power: float = 1.0
    weight: mt.Array = mt.param(lambda x: (x.shape[1], 2), nn.glorot_uniform)
    mean: mt.Array = mt.state((2,), nn.zeros)
    after: mt.Mapping = nn.relu
    made: ClassVar[int] = 0

    def __call__(self, x):
        return self.after((x @ self.weight - self.mean) * self.power)


class Doubled(Affine):
    """Twice what its base maps to."""

    def __call__(self, x):
        return 2 * super().__call__(x)


class Dropped(nn.Dropout):
    def training(self, key, x):
        y, after = super().training(key, x)
        return -y, after


def test_fields_become_the_constructor():
    net = Affine(2, power=3.0)
    assert (net.units, net.power) == (2, 3.0) and net.after is nn.relu
    ready = net.init(mt.key(0), X)
    assert paths(ready) == ["weight"] and set(mt.select(ready, "**")) == {"weight", "mean"}
    assert ready.weight.shape == (3, 2)
    with pytest.raises(mt.FrozenError):
        ready.power = 1.0
    with pytest.raises(TypeError):
        Affine()
    with pytest.raises(TypeError):
        Affine(2, weight=X)


def test_two_of_a_class_do_not_share_what_they_declare():
    net = (Affine(2) >> Affine(2)).init(mt.key(0), X)
    assert paths(net) == ["affine_1.weight", "affine_2.weight"]
    assert net.affine_1.weight.shape != net.affine_2.weight.shape
    assert Affine(1).init(mt.key(0), X).weight is not Affine(1).init(mt.key(0), X).weight


def test_equality_is_of_identity_and_mappings_are_hashable():
    assert Affine(2) != Affine(2) and len({Affine(2), Affine(2)}) == 2


def test_super_call():
    net = Doubled(2).init(mt.key(0), X)
    base = Affine(2).init(mt.key(0), X)
    np.testing.assert_array_equal(array(net(X)), 2 * array(base(X)))
    np.testing.assert_array_equal(array(mt.training(net)(mt.key(0), X)[0]), array(net(X)))
    assert paths(net) == ["weight"]


def test_super_training():
    y = array(mt.training(Dropped(0.5))(mt.key(0), X)[0])
    assert set(np.unique(y)) <= {-2.0, 0.0}


def test_init_may_call_super_init():
    class Base(mt.Mapping):
        def __init__(self, units):
            self.layer = nn.Dense(units)

        def __call__(self, x):
            return self.layer(x)

    class More(Base):
        def __init__(self, units):
            super().__init__(units)
            self.scale = 3.0

        def __call__(self, x):
            return super().__call__(x) * self.scale

    assert More(4).init(mt.key(0), X)(X).shape == (2, 4)


class Scales(NamedTuple):
    low: float
    high: float


def traces(*nets):
    """How often a compiled function is traced for these nets, and what it gives for each."""
    run = mt.compile(lambda net, x: net(x))
    results = [array(run(net, X)) for net in nets]
    for net, result in zip(nets, results, strict=True):
        np.testing.assert_array_equal(array(net(X)), result)
    return len(run.programs)


def times(factor):
    return mt.fn(lambda x: x * factor)


def by_default(factor):
    return mt.fn(lambda x, k=factor: x * k)


def by_keyword(factor):
    return mt.fn(lambda x, *, k=factor: x * k)


def by_partial(factor):
    return mt.fn(partial(lambda k, x: x * k, factor))


def by_function(factor):
    def inner(x):
        return x * factor

    return mt.fn(lambda x: inner(x))


class Holds(mt.Mapping):
    what: object

    def __call__(self, x):
        return x * (self.what.high if isinstance(self.what, Scales) else 2)


@pytest.mark.parametrize(
    "make",
    [
        Trace,
        times,
        by_default,
        by_keyword,
        by_partial,
        by_function,
        lambda value: Holds(Scales(0.0, value)),
        lambda value: nn.Dropout(value) >> times(value),
    ],
    ids=["field", "closure", "default", "keyword default", "partial", "function in closure", "named tuple", "chain"],
)
def test_equal_statics_do_not_trace_anew_and_others_do(make):
    assert traces(make(0.25), make(0.25)) == 1
    assert traces(make(0.25), make(0.5), make(0.25)) == 2


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (1, True), (0.0, -0.0), ("a", b"a"), ((1, 2), [1, 2])])
def test_statics_that_only_look_equal_trace_anew(one, other):
    assert traces(Holds(one), Holds(other)) == 2


@pytest.mark.parametrize(
    "value", [float("nan"), None, "text", (1, (2.0, "x")), {"a": 1}, frozenset({1}), {1, "a"}, np.float32(2)]
)
def test_equal_values_are_one(value):
    assert traces(Holds(value), Holds(value)) == 1


def test_other_parameters_do_not_trace_anew_and_other_shapes_do():
    nets = [nn.Dense(2).init(mt.key(seed), X) for seed in range(3)]
    assert traces(*nets) == 1
    assert traces(nets[0], mt.freeze(nets[0], "bias")) == 2
    assert traces(nets[0], nn.Dense(5).init(mt.key(0), X)) == 2


@pytest.mark.parametrize("value", [bytearray(b"x"), memoryview(bytearray(b"x"))], ids=["bytearray", "memory"])
def test_an_unhashable_static_is_refused_with_the_fix(value):
    with pytest.raises(mt.UsageError, match="cannot be part of a tree's structure"):
        traces(Holds(value))


def closes_over_a_tuple_of_arrays():
    stats = (np.ones(3, np.float32), np.ones(3, np.float32))
    return mt.fn(lambda x: (x - stats[0]) / stats[1])


def has_an_array_as_default():
    ones = np.ones(3, np.float32)
    return mt.fn(lambda x, mean=ones: x - mean)


def calls_itself():
    def power(x, n=3):
        return x if n == 0 else x * power(x, n - 1)

    return mt.fn(power)


@pytest.mark.parametrize(
    "make",
    [
        closes_over_a_tuple_of_arrays,
        has_an_array_as_default,
        calls_itself,
    ],
)
def test_functions_that_hold_arrays_or_themselves(make):
    assert make()(X).shape == X.shape
    assert traces(make()) == 1


class Pair(NamedTuple):
    first: mt.Mapping
    second: mt.Mapping


def test_mappings_in_a_named_tuple_are_leaves_by_name():
    class Two(mt.Mapping):
        pair: Pair

        def __call__(self, x):
            return self.pair.second(self.pair.first(x))

    net = Two(Pair(nn.Dense(4), nn.Dense(2))).init(mt.key(0), X)
    assert paths(net)[::2] == ["pair.first.weight", "pair.second.weight"]
    assert isinstance(net.pair, Pair) and net(X).shape == (2, 2)
    assert isinstance(mt.grad(lambda n: xp.sum(n(X)))(net).pair, Pair)


def test_arrays_that_are_no_parameters_are_kept_and_not_trained():
    class Mask(mt.Mapping):
        def __init__(self):
            self.mask = np.array([1.0, 0.0, 1.0], np.float32)
            self.layer = nn.Dense(2)

        def __call__(self, x):
            return self.layer(x * self.mask)

    net = Mask().init(mt.key(0), X)
    assert paths(net) == ["layer.weight", "layer.bias"]
    slope = mt.grad(lambda n: xp.sum(n(X)))(net)
    assert slope.mask is None and (array(slope.layer.weight)[1] == 0).all()


def test_a_written_init_is_inherited_and_names_of_mappings_are_kept():
    class Base(mt.Mapping):
        def __init__(self, width):
            self.fc = nn.Dense(width)

        def __call__(self, x):
            return self.fc(x)

    class Child(Base):
        factor: float = 2.0

    assert Child(8).fc.units == 8 and Child(8).factor == 2.0

    class Label(mt.Mapping):
        def __init__(self):
            self.label = "cat"

    with pytest.raises(mt.UsageError, match="would hide"):
        Label()


def test_reaching_into_parameters_that_are_not_made_is_explained():
    class Reach(mt.Mapping):
        def __init__(self):
            self.inner = nn.Dense(3)

        def __call__(self, x):
            return x @ self.inner.weight

    with pytest.raises(mt.StateError, match="do not reach into it"):
        Reach().init(mt.key(0), X)
