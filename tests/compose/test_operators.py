"""The four operators and the words: what they mean, and that their structure does not depend on brackets."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, optim, xp
from mapsto.core.tree import flatten
from tests.compose.layers import Trace, array, paths

X = xp.asarray([[1.0, -2.0, 3.0]])
double, negate = mt.fn(lambda x: 2 * x), mt.fn(lambda x: -x)


def key_of(tree):
    return flatten(tree)[1].key


def test_arrows_apply_from_left_to_right():
    made = Trace(1.0) >> Trace(2.0) >> Trace(3.0)
    assert array(made(X))[0, 3:].tolist() == [1, 2, 3]


def test_brackets_do_not_matter():
    a, b, c = nn.Dense(2), nn.relu, nn.Dense(3)
    assert key_of((a >> b) >> c) == key_of(a >> (b >> c)) == key_of(mt.chain(a, b, c))
    assert paths(((a >> b) >> c).init(mt.key(0), X)) == paths((a >> (b >> c)).init(mt.key(0), X))
    assert key_of((a & b) & c) == key_of(a & (b & c))
    assert len((double & negate & double)(X)) == 3


def test_brackets_matter_where_names_are_boundaries():
    a, b, c = (nn.Dense(2) for _ in range(3))
    left = mt.named("body", a >> b) >> c
    assert [len(left), len(left[0])] == [2, 2]
    assert key_of(left) != key_of(a >> b >> c)


def test_names_survive_composition():
    left, right = mt.named("a", nn.Dense(2)), mt.named("b", nn.Dense(2))
    assert paths((nn.relu >> left >> (right >> nn.relu)).init(mt.key(0), X))[::2] == ["a.weight", "b.weight"]


def test_a_chain_is_a_sequence():
    made = Trace(1.0) >> Trace(2.0) >> mt.named("last", Trace(3.0))
    assert len(made) == 3 and [step.mark for step in made] == [1, 2, 3]
    assert made[-1].mark == made.last.mark == 3
    assert array(made[1:](X))[0, 3:].tolist() == [2, 3]
    assert made[1:].last is made.last
    assert made[::-1][0] is made.last
    with pytest.raises(mt.IndexRangeError):
        made[3]
    with pytest.raises(IndexError):
        made[-4]


def test_sums_and_products_are_of_values():
    assert array((double + negate)(X)).tolist() == array(X).tolist()
    assert array((double * negate)(X)).tolist() == (-2 * array(X) ** 2).tolist()
    assert array((double + abs)(X)).tolist() == (2 * array(X) + abs(array(X))).tolist()
    made = (nn.Dense(2) + nn.Dense(2)).init(mt.key(0), X)
    assert paths(made) == ["left.weight", "left.bias", "right.weight", "right.bias"]
    assert (array(made.left.weight) != array(made.right.weight)).any()


def test_precedence_is_python_s():
    """`*` before `+` before `>>` before `&`."""
    net = double >> negate & double + double * negate
    pair = net(X)
    assert array(pair[0]).tolist() == (-2 * array(X)).tolist()
    assert array(pair[1]).tolist() == (2 * array(X) - 2 * array(X) ** 2).tolist()


def test_and_gives_one_value_and_star_spreads_it():
    subtract = mt.fn(lambda x, y: x - y)
    assert array(((double & negate) >> mt.star(subtract))(X)).tolist() == (3 * array(X)).tolist()
    assert array(((double & negate) >> mt.fn(lambda pair: pair[0]))(X)).tolist() == (2 * array(X)).tolist()
    with pytest.raises(TypeError):
        ((double & negate) >> subtract)(X)


def test_parallel_takes_a_part_each():
    a, b = ((double & negate) >> mt.parallel(negate, double))(X)
    assert array(a).tolist() == array(b).tolist() == (-2 * array(X)).tolist()
    with pytest.raises(mt.UsageError, match="2 mappings got 3"):
        mt.parallel(double, negate)((X, X, X))


def test_residual_and_repeat():
    assert array(mt.residual(double)(X)).tolist() == (3 * array(X)).tolist()
    assert array(mt.repeat(double, 5)(X)).tolist() == (32 * array(X)).tolist()
    with pytest.raises(mt.UsageError):
        mt.repeat(double, 0)


def test_each_lifts_a_mapping_of_one_example():
    rows = xp.asarray(np.arange(12.0, dtype=np.float32).reshape(4, 3))
    made = mt.each(mt.fn(lambda row: row / xp.sum(row)))
    np.testing.assert_allclose(array(made(rows)), array(rows) / array(rows).sum(1, keepdims=True), rtol=1e-6)
    assert array(mt.each(lambda row: row[0])(rows)).tolist() == [0, 3, 6, 9]


def test_functions_join_in_on_either_side():
    def plus(x):
        return x + 1

    assert array((plus >> double >> plus)(X)).tolist() == (2 * (array(X) + 1) + 1).tolist()
    assert array(mt.chain(plus, plus)(X)).tolist() == (array(X) + 2).tolist()


@pytest.mark.parametrize("other", [3, None, "relu", X, np.ones(3), [nn.relu], optim.adam(), {}], ids=str)
@pytest.mark.parametrize(
    "join",
    [lambda f, g: f >> g, lambda f, g: g >> f, lambda f, g: f + g, lambda f, g: f * g, lambda f, g: f & g],
    ids=["f >> g", "g >> f", "f + g", "f * g", "f & g"],
)
def test_what_is_no_mapping_does_not_join(join, other):
    with pytest.raises(mt.UsageError):
        join(double, other)


@pytest.mark.parametrize(
    "word",
    [
        mt.fn,
        mt.each,
        mt.chain,
        mt.residual,
        mt.star,
        mt.parallel,
        lambda f: mt.named("a", f),
        lambda f: mt.repeat(f, 2),
    ],
)
def test_words_refuse_what_is_no_mapping(word):
    with pytest.raises(mt.UsageError):
        word(3)


def test_a_class_in_place_of_a_layer_is_named():
    with pytest.raises(mt.UsageError, match=r"Flatten\(…\)"):
        nn.Dense(2) >> nn.Flatten


def test_a_net_is_not_changed_by_composing_it():
    net = nn.Dense(2).init(mt.key(0), X)
    longer = net >> nn.relu
    assert longer.dense_1 is net and repr(net) == "Dense(units=2, weight=f32[3,2], bias=f32[2])"


@pytest.mark.parametrize(
    ("join", "words"),
    [
        (lambda net: 0.1 * net, "float * Dense"),
        (lambda net: net + 1, "Dense + int"),
        (lambda net: net >> 1, "Dense >> int"),
        (lambda net: net & 1, "Dense & int"),
    ],
)
def test_the_operator_that_was_written_is_named(join, words):
    with pytest.raises(mt.UsageError, match="only mappings and functions compose") as error:
        join(nn.Dense(3))
    assert words in str(error.value)
    assert ("mt.fn(lambda y:" in str(error.value)) == (words[6] in "+*")


def test_a_tuple_for_a_function_of_two_is_answered_with_star():
    class Sum(mt.Mapping):
        def __call__(self, a, b):
            return a + b

    for last in (mt.fn(lambda a, b: a + b), Sum()):
        with pytest.raises(mt.UsageError, match=r"takes 2 inputs.*[\s\S]*mt\.star") as error:
            ((nn.relu & nn.tanh) >> last)(xp.ones((2, 3)))
        assert error.value.code == "MAP-20"
        assert ((nn.relu & nn.tanh) >> mt.star(last))(xp.ones((2, 3))).shape == (2, 3)


def test_deep_nesting_works_or_says_why():
    net = nn.relu
    for _ in range(150):
        net = mt.residual(net)
    assert float(net(xp.ones((1, 1)))[0, 0]) == 151.0
    for _ in range(1000):  # from Python 3.12 on, a level takes fewer of the calls that are counted
        net = mt.residual(net)
    with pytest.raises(mt.UsageError, match="nested deeper than") as error:
        net(xp.ones((1, 1)))
    assert error.value.code == "MAP-22" and len(str(error.value)) < 400
    with pytest.raises(mt.UsageError, match="nested deeper than"):
        flatten(net)


def test_a_function_that_recurses_without_end_is_python_s_matter():
    def endless(x):
        return endless(x)

    with pytest.raises(RecursionError):
        mt.fn(endless)(xp.ones((1, 1)))


def test_names_of_long_chains_are_numbered_in_order():
    """1 relu, 2 dense, …: what took a cubic number of steps, and 5 s for 800 parts."""
    net = mt.chain(relu_3=nn.tanh, dense_2=nn.relu)
    for _ in range(4):
        net = net >> nn.relu >> nn.Dense(3)
    names = [name for name in vars(net) if not name.startswith("_")]
    expected = "relu_3 dense_2 relu dense_1 relu_2 dense_3 relu_4 dense_4 relu_5 dense_5"
    assert names == expected.split()
