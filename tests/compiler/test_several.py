"""Several Python threads, contexts, and what is said when no code can be made."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from mapsto.compiler import context, traced
from mapsto.compiler.context import Context, Contexts
from mapsto.core.errors import CompileError
from mapsto.target import native
from tests.compiler.at_once import at_once


def test_threads_that_call_first_at_once_make_one_program(monkeypatch):
    made = []
    make = traced.Native
    monkeypatch.setattr(traced, "Native", lambda *given: (made.append(1), make(*given))[1])
    for _ in range(5):
        made.clear()
        run = mt.compile(lambda x, w: xp.tanh(x @ w) + 1)
        x, w = mt.random.normal(mt.key(0), (5, 7)), mt.random.normal(mt.key(1), (7, 3))
        found = at_once(4, lambda n: run(x * n, w))  # noqa: B023
        for n, one in enumerate(found):
            np.testing.assert_allclose(one, np.tanh(n * np.asarray(x) @ np.asarray(w)) + 1, rtol=1e-5, atol=1e-6)
        assert len(run.programs) == 1 and len(made) == 1


def test_threads_run_one_program_each_in_memory_of_its_own():
    net = (nn.Dense(20) >> nn.tanh >> nn.Dense(30)).init(mt.key(0), xp.ones((1, 10)))
    run = mt.compile(lambda net, x: net(x))
    inputs = [mt.random.normal(mt.key(n), (40, 10)) for n in range(4)]
    wanted = [np.array(run(net, x)) for x in inputs]

    def work(n):
        kept = []
        for i in range(150):
            kept = [*kept[-3:], run(net, inputs[(n + i) % 4])]
            np.testing.assert_array_equal(kept[0], wanted[(n + max(i - 3, 0)) % 4])

    at_once(4, work)
    program = next(iter(run.programs.values())).native
    assert 1 <= len(program.contexts.idle) + (run.last is not None) <= context.MOST_IDLE + 1


def test_threads_that_donate_have_states_of_their_own():
    step = mt.compile(lambda state, x: {"sum": state["sum"] + x, "count": state["count"] + 1}, donate="state")

    def work(n):
        state = {"sum": xp.zeros(100), "count": xp.asarray(0)}
        x = xp.full((100,), float(n))
        for _ in range(200):
            state = step(state, x)
        return float(state["sum"][99]), int(state["count"])

    assert at_once(4, work) == [(200.0 * n, 200) for n in range(4)]


def test_an_array_that_another_thread_gives_away_meanwhile():
    """Either it was in time, or it is told that the array is gone; what is read is never somebody else's."""
    step = mt.compile(lambda x: x + 1, donate="x")
    read = mt.compile(lambda x: x * 2)
    shared = [step(xp.zeros(1000))]

    def work(n):
        for _ in range(300):
            x = shared[0]
            try:
                if n:
                    assert len(set(read(x).tolist())) == 1
                else:
                    shared[0] = step(x)
            except mt.DonatedError:
                assert n

    at_once(2, work)


def test_idle_contexts_are_few():
    made = []
    contexts = Contexts(lambda: made.append(object()) or made[-1])
    taken = [contexts.take() for _ in range(10)]
    assert len(set(map(id, taken))) == 10
    for one in taken:
        contexts.give(one)
    assert len(contexts.idle) == context.MOST_IDLE
    assert contexts.take() in taken and len(made) == 10


def test_the_arena_is_aligned():
    run = mt.compile(lambda x, y: xp.matrix_transpose(x @ y) @ y)
    run(xp.ones((8, 8)), xp.ones((8, 8)))
    native = next(iter(run.programs.values())).native
    plan, slots = native.plan, Context(native.frames).slots
    assert plan.offsets and all(slots[number + 1] % 64 == 0 for number in plan.offsets)


# what cannot be compiled


def broken(*given):
    raise KeyError("stage 3")


def test_a_mistake_of_the_compiler_is_an_error_that_names_the_function(monkeypatch):
    def halved(x):
        return x / 2

    run = mt.compile(halved, donate="x")
    x = xp.ones(3)
    with monkeypatch.context() as patch:
        patch.setattr(traced, "Native", broken)
        for _ in range(2):
            with pytest.raises(CompileError, match="no code could be made for halved: KeyError: 'stage 3'") as error:
                run(x)
        assert error.value.code == "COMPILE-04" and isinstance(error.value.__cause__, KeyError)
        with mt.interpret():
            assert run(xp.ones(3)).tolist() == [0.5] * 3
    assert run(x).tolist() == [0.5] * 3  # nothing was consumed, and it is tried anew


def test_a_text_that_llvm_refuses_names_the_function_too(monkeypatch, tmp_path):
    def doubled(x):
        return x * 2.125

    monkeypatch.setenv("MAPSTO_CACHE", str(tmp_path))
    load = native.load
    monkeypatch.setattr("mapsto.target.native.load", lambda text, names: load("no code: " + text, names))
    with pytest.raises(CompileError, match=r"(?s)NATIVE-01.*function +doubled.*reason"):
        mt.compile(doubled)(1.0)
