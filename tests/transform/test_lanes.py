"""Under `vmap`, what a branch or a turn refuses counts for the lanes alone that take it."""

from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import xp
from mapsto.core.errors import DataError, DTypeError, IndexRangeError

TABLE = xp.asarray([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
PLACES = xp.asarray([0, 2, 7, -9, 1])
INSIDE = (PLACES >= 0) & (PLACES < 3)
ROWS = xp.asarray(np.random.default_rng(0).standard_normal((5, 3)))


def both(function: Any, *arguments: Any) -> None:
    """The same by lanes and one by one, interpreted and compiled."""
    wanted = [np.asarray(function(*(x[i] for x in arguments))) for i in range(5)]
    for way in (mt.vmap(function), mt.compile(mt.vmap(function)), mt.vmap(mt.compile(function))):
        np.testing.assert_allclose(way(*arguments), np.stack(wanted), rtol=1e-6, atol=1e-7)


def taken(inside: Any, place: Any) -> Any:
    return mt.cond(inside, lambda i: xp.take(TABLE, i, axis=0), lambda i: xp.zeros(2), place)


def test_an_index_of_the_branch_that_is_not_taken():
    both(taken, INSIDE, PLACES)
    with pytest.raises(IndexRangeError):
        mt.vmap(taken)(xp.logical_not(INSIDE), PLACES)
    with pytest.raises(IndexRangeError):
        mt.compile(mt.vmap(taken))(xp.ones((5,), dtype=xp.bool), PLACES)


@pytest.mark.parametrize("bound", [3, 9])
def test_an_index_that_is_the_same_for_all_lanes(bound):
    """It counts if any lane takes the branch."""

    def picked(wanted: Any) -> Any:
        return mt.cond(wanted, lambda: xp.sum(xp.take(TABLE, xp.asarray([0, bound]), axis=0)), lambda: 0.0)

    assert mt.vmap(picked)(xp.zeros((5,), dtype=xp.bool)).tolist() == [0.0] * 5
    for way in (mt.vmap(picked), mt.compile(mt.vmap(picked))):
        with pytest.raises(IndexRangeError):
            way(xp.arange(5) == 3)


def test_gradients_go_to_the_rows_that_were_taken():
    def total(table: Any) -> Any:
        def one(inside: Any, place: Any) -> Any:
            return mt.cond(inside, lambda i: xp.sum(xp.take(table, i, axis=0) ** 2), lambda i: table[1, 1], place)

        return xp.sum(mt.vmap(one)(INSIDE, PLACES))

    wanted = [[2.0, 4.0], [6.0, 8.0 + 2.0], [10.0, 12.0]]
    for way in (mt.grad(total), mt.compile(mt.grad(total))):
        np.testing.assert_allclose(way(TABLE), wanted)
    one = mt.grad(lambda row, inside, i: mt.cond(inside, lambda: xp.take(row, i) ** 2, lambda: row[0]))
    both(one, ROWS, INSIDE, PLACES)


def test_branches_within_loops_within_blocks():
    def walk(row: Any, place: Any) -> Any:
        def step(at: Any, _: Any) -> Any:
            value = mt.remat(lambda i: xp.take(row, i))(at)
            return at + 1, value

        def loop(first: Any) -> Any:
            return xp.sum(mt.scan(step, first, length=2)[1])

        return mt.switch(place, [lambda i: loop(i), lambda i: loop(i) * 2, lambda i: xp.sum(row[:2])], place)

    both(walk, ROWS, xp.abs(PLACES))

    def search(row: Any, place: Any) -> Any:
        inner = lambda: mt.while_loop(lambda i: xp.take(row, i) < 0.5, lambda i: (i + 1) % 3, place)
        return mt.cond((place >= 0) & (place < 3), inner, lambda: 5)

    both(search, ROWS + 1.0, PLACES)


def test_lanes_of_a_while_that_are_done():
    """Each goes through its row as far as its bound, which for the last is the end."""

    def running(row: Any, bound: Any) -> Any:
        def step(pair: Any) -> Any:
            i, total = pair
            return i + 1, total + xp.take(row, i)

        return mt.while_loop(lambda pair: pair[0] < bound, step, (0, 0.0))[1]

    both(running, ROWS, xp.asarray([0, 3, 1, 2, 3]))
    with pytest.raises(IndexRangeError):
        mt.vmap(running)(ROWS, xp.asarray([0, 3, 1, 4, 3]))


def test_rules_of_ones_own():
    picked = mt.custom_rule(lambda row, i: xp.take(row, i) ** 2, jvp=lambda given, y, moved: 7 * moved[0][0])

    def choose(row: Any, place: Any) -> Any:
        return mt.cond((place >= 0) & (place < 3), lambda: picked(row, place), lambda: row[0])

    both(choose, ROWS, PLACES)
    wanted = [[7.0 if inside else 1.0, 0.0, 0.0] for inside in INSIDE.tolist()]
    np.testing.assert_allclose(mt.grad(lambda rows: xp.sum(mt.vmap(choose)(rows, PLACES)))(ROWS), wanted)


def test_powers_and_matrices_that_are_refused():
    def power(n: Any) -> Any:
        return mt.cond(n < 0, lambda: 0, lambda: 2**n)

    both(power, PLACES)
    with pytest.raises(DTypeError):
        mt.vmap(lambda n: mt.cond(n < 5, lambda: 2**n, lambda: 0))(PLACES)

    def solved(a: Any, x: Any) -> Any:
        def by_root() -> Any:
            return xp.linalg.solve(xp.linalg.cholesky(a * xp.eye(3)), x)

        return mt.cond(a > 0, by_root, lambda: x)

    scales = xp.asarray([1.0, 0.0, 4.0, -1.0, 2.0])
    both(solved, scales, ROWS)
    both(mt.grad(lambda a, x: xp.sum(solved(a, x))), scales, ROWS)
    both(mt.grad(lambda a, x: xp.sum(solved(a, x)), argnums=1), scales, ROWS)
    with pytest.raises(DataError):
        mt.vmap(lambda a: mt.cond(a > -2, lambda: xp.linalg.cholesky(a * xp.eye(3)), lambda: xp.eye(3)))(scales)


def test_a_loop_that_would_not_end_in_lanes_that_do_not_take_it():
    def doubled(x: Any) -> Any:
        return mt.cond(x > 0, lambda x: mt.while_loop(lambda y: y < 100, lambda y: 2 * y, x), lambda x: x, x)

    both(doubled, xp.asarray([0, 3, -1, 200, 1]))

    def counted(first: Any, bound: Any) -> Any:
        """The inner loop would not end in lanes whose outer one is done."""

        def step(pair: Any) -> Any:
            n, x = pair
            return n + 1, mt.while_loop(lambda y: y < 10 * n, lambda y: y + x, x)

        return mt.while_loop(lambda pair: pair[0] < bound, step, (0, first))[1]

    both(counted, xp.asarray([1, 0, 2, -1, 3]), xp.asarray([3, 0, 2, 0, 1]))


WAYS = [lambda f: lambda x, i: mt.grad(f)(x, i), lambda f: mt.compile(f), lambda f: mt.compile(mt.grad(f))]


@pytest.mark.parametrize("way", WAYS)
def test_what_a_branch_closes_over_is_asked_in_the_branch(way: Any):
    def closing(x: Any, i: Any) -> Any:
        return mt.cond(i < 3, lambda: xp.take(x, i) ** 2, lambda: xp.sum(x))

    x = xp.asarray([1.0, 2.0, 3.0])
    assert np.shape(way(closing)(x, xp.asarray(7))) == np.shape(way(closing)(x, xp.asarray(1)))
    with pytest.raises(IndexRangeError):
        way(closing)(x, xp.asarray(-9))


def test_only_the_branch_that_is_chosen_runs_though_it_closes_over_all():
    run = mt.compile(lambda x, n: mt.switch(n, [lambda: xp.exp(x), lambda: xp.tanh(x), lambda: x]))
    assert not {"Exp", "Tanh"} & {type(node.primitive).__name__ for node in run.graph_for(2.0, 1).nodes}
    assert float(run(2.0, 0)) == pytest.approx(np.exp(2.0))


@pytest.mark.parametrize("compiled", [False, True])
def test_a_loop_without_turns_asks_for_nothing(compiled: bool):
    def summed(row: Any, place: Any, count: Any) -> Any:
        def step(pair: Any) -> Any:
            i, total = pair
            return i + 1, total + xp.take(row, place)

        return mt.while_loop(lambda pair: pair[0] < count, step, (0, 0.0))[1]

    counts = xp.asarray([2, 1, 0, 0, 3])
    both(summed, ROWS, PLACES, counts)
    run = mt.compile(summed) if compiled else summed
    assert float(run(ROWS[0], xp.asarray(7), xp.asarray(0))) == 0.0
    with pytest.raises(IndexRangeError):
        run(ROWS[0], xp.asarray(7), xp.asarray(1))
