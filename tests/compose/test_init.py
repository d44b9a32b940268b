"""`net.init(key, example)`: streams by path, examples of every kind, what is refused."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from tests.compose.layers import Centre, array, close, paths, same

X = xp.ones((1, 3))


def net():
    return nn.Dense(4) >> nn.relu >> nn.Dense(2)


def test_the_same_key_gives_the_same_bits_and_another_key_others():
    a, b, c = net().init(mt.key(3), X), net().init(mt.key(3), X), net().init(mt.key(4), X)
    assert same(a, b)
    assert (array(a.dense_1.weight) != array(c.dense_1.weight)).all()


def test_another_layer_changes_no_other_parameter():
    plain = net().init(mt.key(0), X)
    longer = (net() >> nn.relu >> nn.Dense(7) >> Centre()).init(mt.key(0), X)
    wider = mt.chain(body=net(), other=nn.Dense(2)).init(mt.key(0), X)
    for path, value in mt.parameters(plain).items():
        assert (array(mt.parameters(longer)[path]) == array(value)).all()
    assert (array(mt.parameters(wider)["body.dense_1.weight"]) != array(plain.dense_1.weight)).any()


def test_layers_of_one_net_have_different_parameters():
    made = mt.repeat(nn.Dense(3), 20).init(mt.key(0), X)
    assert len({array(copy.weight).tobytes() for copy in made.copies}) == 20


def test_init_leaves_the_original_untouched():
    given = net()
    before = repr(given)
    given.init(mt.key(0), X)
    assert repr(given) == before
    with pytest.raises(mt.StateError):
        given(X)
    assert given.init(mt.key(0), xp.ones((1, 9))).dense_1.weight.shape == (9, 4)


@pytest.mark.parametrize(
    "example",
    [
        xp.ones((5, 3)),
        np.ones((2, 3), np.float32),
        np.ones((2, 3)),
        np.ones((2, 3), np.uint8),
        mt.Spec(np.dtype(np.float32), (1, 3)),
        [[1.0, 2.0, 3.0]],
    ],
    ids=["array", "NumPy", "NumPy float64", "bytes", "spec", "list"],
)
def test_only_type_and_shape_of_an_example_matter(example):
    assert same(net().init(mt.key(0), example), net().init(mt.key(0), X))


def test_specs_are_recorded_without_the_batch_axis():
    made = net().init(mt.key(0), xp.ones((7, 3)))

    def shapes(part):
        (given,), result = part._meta.specs
        return given.shape, result.shape

    assert [shapes(part) for part in (made, made[0], made[1], made[2])] == [
        ((3,), (2,)),
        ((3,), (4,)),
        ((4,), (4,)),
        ((4,), (2,)),
    ]


def test_several_examples():
    class Weigh(mt.Mapping):
        def __init__(self):
            self.weight = mt.param(lambda x, y: (x.shape[1], y.shape[1]), nn.glorot_normal)

        def __call__(self, x, y):
            return xp.sum((x @ self.weight) * y, axis=1)

    assert Weigh().init(mt.key(0), xp.ones((2, 3)), np.ones((2, 5), np.float32)).weight.shape == (3, 5)


def test_inputs_by_keyword_and_from_numpy_count():
    class Calls(mt.Mapping):
        def __init__(self):
            self.a, self.b = nn.Dense(2), nn.Dense(2)

        def __call__(self, x):
            return self.a(x=x) + self.b(np.ones((1, 5), np.float32))

    made = Calls().init(mt.key(0), X)
    assert (made.a.weight.shape, made.b.weight.shape) == ((3, 2), (5, 2))


def test_a_layer_that_is_never_called_is_named_in_a_note():
    class Lazy(mt.Mapping):
        def __init__(self):
            self.used, self.spare = nn.Dense(2), nn.Dense(2)

        def __call__(self, x):
            return self.used(x)

    with pytest.warns(mt.Note, match=r"never called.*spare\.weight, spare\.bias"):
        made = Lazy().init(mt.key(0), X)
    assert paths(made) == ["used.weight", "used.bias"]
    assert made(X).shape == (1, 2)


def test_a_layer_called_twice_has_one_set_of_parameters():
    class Again(mt.Mapping):
        def __init__(self):
            self.layer = nn.Dense(3)

        def __call__(self, x):
            return self.layer(nn.relu(self.layer(x)))

    assert paths(Again().init(mt.key(0), X)) == ["layer.weight", "layer.bias"]


def test_what_is_made_already_stays():
    body = nn.Dense(4).init(mt.key(9), X)
    made = (body >> nn.relu >> nn.Dense(2)).init(mt.key(0), X)
    assert (array(made.dense_1.weight) == array(body.weight)).all()
    again = made.init(mt.key(5), X)
    assert same(again, made)


def test_a_weight_given_before_init_stays():
    given = mt.replace(nn.Dense(2), {"weight": np.full((3, 2), 0.5)})
    made = given.init(mt.key(0), X)
    assert made.weight.dtype == xp.float32 and (array(made.weight) == 0.5).all() and made.bias.shape == (2,)


def test_init_within_compile_and_vmap():
    spec = mt.Spec(np.dtype(np.float32), (1, 3))
    compiled = mt.compile(lambda key: net().init(key, spec))(mt.key(0))
    assert close(compiled, net().init(mt.key(0), spec))
    keys = mt.split(mt.key(0), 4)
    ensemble = mt.vmap(lambda key: net().init(key, spec))(keys)
    assert ensemble.dense_1.weight.shape == (4, 3, 4)
    assert (array(ensemble.dense_1.weight[2]) == array(net().init(keys[2], spec).dense_1.weight)).all()


def test_cast_before_and_after_init():
    after, before = net().init(mt.key(0), X).cast(xp.float64), net().cast(xp.float64).init(mt.key(0), X)
    for made in (after, before):
        assert {w.dtype for w in mt.parameters(made).values()} == {np.dtype(np.float64)}
        assert made(xp.ones((2, 3), dtype=xp.float64)).dtype == xp.float64
    centred = Centre().init(mt.key(0), X).cast(xp.float64)
    assert centred.mean.dtype == np.float64
    assert paths(centred) == ["shift"], "cast keeps the kinds"
    assert centred.cast(xp.float32).mean.dtype == np.float32


def layer_of_its_own_making():
    inner = nn.Dense(2)
    return mt.fn(lambda x: inner(x))


class WrongShape(mt.Mapping):
    def __init__(self):
        self.weight = mt.param((3,), lambda key, shape, dtype: 0.0)

    def __call__(self, x):
        return x * self.weight


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: net().init(X, mt.key(0)), mt.UsageError, "key first"),
        (lambda: net().init(0, X), mt.UsageError, "key first"),
        (lambda: net().init(mt.key(0)), mt.UsageError, "example"),
        (lambda: net().init(mt.key(0), 1.0), mt.UsageError, "batch axis"),
        (lambda: net().init(mt.key(0), xp.ones((3,))), mt.ShapeError, "x\\[None\\]"),
        (lambda: layer_of_its_own_making().init(mt.key(0), X), mt.StateError, "attribute"),
        (lambda: WrongShape().init(mt.key(0), X), mt.ShapeError, "initialiser of weight"),
        (lambda: mt.training(net())(mt.key(0), X), mt.StateError, "init"),
        (lambda: mt.evaluation(net())(X), mt.StateError, "init"),
        (lambda: mt.compile(lambda n, x: n(x))(net(), X), mt.StateError, "init"),
        (lambda: mt.grad(lambda n: xp.sum(n(X)))(net()), mt.StateError, "init"),
    ],
    ids=["swapped", "seed", "no example", "number", "no batch", "closed over", "shape", "training", "evaluation",
         "compile", "grad"],
)  # fmt: skip
def test_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_paths_whose_crc_is_the_same_have_different_parameters():
    made = mt.chain(plumless=nn.Dense(3), buckeroo=nn.Dense(3)).init(mt.key(0), X)
    assert (array(made.plumless.weight) != array(made.buckeroo.weight)).any()


@pytest.mark.parametrize("declare", [mt.param, mt.state])
@pytest.mark.parametrize(
    ("given", "word"), [(((2, 3), 0.5), "initialiser"), ((3, nn.ones), "shape"), ((("a",), nn.ones), "shape")]
)
def test_what_is_no_declaration_is_refused_at_once(declare, given, word):
    with pytest.raises(mt.UsageError, match=f"{declare.__name__}: {word} is") as error:
        declare(*given)
    assert error.value.code == "ARG-01"


def test_one_object_in_two_places_is_told_to_be_two_layers() -> None:
    layer = nn.Dense(4)
    with pytest.warns(mt.Note, match="dense_1 and dense_2 are one object and become two layers"):
        net = (layer >> nn.relu >> layer).init(mt.key(0), xp.ones((1, 4)))
    assert len(mt.parameters(net)) == 4
    net.init(mt.key(1), xp.ones((1, 4)))  # made already: two layers, nothing to tell
    mt.repeat(layer >> nn.relu, 3).init(mt.key(0), xp.ones((1, 4)))  # copies on purpose


def test_one_attribute_called_twice_is_shared_without_a_word() -> None:
    class Twice(mt.Mapping):
        def __init__(self) -> None:
            self.layer = nn.Dense(4)

        def __call__(self, x):
            return self.layer(self.layer(x))

    assert len(mt.parameters(Twice().init(mt.key(0), xp.ones((1, 4))))) == 2
