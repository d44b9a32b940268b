"""Calls prepared for an array of one type and shape: the same numbers as the function's, and no others' memory."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from mapsto.compiler.compile import Compiled
from mapsto.compiler.prepared import Prepared, prepared
from mapsto.core.errors import IndexRangeError
from tests.compiler.at_once import at_once


def net():
    return (nn.Conv2D(4, 3) >> nn.relu >> nn.Flatten() >> nn.Dense(5)).init(
        mt.key(0), np.zeros((1, 6, 6, 1), np.float32)
    )


def pictures(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 6, 6, 1)).astype(np.float32)


@pytest.fixture
def answer():
    return mt.compile(lambda x, net: net(x))


@pytest.mark.parametrize("count", [1, 2, 7, 200])  # the last is read where it lies
def test_the_same_numbers_as_the_function(answer: Compiled, count: int) -> None:
    run = prepared(answer, pictures(count), net())
    assert isinstance(run, Prepared)
    for seed in range(3):
        x = pictures(count, seed)
        assert np.array_equal(run(x), np.asarray(answer(x, net())))


def test_a_result_stays_what_it_was(answer: Compiled) -> None:
    run = prepared(answer, pictures(2), net())
    first = run(pictures(2, 1))
    kept = first.copy()
    first_again = run(pictures(2, 2))
    assert np.array_equal(first, kept) and not np.array_equal(first, first_again)
    first[:] = 0  # the caller's own
    assert np.array_equal(run(pictures(2, 1)), kept)


def test_other_arrays_go_the_ordinary_way(answer: Compiled) -> None:
    """Another batch, another type, gaps between the numbers, an address that is no multiple of four."""
    run = prepared(answer, pictures(2), net())
    moved = np.frombuffer(b"\0" + pictures(2).tobytes(), np.uint8)[1:].view(np.float32).reshape(2, 6, 6, 1)
    assert not moved.flags.aligned
    for x in (pictures(5), pictures(2).astype(np.float16), pictures(4)[::2], pictures(2)[:, ::-1], moved):
        assert np.array_equal(run(x), np.asarray(answer(x, net())))


def test_arrays_that_are_held_stay(answer: Compiled) -> None:
    """Nobody else refers to them."""
    wanted = np.asarray(answer(pictures(3), net()))
    run = prepared(answer, pictures(3), net())
    _ = [np.ones((6, 6, 4, 5)) for _ in range(100)]
    assert np.array_equal(run(pictures(3)), wanted)


def test_what_a_call_refuses_is_told(answer: Compiled) -> None:
    run = prepared(mt.compile(lambda i, table: xp.take(table, i, axis=0)), np.array([0, 1]), xp.ones((3, 2)))
    assert np.array_equal(run(np.array([2, 0])), np.ones((2, 2), np.float32))
    with pytest.raises(IndexRangeError):
        run(np.array([0, 3]))
    assert np.array_equal(run(np.array([2, 0])), np.ones((2, 2), np.float32))


@pytest.mark.parametrize("function", [lambda x, y: x, lambda x, y: y, lambda x, y: xp.sort(x + y)])
def test_what_needs_the_host_goes_the_ordinary_way(function) -> None:
    run = prepared(mt.compile(function), np.zeros(3, np.float32), xp.ones(3))
    x = np.array([3.0, 1.0, 2.0], np.float32)
    assert np.array_equal(run(x), np.asarray(function(xp.asarray(x), xp.ones(3))))


def test_on_the_reference(answer: Compiled) -> None:
    run = prepared(answer, pictures(2), net())
    with mt.interpret():
        found = run(pictures(2))
        assert np.array_equal(found, np.asarray(answer(pictures(2), net())))
    assert np.allclose(run(pictures(2)), found, rtol=1e-4, atol=1e-6)


def test_several_threads_get_each_their_own_answers(answer: Compiled) -> None:
    run = prepared(answer, pictures(8), net())
    wanted = [np.asarray(answer(pictures(8, seed), net())) for seed in range(4)]

    def ask(seed: int) -> bool:
        x = pictures(8, seed)
        return all(np.array_equal(run(x), wanted[seed]) for _ in range(300))

    assert all(at_once(4, ask))


def test_a_net_with_a_loop_is_prepared() -> None:
    x = np.random.default_rng(0).normal(size=(3, 7, 4)).astype(np.float32)
    recurrent = nn.LSTM(5).init(mt.key(0), x)
    answer = mt.compile(lambda x, net: net(x))
    run = prepared(answer, x, recurrent)
    assert isinstance(run, Prepared)
    for scale in (1.0, -2.0, 0.5):
        assert np.array_equal(run(scale * x), np.asarray(answer(scale * x, recurrent)))
