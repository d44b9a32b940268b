"""Paths are the keys of checkpoints and the streams' names: what may and may not change them."""

from collections import namedtuple

import pytest

import mapsto as mt
from mapsto import nn, xp
from tests.compose.layers import array, paths, same

X = xp.ones((1, 3))


def dense(units=3):
    return nn.Dense(units, bias=False)


def ready(net, example=X):
    return net.init(mt.key(0), example)


def test_an_inserted_relu_renames_nothing_that_is_saved():
    plain = ready(dense() >> nn.Dropout(0.1) >> dense())
    for net in (
        nn.relu >> dense() >> nn.Dropout(0.1) >> dense(),
        dense() >> nn.relu >> nn.relu >> nn.Dropout(0.1) >> nn.tanh >> dense() >> nn.relu,
        dense() >> mt.fn(abs) >> nn.Flatten() >> nn.Dropout(0.1) >> nn.Flatten() >> dense(),
    ):
        made = ready(net)
        assert paths(made) == paths(plain) == ["dense_1.weight", "dense_2.weight"]
        assert same(made.dense_1, plain.dense_1) and same(made.dense_2, plain.dense_2)
        key = mt.key(7)
        kept = [array(mt.training(n.dropout_1)(key, xp.ones((4, 3)))[0]) for n in (made, plain)]
        assert (kept[0] == kept[1]).all()


def test_an_inserted_relu_moves_no_dropout():
    """The stream of a layer that draws keys is its path as well."""
    x = xp.ones((8, 3))
    plain, longer = nn.Dropout(0.5) >> nn.Dropout(0.5), nn.Dropout(0.5) >> nn.relu >> nn.Dropout(0.5)
    assert (array(mt.training(plain)(mt.key(1), x)[0]) == array(mt.training(longer)(mt.key(1), x)[0])).all()


def test_every_kind_is_numbered_by_itself():
    net = nn.Conv2D(2, 1) >> nn.Flatten() >> dense() >> dense()
    assert [path.split(".")[0] for path in paths(ready(net, xp.ones((1, 2, 2, 1))))] == [
        "conv2d_1", "conv2d_1", "dense_1", "dense_2",
    ]  # fmt: skip


def test_parts_that_only_draw_keys_are_numbered_wherever_they_stand():
    for part in (nn.Dropout(0.1), mt.repeat(nn.Dropout(0.1), 2), mt.residual(nn.relu >> nn.Dropout(0.1))):
        alone = next(iter(vars(part >> nn.relu)))
        assert list(vars(mt.residual(nn.relu) >> mt.repeat(nn.relu, 2) >> part >> nn.relu))[2] == alone
        assert alone.endswith("_1")


def test_attributes_are_paths_of_a_class():
    class Two(mt.Mapping):
        def __init__(self):
            self.first, self.second = dense(), dense() >> nn.relu

        def __call__(self, x):
            return self.second(self.first(x))

    assert paths(ready(Two())) == ["first.weight", "second.dense_1.weight"]
    assert paths(ready(Two() >> Two()))[::2] == ["two_1.first.weight", "two_2.first.weight"]


def test_names_are_boundaries():
    body = dense() >> nn.relu >> dense()
    named = ready(mt.named("backbone", body) >> dense())
    assert paths(named) == ["backbone.dense_1.weight", "backbone.dense_2.weight", "dense_1.weight"]
    assert paths(ready(mt.chain(backbone=body, head=dense()))) == [*paths(named)[:2], "head.weight"]
    assert len(mt.named("a", mt.named("b", body))) == 1
    assert paths(ready(mt.named("a", mt.named("b", body))))[0] == "a.b.dense_1.weight"


Layers = namedtuple("Layers", "one two")


