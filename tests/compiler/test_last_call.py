"""A call like the last one is made again without a key: with the same numbers, and never in another's place."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from mapsto.array.array import Array, donate
from mapsto.array.convert import weak
from mapsto.compiler.compile import Compiled
from mapsto.compiler.last_call import ready
from mapsto.core.errors import DonatedError, IndexRangeError
from mapsto.core.flat import known
from tests.compiler.at_once import at_once

CALLS = 4  # the first is traced, the second is found by its key, the third too and kept, the fourth made again


def net(seed: int = 0) -> Any:
    return (nn.Dense(5) >> nn.tanh >> nn.Dense(3)).init(mt.key(seed), np.zeros((1, 4), np.float32))


def batch(seed: int = 0, count: int = 2) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)


def expected(net: Any, x: Any) -> np.ndarray[Any, Any]:
    with mt.interpret():
        return np.asarray(net(x))


def right(found: Any, net: Any, x: Any) -> bool:
    return bool(np.allclose(np.asarray(found), expected(net, x), rtol=1e-5, atol=1e-6))


@pytest.fixture
def answer() -> Compiled:
    return mt.compile(lambda net, x: net(x))


def kept(function: Compiled, *args: Any) -> Compiled:
    """The function after so many calls that the last is kept ready."""
    for _ in range(CALLS):
        function(*args)
    assert function.last is not None
    return function


def test_other_numbers(answer: Compiled) -> None:
    one = net()
    kept(answer, one, batch())
    for seed in range(5):
        assert right(answer(one, batch(seed)), one, batch(seed)) and answer.last is not None


def test_the_same_array_written_to_in_between(answer: Compiled) -> None:
    one, x = net(), batch()
    kept(answer, one, x)
    x *= 2
    assert answer.last is not None and right(answer(one, x), one, x)


def test_a_result_stays_what_it_was(answer: Compiled) -> None:
    one = net()
    kept(answer, one, batch())
    found = [answer(one, batch(seed)) for seed in range(6)]
    assert all(right(y, one, batch(seed)) for seed, y in enumerate(found))


@pytest.mark.filterwarnings("ignore::mapsto.core.notes.Note")  # a surprising type is remarked upon
@pytest.mark.parametrize(
    "x",
    [batch(1, 3), batch(1).astype(np.float16), batch(1)[:, ::-1], batch(1, 4)[::2], np.asfortranarray(batch(1))],
    ids=["shape", "type", "backwards", "with gaps", "by columns"],
)
def test_other_arrays(answer: Compiled, x: np.ndarray[Any, Any]) -> None:
    one = net()
    kept(answer, one, batch())
    assert right(answer(one, x), one, x)
    assert right(answer(one, xp.asarray(x)), one, x)
    assert right(answer(net(1), x), net(1), x)
    assert right(answer(net=one, x=x), one, x)


def test_another_tree_in_the_place_of_one_that_is_gone(answer: Compiled) -> None:
    for seed in range(20):
        one = net(seed)
        kept(answer, one, batch())
        assert right(answer(one, batch(seed)), one, batch(seed))
        del one


def test_no_tree_is_kept_alive(answer: Compiled) -> None:
    one = net()
    kept(answer, one, batch())
    weights = weakref.ref(mt.select(one, "**")["dense_1.weight"].data)
    del one
    gc.collect()
    assert weights() is None
    with pytest.raises(TypeError):
        answer(None, batch())


def test_a_tree_that_was_given_away(answer: Compiled) -> None:
    one = net()
    kept(answer, one, batch())
    donate([mt.select(one, "**")["dense_1.bias"]])
    with pytest.raises(DonatedError):
        answer(one, batch())


def test_arrays_of_ours() -> None:
    double = mt.compile(lambda x, y: x * 2 + y)
    given = [xp.asarray([1.0, 2.0]), xp.asarray([3.0, 4.0])]
    kept(double, *given)
    assert np.asarray(double(given[1], given[0])).tolist() == [7.0, 10.0]
    donate(given[:1])
    with pytest.raises(DonatedError):
        double(*given)


def test_what_is_refused_is_told() -> None:
    take = mt.compile(lambda table, i: xp.take(table, i, axis=0))
    table = np.arange(6, dtype=np.float32).reshape(3, 2)
    kept(take, table, np.array([0, 1]))
    with pytest.raises(IndexRangeError):
        take(table, np.array([0, 3]))
    for _ in range(CALLS):
        assert np.asarray(take(table, np.array([2, 0]))).tolist() == [[4, 5], [0, 1]]


def test_what_a_function_closes_over_is_moved() -> None:
    weight = xp.asarray(np.arange(4096, dtype=np.float32))
    times = mt.compile(lambda x: x * weight)
    x = np.ones(4096, np.float32)
    kept(times, x)
    for _ in range(3):
        mt.compile(lambda pair: pair[0] + 1)([weight, x])  # which may move it
        donate([xp.ones(3)])
        assert np.array_equal(np.asarray(times(x)), np.arange(4096))


def during(function: Compiled, event: Callable[[], object]) -> None:
    """Let something happen within the run of the call that is kept ready, as another thread might do it there."""
    assert function.last is not None
    program = function.last.program
    launch = program.launch

    def interrupted() -> None:
        event()
        launch()

    program.launch = interrupted


def test_what_is_given_away_during_a_run_is_held_until_its_end(answer: Compiled) -> None:
    one, x = net(), batch()
    wanted = expected(one, x)
    kept(answer, one, x)
    weights = weakref.ref(mt.select(one, "**")["dense_1.weight"].data)
    held: list[bool] = []

    def give_away() -> None:
        donate([x for x in mt.select(one, "**").values() if isinstance(x, Array)])
        known(one).placed = None  # as who gives a tree away does
        held.append(weights() is not None)

    during(answer, give_away)
    np.testing.assert_allclose(np.asarray(answer(one, x)), wanted, 1e-5, 1e-6)
    assert held == [True]
    with pytest.raises(DonatedError):
        answer(one, x)


def test_what_is_closed_over_and_given_away_during_a_run_is_held_until_its_end() -> None:
    weight = xp.asarray(np.arange(4096, dtype=np.float32))
    times = kept(mt.compile(lambda x: x * weight), np.ones(4096, np.float32))
    numbers = weakref.ref(weight.data)
    held: list[bool] = []

    def give_away() -> None:
        donate([weight])
        held.append(numbers() is not None)

    during(times, give_away)
    assert np.array_equal(np.asarray(times(np.ones(4096, np.float32))), np.arange(4096))
    assert held == [True]


def test_an_interrupted_call_is_made_again(answer: Compiled) -> None:
    one = net()
    kept(answer, one, batch())
    assert answer.last is not None
    launch = answer.last.program.launch

    def interrupt() -> None:
        raise KeyboardInterrupt

    answer.last.program.launch = interrupt
    with pytest.raises(KeyboardInterrupt):
        answer(one, batch())
    answer.last.program.launch = launch
    assert answer.last.program.idle
    assert right(answer(one, batch(1)), one, batch(1))
    answer(one, batch(2, 3))
    (program, _) = answer.programs.values()
    assert len(program.native.contexts.idle) == 1


def test_a_weak_number_is_no_double() -> None:
    """Though it is an f64 without axes, its product with an f32 is an f32."""
    times = kept(mt.compile(lambda x, y: x * y), xp.astype(3.0, xp.float64), xp.ones(2))
    assert times(weak(3.0), xp.ones(2)).dtype == np.float32


def test_on_the_reference_and_in_a_trace(answer: Compiled) -> None:
    one = net()
    kept(answer, one, batch())
    with mt.interpret():
        assert right(answer(one, batch(3)), one, batch(3))
    gradient = mt.grad(lambda x: xp.sum(answer(one, x)))(xp.asarray(batch()))
    assert gradient.shape == (2, 4)


def test_threads_get_each_their_own_answers(answer: Compiled) -> None:
    one = net()
    kept(answer, one, batch())
    wanted = [np.asarray(answer(one, batch(seed))) for seed in range(4)]

    def ask(seed: int) -> bool:
        return all(np.array_equal(np.asarray(answer(one, batch(seed))), wanted[seed]) for _ in range(300))

    assert all(at_once(4, ask))


def test_nets_in_turn_are_not_kept(answer: Compiled) -> None:
    nets = [net(0), net(1)]
    for turn in range(10):
        one = nets[turn % 2]
        assert right(answer(one, batch(turn)), one, batch(turn))
    assert answer.last is None


def test_memory_is_shared_with_other_calls(answer: Compiled) -> None:
    """What the program works in is one context, whether the call is kept ready or not."""
    one = net()
    kept(answer, one, batch())
    answer(net(1), batch())
    (program,) = answer.programs.values()
    assert len(program.native.contexts.idle) == 1


def test_what_cannot_be_kept_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Any] = []
    monkeypatch.setattr("mapsto.compiler.compile.ready", lambda args, program: tried.append(ready(args, program)))
    times, one = mt.compile(lambda net, x, k: net(x) * k), net()
    for _ in range(CALLS + 2):
        times(one, batch(), 0.5)
    assert tried == [None]
