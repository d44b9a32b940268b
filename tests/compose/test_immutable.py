"""Mappings are immutable, and survive copy, pickle and a look at them."""

import copy
import pickle

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, optim, xp
from mapsto.core.tree import flatten
from tests.compose.layers import Centre, Trace, array, paths, same

X = xp.ones((2, 3))
ROUND_TRIPS = [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]


def ready():
    net = nn.Dense(4) >> nn.relu >> mt.residual(Centre()) >> nn.Dropout(0.5) >> mt.named("head", nn.Dense(2))
    return mt.freeze(net.init(mt.key(0), X), "dense_1.bias")


@pytest.mark.parametrize("net", [nn.Dense(2), ready(), nn.relu, Trace(1.0), optim.adam()], ids=repr)
def test_nothing_can_be_set_or_deleted(net):
    name = next(iter(vars(net)))
    with pytest.raises(mt.FrozenError):
        setattr(net, name, 3)
    with pytest.raises(mt.FrozenError):
        net.something_new = 3
    with pytest.raises(mt.FrozenError):
        delattr(net, name)
    with pytest.raises(AttributeError):
        net.something_new  # noqa: B018


def test_what_init_and_training_return_is_frozen_as_well():
    for net in (ready(), mt.training(ready())(mt.key(0), X)[1], ready().replace(head=nn.relu), ready()[1:]):
        with pytest.raises(mt.FrozenError):
            net.head = nn.relu


def test_a_call_cannot_keep_something_behind():
    class Counts(mt.Mapping):
        def __init__(self):
            self.calls = 0

        def __call__(self, x):
            self.calls = self.calls + 1
            return x

    with pytest.raises(mt.FrozenError, match=r"replace\(calls="):
        Counts()(X)
    with pytest.raises(mt.FrozenError):
        mt.training(Counts())(mt.key(0), X)
    with pytest.raises(mt.FrozenError):
        Counts().init(mt.key(0), X)


def test_an_attribute_may_be_set_twice_within_init():
    class Chosen(mt.Mapping):
        def __init__(self, wide):
            self.layer = nn.Dense(2)
            if wide:
                self.layer = nn.Dense(8)

        def __call__(self, x):
            return self.layer(x)

    assert paths(Chosen(True).init(mt.key(0), X)) == ["layer.weight", "layer.bias"]
    assert Chosen(True).init(mt.key(0), X)(X).shape == (2, 8)


@pytest.mark.parametrize("trip", ROUND_TRIPS, ids=["copy", "deepcopy", "pickle"])
def test_round_trips_keep_values_kinds_and_specs(trip):
    net = ready()
    back = trip(net)
    assert same(back, net) and flatten(back)[1] == flatten(net)[1]
    assert back._meta == net._meta and back.dense_1._meta == net.dense_1._meta
    assert "dense_1.bias" not in paths(back)
    assert (array(back(X)) == array(net(X))).all()
    assert (array(mt.training(back)(mt.key(1), X)[0]) == array(mt.training(net)(mt.key(1), X)[0])).all()
    with pytest.raises(mt.FrozenError):
        back.head = nn.relu


@pytest.mark.parametrize("trip", ROUND_TRIPS, ids=["copy", "deepcopy", "pickle"])
def test_a_net_without_parameters_makes_round_trips_too(trip):
    net = nn.Conv2D(2, 3) >> nn.relu >> nn.MaxPool2D(2) >> nn.Flatten() >> nn.Dense(2)
    images = xp.ones((1, 8, 8, 1))
    assert same(trip(net).init(mt.key(0), images), net.init(mt.key(0), images))


@pytest.mark.parametrize("trip", ROUND_TRIPS, ids=["copy", "deepcopy", "pickle"])
def test_an_optimizer_makes_round_trips(trip):
    net = ready()
    opt = (optim.clip(1.0) >> optim.adam(0.1)).init(net)
    slope = mt.grad(lambda n: xp.sum(mt.training(n)(mt.key(0), X)[0]))(net)
    assert same(trip(opt).step(net, slope)[0], opt.step(net, slope)[0])


def test_a_copy_in_a_compiled_function_does_not_trace_anew():
    run = mt.compile(lambda net, x: net(x))
    net = ready()
    for one in (net, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        run(one, X)
    assert len(run.programs) == 1


def errors():
    made = []
    for call in (
        lambda: nn.Dense(2)(X),
        lambda: ready()(xp.ones((2, 5))),
        lambda: mt.select(ready(), "nothing"),
        lambda: nn.Dense(2) >> 3,
        lambda: nn.Dense(0),
    ):
        try:
            call()
        except mt.MapstoError as error:
            made.append(error)
    return made


@pytest.mark.parametrize("error", errors(), ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("trip", ROUND_TRIPS, ids=["copy", "deepcopy", "pickle"])
def test_errors_make_round_trips(trip, error):
    back = trip(error)
    assert type(back) is type(error) and str(back) == str(error) and back.args == error.args
    assert (back.code, back.path, back.fix, back.facts) == (error.code, error.path, error.fix, error.facts)
    assert isinstance(back, tuple(type(error).__mro__[1:-1]))


def test_a_repr_shows_structure_and_never_weights():
    text = repr(ready())
    assert text.splitlines() == [
        "Chain()",
        "  dense_1: Dense(units=4, weight=f32[3,4], bias=f32[4])",
        "  relu: Activation(function=relu)",
        "  residual_1: Residual()",
        "    mapping: Centre(decay=0.5, mean=f32[4], shift=f32[4])",
        "  dropout_1: Dropout(rate=0.5)",
        "  head: Dense(units=2, weight=f32[4,2], bias=f32[2])",
    ]
    assert "weight=param(?)" in repr(nn.Dense(2)) and "mean=state(?)" in repr(Centre())
    big = nn.Dense(10).init(mt.key(0), xp.ones((1, 10_000)))
    assert len(repr(big)) < 100


def test_a_repr_of_containers():
    class Many(mt.Mapping):
        def __init__(self):
            self.layers, self.sizes = [nn.Dense(2), nn.relu], (1, 2)

        def __call__(self, x):
            return x

    assert repr(Many()).splitlines() == [
        "Many(sizes=(1, 2))",
        "  layers.0: Dense(units=2, weight=param(?), bias=param(?))",
        "  layers.1: Activation(function=relu)",
    ]


def test_numpy_leaves_are_not_shown_either():
    class Table(mt.Mapping):
        def __init__(self):
            self.values = np.arange(1000.0)

        def __call__(self, x):
            return x

    assert len(repr(Table())) < 100
