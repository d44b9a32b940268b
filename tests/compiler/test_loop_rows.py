"""Rows that a loop gathers within itself, and rows that it hands out as they came in."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import xp
from mapsto.compiler.rewrites.loop_rows import rows_in_loops
from mapsto.core.errors import IndexRangeError
from mapsto.ir.graph import run
from mapsto.prims.index import Take
from mapsto.transform.scan import Scan

RNG = np.random.default_rng(0)
TABLE = RNG.standard_normal((6, 32))
INDEX = RNG.integers(-6, 6, (5, 11))
WEIGHT = RNG.standard_normal((32, 32)) / 8


def by_turns(table, index, weight):
    """The rows of turn t are those of column t of the index."""
    rows = xp.permute_dims(xp.take(table, index, axis=0), (1, 0, 2))
    return mt.scan(lambda h, x: (xp.tanh(h @ weight + x), h), xp.zeros((5, 32), dtype=xp.float64), rows)


def as_they_are(table, index, weight):
    """Turn t has row t of the index; from the last to the first, with the row handed out as it came in."""
    last, (rows, _) = mt.scan(
        lambda h, x: (xp.tanh(h @ weight + x), (x, h * 2)),
        xp.zeros((11, 32), dtype=xp.float64),
        xp.take(table, index, axis=0),
        reverse=True,
    )
    return last, rows


def one_number(table, index, weight):
    """One row a turn."""
    return mt.scan(
        lambda h, x: (h * 0.5 + x, h @ weight), xp.zeros(32, dtype=xp.float64), xp.take(table, index[0], axis=0)
    )


def read_elsewhere(table, index, weight):
    """Rows that are needed outside of the loop, too."""
    rows = xp.take(table, index, axis=0)
    last, states = mt.scan(lambda h, x: (h + x @ weight, h), xp.zeros((11, 32), dtype=xp.float64), rows)
    return last, states + rows


FUNCTIONS = [by_turns, as_they_are, one_number, read_elsewhere]


def loop_of(graph):
    return next(node.primitive for node in graph.nodes if isinstance(node.primitive, Scan))


def has_take(graph):
    return any(isinstance(node.primitive, Take) for node in graph.nodes)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_same_numbers(function):
    given = [xp.asarray(one) for one in (TABLE, INDEX, WEIGHT)]
    graph = mt.graph(function)(*given).graph
    changed = rows_in_loops(graph)
    for one, other in zip(run(changed, (TABLE, INDEX, WEIGHT)), run(graph, (TABLE, INDEX, WEIGHT)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert has_take(loop_of(changed).body.graph) is (function is not read_elsewhere)
    assert has_take(changed) is (function is read_elsewhere)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_value_and_gradient(function):
    def loss(table, index, weight):
        return sum(xp.sum(xp.sin(one)) for one in function(table, index, weight))

    whole = mt.value_and_grad(loss, (0, 2))
    found = mt.compile(whole)(TABLE, INDEX, WEIGHT)
    with mt.interpret():
        wanted = whole(*(xp.asarray(one) for one in (TABLE, INDEX, WEIGHT)))
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-10)
    for one, other in zip(found[1], wanted[1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10 * np.abs(np.asarray(other)).max())


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("place", [0, -1])
def test_an_index_out_of_range_is_an_error(function, place):
    index = INDEX.copy()
    index[0, place] = 6
    with pytest.raises(IndexRangeError):
        mt.compile(function)(TABLE, index, WEIGHT)


def test_large_tables_and_short_rows_stay_outside():
    for shape in ((6, 4), (5000, 32)):
        table, index = np.ones(shape), np.zeros((4, 3), np.int64)
        graph = mt.graph(
            lambda x, i: mt.scan(
                lambda h, x: (h + x, h), xp.zeros((3, x.shape[1]), dtype=xp.float64), xp.take(x, i, axis=0)
            )
        )(xp.asarray(table), xp.asarray(index)).graph
        assert not has_take(loop_of(rows_in_loops(graph)).body.graph)


def test_a_row_that_is_handed_on_is_written_by_a_kernel():
    """A turn has no copies between its phases: every output of the body is made by a node of it."""
    graph = mt.graph(by_turns)(*(xp.asarray(one) for one in (TABLE, INDEX, WEIGHT))).graph
    before, after = (loop_of(one).body.graph for one in (graph, rows_in_loops(graph)))
    assert set(before.outputs[1:]) & set(before.inputs)
    assert not set(after.outputs[1:]) & set(after.inputs)
