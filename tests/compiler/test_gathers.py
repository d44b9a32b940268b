"""Products with gathered rows become products of the table: values, gradients, errors and bits are as they were."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import losses, nn, xp
from mapsto.compiler.pipeline import planned
from mapsto.compiler.rewrites.gathers import gathered_products
from mapsto.compiler.rewrites.sums_by_rows import sums_by_rows
from mapsto.compiler.weight import of_plan
from mapsto.core.errors import IndexRangeError
from mapsto.core.tree import flatten
from mapsto.ir.graph import run
from mapsto.prims.reduce import Sum

ROWS, WIDTH, OUT = 7, 48, 40


def arrays(rows=ROWS, places=(9, 11), dtype="f8"):
    """A table, weights, a bias, an index, and what the loss multiplies with."""
    shapes = (rows, WIDTH), (WIDTH, OUT), (OUT,), (*places, OUT)
    random = np.random.default_rng(0)
    table, weight, bias, target = (random.standard_normal(shape).astype(dtype) for shape in shapes)
    return table, weight, bias, random.integers(-rows, rows, places), target


def plain(table, weight, bias, index, target):
    return xp.sum(xp.tanh(xp.take(table, index, axis=0) @ weight + bias) * target)


def turned(table, weight, bias, index, target):
    """Places in another order between the gather and the product, and behind it."""
    rows = xp.permute_dims(xp.take(table, index, axis=0), (1, 0, 2))
    return xp.sum(xp.tanh(xp.permute_dims(rows @ weight + bias, (1, 0, 2))) * target)


def flat(table, weight, bias, index, target):
    """All places in one axis, and the table's columns in two."""
    rows = xp.reshape(xp.take(table, index, axis=0), (index.size, 6, WIDTH // 6))
    found = xp.einsum("nab,abo->no", rows, xp.reshape(weight, (6, WIDTH // 6, OUT)))
    return xp.sum(xp.reshape(xp.tanh(found + bias), target.shape) * target)


def from_the_left(table, weight, bias, index, target):
    """The gathered rows are the second factor, scaled."""
    rows = xp.take(table, index, axis=0) * 0.5
    return xp.sum(xp.einsum("ko,abk->oab", weight, rows) ** 2 * xp.permute_dims(target, (2, 0, 1))) + xp.sum(bias)


def twice(table, weight, bias, index, target):
    """The rows are used elsewhere too, and go through two layers."""
    rows = xp.take(table, index, axis=0)
    hidden = xp.maximum(rows @ weight + bias, 0)
    return xp.sum(hidden @ weight.T * rows) + xp.sum((rows @ weight) * target)


FUNCTIONS = [plain, turned, flat, from_the_left, twice]


def both(function, given):
    """A function and its first three gradients, compiled and by the reference, as NumPy arrays."""
    whole = mt.value_and_grad(function, (0, 1, 2))
    found = mt.compile(whole)(*given)
    with mt.interpret():
        wanted = whole(*map(xp.asarray, given))
    return [[np.asarray(one) for one in (value, *gradients)] for value, gradients in (found, wanted)]


def agree(found, wanted):
    """Whether numbers differ by roundoff alone, measured by the largest of them."""
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-11 * np.abs(other).max())


def graph_of(function, given):
    return mt.graph(mt.value_and_grad(function, (0, 1, 2)))(*map(xp.asarray, given)).graph


@pytest.mark.parametrize("rows", [1, 7, 49, 60, 300])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_value_and_gradients(function, rows):
    agree(*both(function, arrays(rows)))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_new_graph_does_less(function):
    graph = graph_of(function, arrays(places=(40, 40)))
    before, after = (sum(node.flops for node in one.nodes) for one in (graph, gathered_products(graph)))
    assert after < (0.75 if function is twice else 0.35) * before


def test_what_a_plan_has_to_do():
    """By operations and bytes, a step over a small table does much less than one over a table that is too large."""
    few, many = (of_plan(planned(graph_of(plain, arrays(rows, (40, 40))))) for rows in (10, 1500))
    assert few < many / 2


@pytest.mark.parametrize("dtype", ["f2", "i8"])
def test_other_types_are_left_alone(dtype):
    table, weight, _, index, _ = arrays()
    given = [xp.asarray(one.astype(dtype)) for one in (table, weight)]
    graph = mt.graph(lambda table, weight: xp.take(table, index, axis=0) @ weight)(*given).graph
    assert gathered_products(graph) is graph


@pytest.mark.parametrize("rows", [50, 100])
def test_large_tables_are_left_alone(rows):
    graph = graph_of(plain, arrays(rows))
    assert gathered_products(graph) is graph


def test_where_places_are_summed_in_part():
    """Neither all places nor none of them are summed over: the product stays, and is right."""
    given = arrays()

    def function(table, weight, bias, index, target):
        return xp.sum(xp.einsum("abk,abo->ako", xp.take(table, index, axis=0), target) ** 2) + xp.sum(weight) * xp.sum(
            bias
        )

    agree(*both(function, given))


def test_a_number_for_every_row():
    """Rows without axes of their own, and an index of one axis."""
    random = np.random.default_rng(0)
    table, index, weight = random.standard_normal(5), random.integers(-5, 5, 900), random.standard_normal((900, 64))

    def function(table, weight):
        return xp.sum(xp.tanh(xp.take(table, index, axis=0) @ weight))

    whole = mt.value_and_grad(function, (0, 1))
    found = mt.compile(whole)(table, weight)
    with mt.interpret():
        wanted = whole(xp.asarray(table), xp.asarray(weight))
    agree(*([np.asarray(one) for one in (value, *gradients)] for value, gradients in (found, wanted)))


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("wrong", [-ROWS - 1, ROWS, 2**40])
def test_an_index_out_of_range_is_an_error(function, wrong):
    given = arrays()
    given[3][4, 5] = wrong
    said = []
    for reference in (False, True):
        with pytest.raises(IndexRangeError) as caught:
            if reference:
                with mt.interpret():
                    function(*map(xp.asarray, given))
            else:
                mt.compile(mt.grad(function, (0, 1, 2)))(*given)
        said.append(str(caught.value).splitlines()[0])
    assert said[0] == said[1]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_rows_that_nobody_takes_may_hold_anything(function, bad):
    given = arrays()
    given[3][given[3] % ROWS == 2] = 3
    given[0][2] = bad
    found, wanted = both(function, given)
    assert all(np.isfinite(one).all() for one in found)
    agree(found, wanted)


def test_weights_that_are_not_finite_leave_rows_that_nobody_takes_alone():
    given = arrays()
    given[3][given[3] % ROWS == 2] = 3
    given[1][0, 0] = np.inf
    found, wanted = both(from_the_left, given)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(np.isfinite(one), np.isfinite(other))
    assert not found[1][2].any()


@pytest.mark.parametrize("width", [40, 512])
def test_the_same_bits_on_any_number_of_threads(width):
    random = np.random.default_rng(0)
    table, weight, bias = (random.standard_normal(shape).astype("f4") for shape in ((65, 64), (64, width), (width,)))
    index, target = random.integers(0, 65, (64, 50)), random.standard_normal((64, 50, width)).astype("f4")
    step = mt.compile(mt.value_and_grad(plain, (0, 1, 2)))
    bits: set[bytes] = set()
    before = mt.threads()
    try:
        for count in (1, 2, 3, 4):
            mt.threads(count)
            value, gradients = step(table, weight, bias, index, target)
            bits.add(b"".join(np.asarray(one).tobytes() for one in (value, *gradients)))
    finally:
        mt.threads(before)
    assert len(bits) == 1


def recurrent():
    """A net that reads letters, and letters."""
    random = np.random.default_rng(0)
    letters, places = random.integers(0, 20, (16, 30)), random.integers(0, 20, (16, 30))
    net = (nn.Embedding(20, 24) >> nn.LSTM(32) >> nn.Dense(20)).init(mt.key(0), letters[:1])

    def loss(net, x, y):
        return losses.cross_entropy(net(x), y).mean()

    return mt.value_and_grad(loss), net, letters, places


def test_a_recurrent_net():
    step, net, x, y = recurrent()
    found = mt.compile(step)(net, x, y)
    with mt.interpret():
        wanted = step(net, xp.asarray(x), xp.asarray(y))
    pairs = zip(flatten(found)[0], flatten(wanted)[0], strict=True)
    for one, other in ((one.value, other.value) for one, other in pairs if other.value is not None):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_reference_of_the_new_graph(function):
    """The rule by itself, run by NumPy: the same numbers with nothing of the compiler behind it."""
    given = arrays()
    graph = graph_of(function, given)
    changed = gathered_products(graph)
    assert changed is not graph and changed.inputs == graph.inputs
    agree(run(changed, given), run(graph, given))


def test_a_bias_has_the_sums_of_the_rows():
    """No sum runs over all entries where the sums by rows are there; one over other axes stays."""
    random = np.random.default_rng(0)
    index, given = random.integers(0, 6, (30, 20)), random.standard_normal((30, 20, 8))

    def function(given):
        table = xp.zeros((6, 8), dtype=xp.float64)
        added = mt.grad(lambda table: xp.sum(xp.take(table, index, axis=0) * given))(table)
        return added, xp.sum(given, axis=(0, 1)), xp.sum(given, axis=0)

    graph = mt.graph(function)(xp.asarray(given)).graph
    changed = sums_by_rows(graph)
    read = [node.inputs[0].spec.shape for node in changed.nodes if isinstance(node.primitive, Sum)]
    assert (6, 8) in read and read.count((30, 20, 8)) == 1
    with mt.interpret():
        wanted = [np.asarray(one) for one in function(xp.asarray(given))]
    agree([np.asarray(one) for one in mt.compile(function)(given)], wanted)


def test_an_index_made_of_the_sum_is_no_circle():
    random = np.random.default_rng(0)
    given = np.abs(random.standard_normal((40, 3)))

    def function(given):
        total = xp.sum(given, axis=0)
        index = xp.astype(xp.arange(40) % 2 + xp.astype(total[0] > 1e9, xp.int64), xp.int64)
        table = xp.zeros((3, 3), dtype=xp.float64)
        return mt.grad(lambda table: xp.sum(xp.take(table, index, axis=0) * given))(table) + total

    with mt.interpret():
        wanted = np.asarray(function(xp.asarray(given)))
    np.testing.assert_allclose(mt.compile(function)(given), wanted, rtol=1e-12)


@pytest.mark.parametrize("shape", [(1,), (5, 1)])
def test_the_only_place_of_an_axis_is_read_where_it_is_made(shape):
    """Two who read it at places that are read themselves: it is not written, as the row in which it is made is all."""
    x, places = np.arange(1, 1 + np.prod(shape), dtype=np.float32).reshape(shape), [np.zeros(1, int), np.full(1, -1)]
    both = mt.compile(lambda x, places: [xp.take(x / 4, place, axis=-1) for place in places])
    for found in both(x, places):
        np.testing.assert_array_equal(np.asarray(found), x / 4)
    with pytest.raises(IndexRangeError):
        both(x, [np.zeros(1, int), np.ones(1, int)])


def test_no_rows_are_gathered():
    def function(x, w, places):
        v = xp.take(x, places, axis=0)
        return v @ w * 2 + xp.sum(v)

    found = mt.compile(function)(xp.ones((0,)), xp.ones((0, 1)), np.zeros(0, int))
    np.testing.assert_array_equal(np.asarray(found), [0])