@pytest.mark.parametrize(
    ("parts", "names"),
    [
        ([dense(), dense()], ["0", "1"]),
        ((dense(), dense()), ["0", "1"]),
        ({"b": dense(), "a": dense()}, ["b", "a"]),
        ({7: dense(), 3: dense()}, ["7", "3"]),
        (Layers(dense(), dense()), ["one", "two"]),
        ([[dense()], (dense(),)], ["0.0", "1.0"]),
    ],
    ids=["list", "tuple", "dict", "integer keys", "named tuple", "nested"],
)
def test_containers_of_layers(parts, names):
    class Many(mt.Mapping):
        def __init__(self):
            self.parts = parts

        def __call__(self, x):
            stack = list(self.parts.values()) if isinstance(self.parts, dict) else list(self.parts)
            while stack:
                part = stack.pop(0)
                if isinstance(part, mt.Mapping):
                    x = part(x)
                else:
                    stack[:0] = part
            return x

    net = ready(Many())
    assert paths(net) == [f"parts.{name}.weight" for name in names]
    assert isinstance(net.parts, type(parts))
    first, second = mt.parameters(net).values()
    assert (array(first) != array(second)).any()
    assert mt.training(net)(mt.key(0), X)[1].parts.__class__ is type(net.parts)
    assert (array(net(X)) == array(mt.training(net)(mt.key(0), X)[0])).all()


def test_parameters_in_containers():
    class Many(mt.Mapping):
        def __init__(self, parts):
            self.parts = parts

        def __call__(self, x):
            for part in self.parts.values() if isinstance(self.parts, dict) else self.parts:
                x = x * part
            return x

    def made(parts):
        return ready(Many(parts))

    one, two = (mt.param((3,), nn.ones) for _ in range(2))
    assert paths(made([one, two])) == ["parts.0", "parts.1"]
    assert paths(made({"a": one, "b": two})) == ["parts.a", "parts.b"]
    assert paths(made(Layers(one, two))) == ["parts.one", "parts.two"]
    assert set(paths(mt.freeze(made((one, two)), "parts.0"))) == {"parts.1"}


def test_the_same_object_twice_is_two_layers():
    shared = dense()
    with pytest.warns(mt.Note, match="are one object and become two layers"):
        net = ready(shared >> nn.relu >> shared)
        pair = ready(shared & shared)
    assert paths(net) == ["dense_1.weight", "dense_2.weight"]
    assert (array(net.dense_1.weight) != array(net.dense_2.weight)).any()
    assert (array(pair(X)[0]) != array(pair(X)[1])).any()
    stack = ready(mt.repeat(shared, 3))
    assert paths(stack) == [f"copies.{i}.weight" for i in range(3)]
    assert len({array(w).tobytes() for w in mt.parameters(stack).values()}) == 3


def test_a_given_name_and_an_ordinal_do_not_meet():
    for net in (mt.chain(dense(), dense_1=dense()), mt.named("dense_1", dense()) >> dense()):
        assert len(net) == 2
        assert sorted(paths(ready(net))) == ["dense_1.weight", "dense_2.weight"]


@pytest.mark.parametrize(
    "name", ["init", "cast", "replace", "label", "steps", "_meta", "_given", "a.b", "", "1", "x y"]
)
def test_names_that_would_break_a_chain_are_refused(name):
    with pytest.raises(mt.UsageError, match="cannot name a part"):
        mt.named(name, dense())


def test_a_class_called_like_a_method_hides_nothing():
    class Init(mt.Mapping):
        def __call__(self, x):
            return x

    def cast(x):
        return x

    net = ready(Init() >> mt.fn(cast) >> dense())
    assert net.cast(xp.float64).dense_1.weight.dtype == xp.float64
    assert len(net) == 3


def test_a_name_twice_is_refused():
    with pytest.raises(mt.UsageError, match="twice"):
        mt.named("a", dense()) >> mt.named("a", dense())


def test_an_error_names_the_path():
    net = ready(mt.chain(backbone=dense(4) >> nn.relu >> dense(), head=dense()))
    with pytest.raises(mt.ShapeError) as error:
        net.replace(head=ready(dense(), xp.ones((1, 5))))(X)
    assert error.value.path == "net.head"
    inner = mt.replace(net, {"backbone.dense_2": ready(dense(), xp.ones((1, 5)))})
    with pytest.raises(mt.ShapeError) as error:
        inner(X)
    assert error.value.path == "net.backbone.dense_2"
