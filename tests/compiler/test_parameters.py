"""What follows from parameters alone is made when they change, and only then."""

import gc
import threading
import weakref
from typing import Any

import numpy as np

import mapsto as mt
from mapsto import losses, nn, optim, xp
from mapsto.compiler.prepared import prepared
from mapsto.compiler.program import Native

X = np.random.default_rng(0).normal(size=(1, 15, 15, 32)).astype(np.float32)


def nets(count: int) -> list[Any]:
    """Nets with a convolution by tiles, whose kernels are transformed first."""
    net = nn.Conv2D(64, 3) >> nn.relu >> nn.MaxPool2D(2)
    return [net.init(mt.key(number), X) for number in range(count)]


def compiled() -> Any:
    return mt.compile(lambda net, x: net(x))


def native_of(function: Any) -> Native:
    (program,) = function.programs.values()
    return program.native


def expected(net: Any) -> np.ndarray[Any, Any]:
    with mt.interpret():
        return np.asarray(net(X))


def is_made_anew(function: Any) -> bool:
    """Whether the last run made what follows from its parameters."""
    (context,) = [*native_of(function).contexts.idle, *(function.last.program.idle if function.last else ())]
    return bool(context.anew[0])


def test_once_for_the_same_parameters() -> None:
    answer, (one, other) = compiled(), nets(2)
    first = np.asarray(answer(one, X))
    assert native_of(answer).plan.kept_phases == 1 and is_made_anew(answer)
    for net, anew in [(one, False), (one, False), (other, True), (other, False), (one, True)]:
        np.testing.assert_allclose(np.asarray(answer(net, X)), expected(net), rtol=1e-4, atol=1e-4)
        assert is_made_anew(answer) == anew
    assert np.asarray(answer(one, X)).tobytes() == first.tobytes()


def test_parameters_after_a_step_that_took_the_old_ones() -> None:
    answer, (net,) = compiled(), nets(1)
    opt = optim.sgd(0.1).init(net)

    @mt.compile(donate=("net", "opt"))
    def step(net: Any, opt: Any, x: Any) -> Any:
        gradient = mt.grad(lambda net: losses.mse(net(x), 1 + 0 * net(x)).mean())(net)
        return opt.step(net, gradient)

    for _ in range(4):
        np.testing.assert_allclose(np.asarray(answer(net, X)), expected(net), rtol=1e-4, atol=1e-4)
        assert is_made_anew(answer)
        net, opt = step(net, opt, X)


def test_captured_arrays_are_parameters_and_batches_are_not() -> None:
    (net,) = nets(1)
    assert native_of(called(mt.compile(lambda x: net(x)), X)).plan.kept_phases == 1
    assert native_of(called(mt.compile(lambda net, x: net(x), donate=["net"]), *nets(1), X)).plan.kept_phases == 0
    assert native_of(called(mt.compile(lambda x: mt.xp.exp(x).sum()), X)).plan.kept_phases == 0


def called(function: Any, *arguments: Any) -> Any:
    function(*arguments)
    return function


def test_threads_with_nets_of_their_own() -> None:
    answer, made = compiled(), nets(3)
    wanted = [np.asarray(answer(net, X)).tobytes() for net in made]
    wrong: list[int] = []

    def ask(number: int) -> None:
        for _ in range(200):
            if np.asarray(answer(made[number], X)).tobytes() != wanted[number]:
                wrong.append(number)

    callers = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


def test_prepared_calls() -> None:
    (net,) = nets(1)
    run = prepared(compiled_for_lists(net), X, [*mt.select(net, "**").values()])
    for _ in range(3):
        np.testing.assert_allclose(run(X), expected(net), rtol=1e-4, atol=1e-4)
        run(np.zeros_like(X))


def compiled_for_lists(net: Any) -> Any:
    paths = list(mt.select(net, "**"))
    return mt.compile(lambda x, arrays: mt.replace(net, dict(zip(paths, arrays, strict=True)))(x))


def test_data_passed_like_parameters_keep_no_intermediates() -> None:
    x = np.ones((8, 16, 16, 4), np.float32)
    net = nn.Conv2D(4, 3, padding="same")
    for _ in range(4):
        net = net >> nn.BatchNorm() >> nn.relu >> nn.Conv2D(4, 3, padding="same")
    net = mt.evaluation(net.init(mt.key(0), x))
    plain, in_list = mt.compile(lambda x: net(x)), mt.compile(lambda batch: net(batch[0]))
    arenas = [native_of(called(one, what)).plan.arena for one, what in ((plain, x), (in_list, [x]))]
    assert arenas[1] <= arenas[0] + 2 * x.nbytes


def test_of_the_last_parameters_only_those_stay_that_something_was_made_of() -> None:
    net = (nn.Conv2D(64, 3) >> nn.relu >> nn.Flatten() >> nn.Dense(33)).init(mt.key(0), X)
    answer = called(compiled(), net, X)
    native = native_of(answer)
    assert [native.specs[native.inputs[place]].shape for place in native.parameters] == [(3, 3, 32, 64)]
    seen = weakref.ref(mt.select(net, "**")["dense_1.weight"].data)
    del net
    gc.collect()
    assert seen() is None


def test_a_tree_that_was_given_away_holds_no_memory() -> None:
    answer, (net,) = compiled(), nets(1)
    opt = optim.sgd(0.1).init(net)
    answer(net, X)
    answer(net, X)
    seen = weakref.ref(mt.select(net, "**.bias").popitem()[1].data)

    @mt.compile(donate=("net", "opt"))
    def step(net: Any, opt: Any) -> Any:
        return opt.step(net, mt.grad(lambda net: (net(X) ** 2).mean())(net))

    kept = net
    for _ in range(3):
        net, opt = step(net, opt)
        answer(net, X)
    gc.collect()
    assert seen() is None and kept is not net


def test_memory_that_a_user_lends_is_read_anew() -> None:
    matrix, x = np.ones((784, 512), np.float32), np.ones((1, 784), np.float32)
    run = mt.compile(lambda listed, x: x @ listed[0])
    for turn in range(4):
        np.testing.assert_array_equal(np.asarray(run([matrix], x)), x @ matrix)
        matrix *= 2
        assert native_of(run).parameters == [0] and is_made_anew(run), turn


def test_nothing_follows_behind_what_is_kept() -> None:
    """The result has no elements, so what it would be made of is all there is to do."""

    def function(listed: Any, one: int) -> Any:
        x = xp.exp(listed[0])
        return xp.stack([x, x * 2]) @ listed[1]

    run, given = mt.compile(function), [xp.ones(6), xp.ones((6, 0))]
    for _ in range(3):
        assert run(given, 1).shape == (2, 0)
    assert native_of(run).plan.kept_phases == max(native_of(run).plan.levels) + 1
