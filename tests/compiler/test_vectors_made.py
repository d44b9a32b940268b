"""A vector that is quickly made of an array, times a matrix: it is made where it is read, and not stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import image, losses, nn, xp
from mapsto.compiler.groups import Group
from mapsto.compiler.pipeline import Plan, planned
from mapsto.core.spec import DTYPES
from tests.compiler.test_exported_loops import exported
from tests.laws.interpreted import run_interpreted

RNG = np.random.default_rng(0)
Function = Callable[..., Any]


def wide(x: Any) -> Any:
    return xp.astype(x, xp.float32)


FORMULAS: dict[str, Function] = {
    "cast": wide,
    "scaled": lambda x: wide(x) * (1 / 255),
    "from -1 to 1": lambda x: wide(x) / 127.5 - 1,
    "cut off": lambda x: xp.minimum(xp.maximum(wide(x), 3), 50),
    "squared": lambda x: wide(x) * wide(x),
    "inverse": lambda x: 1 / (wide(x) + 1),
    "infinite where nothing is": lambda x: 1 / wide(x),
    "in its own type": lambda x: wide(-x * 3),
}


def given(kind: str, *shape: int) -> Any:
    return xp.asarray(RNG.integers(1, 100, shape).astype(DTYPES[kind]))


def matrix(k: int, n: int) -> Any:
    return xp.asarray(RNG.normal(size=(k, n)).astype(np.float32))


def both(formula: Function) -> tuple[Any, Any]:
    """The product whose vector is made where it is read, and that whose vector is a result, too, and so is stored."""
    return (
        mt.compile(lambda parameters, x: formula(x) @ parameters[0]),
        mt.compile(lambda parameters, x: ((made := formula(x)) @ parameters[0], made)),
    )


def each_time(plan: Plan) -> list[tuple[int, ...]]:
    """The shapes of what a run makes that does not follow from parameters."""
    steps = [step for step, level in zip(plan.steps, plan.levels, strict=True) if level >= plan.kept_phases]
    return [plan.specs[one.stage.array].shape for step in steps if isinstance(step, Group) for one in step.members]


def plan_of(function: Any) -> Plan:
    (program,) = function.programs.values()
    return program.native.plan


COLUMNS = (33, 512, 10, 130, 7, 300, 10, 64)
CASES = [
    *((name, kind, 129, n) for name, n in zip(FORMULAS, COLUMNS, strict=True) for kind in ("u8", "f32")),
    *(("scaled", kind, 77, 160) for kind in ("bool", "i8", "i16", "u16", "i32", "i64", "u64", "f16", "bf16", "f64")),
    *(("from -1 to 1", kind, 301, 9) for kind in ("i8", "f16", "bf16", "f64")),
    *(("infinite where nothing is", "u8", k, n) for k, n in ((1, 2), (2, 3), (17, 600), (784, 2), (1001, 31))),
    *(("scaled", "u8", k, n) for k, n in ((1, 600), (3, 16), (784, 512), (95, 257), (513, 17), (33, 5))),
]


@pytest.mark.parametrize(("name", "kind", "k", "n"), CASES)
def test_the_same_bits_as_with_a_stored_vector(name: str, kind: str, k: int, n: int) -> None:
    formula, parameters, x = FORMULAS[name], [matrix(k, n)], given(kind, 1, k)
    made, stored = both(formula)
    before, found = mt.threads(), set[bytes]()
    try:
        for count in (1, 2, 3, 4):
            mt.threads(count)
            for _ in range(2):
                found |= {np.asarray(made(parameters, x)).tobytes(), np.asarray(stored(parameters, x)[0]).tobytes()}
    finally:
        mt.threads(before)
    assert len(found) == 1
    assert (1, k) not in each_time(plan_of(made))
    with mt.interpret():
        wanted = np.asarray(formula(x) @ parameters[0])
    np.testing.assert_allclose(np.frombuffer(found.pop(), np.float32), wanted[0], 1e-4, 1e-4)


def dense() -> Any:
    return image.scale(1 / 255) >> nn.Flatten() >> nn.Dense(512) >> nn.relu >> nn.Dense(256) >> nn.relu >> nn.Dense(10)


def test_one_picture_takes_a_kernel_for_each_layer_and_many_are_scaled_once() -> None:
    answer, pictures = mt.compile(lambda net, x: net(x)), given("u8", 64, 28, 28, 1)
    net = dense().init(mt.key(0), pictures[:1])
    for x in (pictures[:1], pictures):
        with mt.interpret():
            wanted = np.asarray(net(x))
        for _ in range(2):
            np.testing.assert_allclose(np.asarray(answer(net, x)), wanted, 1e-4, 1e-5)
    one, many = (program.native.plan for program in answer.programs.values())
    assert each_time(one) == [(1, 512), (1, 256), (1, 10)]
    assert each_time(many).count((64, 28, 28, 1)) == 1


def keeps(function: Function, *arrays: Any) -> bool:
    """Whether the vector of so many elements, as the first array has, is stored."""
    plan = planned(mt.graph(function)(*arrays).graph)
    return any(np.prod(shape) == arrays[0].size for shape in each_time(plan))


def mean_of(x: Any) -> Any:
    return wide(x) - xp.mean(wide(x))


@pytest.mark.parametrize(
    "function",
    [
        lambda x, w: xp.exp(wide(x) * 0.01) @ w,  # takes long
        lambda x, w: mean_of(x) @ w,  # is made of two arrays
        lambda x, w: xp.roll(wide(x), 1) @ w,  # is read at two places
        lambda x, w: xp.flip(xp.reshape(wide(x), (20, 15)).T, axis=0).reshape(300) * 2.0 @ w,  # lies in another order
        lambda x, w: ((((wide(x) + 1) * 2 + 3) * 4 + 5) * 6) @ w,  # has many words
        lambda x, w: (wide(x) * 2 @ w, (wide(x) * 2)[:, None] @ w[:1]),  # has another use
        lambda x, w: wide(xp.take(x, xp.astype(x, xp.int64), axis=0)) @ w,  # is read at places that are read
    ],
)
def test_what_is_stored(function: Function) -> None:
    x, w = given("u8", 300), matrix(300, 40)
    compiled = mt.compile(function)
    assert keeps(function, x, w)
    with mt.interpret():
        wanted = function(x, w)
    for one, other in zip(*(y if isinstance(y, tuple) else (y,) for y in (compiled(x, w), wanted)), strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), 1e-3, 1e-3)


def test_gradients_of_one_picture() -> None:
    net, x = dense().init(mt.key(0), given("u8", 1, 28, 28, 1)), given("u8", 1, 28, 28, 1)

    def loss(net: Any, x: Any) -> Any:
        return losses.cross_entropy(net(x), np.array([3])).mean()

    gradient = mt.compile(lambda net, x: mt.grad(lambda net: loss(net, x))(net))
    made = each_time(planned(gradient.graph_for(net, x)))
    assert (1, 28, 28, 1) in made or (1, 784) in made  # of which the gradient is made, too
    with mt.interpret():
        wanted = mt.select(gradient(net, x), "**")
    for path, found in mt.select(gradient(net, x), "**").items():
        np.testing.assert_allclose(np.asarray(found), np.asarray(wanted[path]), 1e-3, 1e-5)


def in_turns(x: Any) -> Any:
    """Vectors made within a loop: of a row of bytes, and of what the turn before has left."""
    w = wide(x[:, :60]).T * 0.01

    def turn(h: Any, row: Any) -> Any:
        h = (0.5 * h + 1.0) @ w @ w.T * 0.001 + wide(row[:60]) * 0.1
        return h, (wide(row[:60]) * (1 / 255)) @ w

    last, made = mt.scan(turn, wide(x[0, :60]), x)
    return made + xp.sum(last)


def test_in_loops_and_for_c() -> None:
    x = given("u8", 37, 61)
    compiled = mt.compile(in_turns)
    graph = compiled.graph_for(x)
    wanted = np.asarray(compiled(x))
    status, found = exported(graph, np.ascontiguousarray(x))
    assert status == 0 and found.tobytes() == wanted.tobytes()
    (checked,) = run_interpreted(graph, [np.asarray(x)])
    np.testing.assert_allclose(checked, wanted, 1e-4, 1e-4)
    with mt.interpret():
        np.testing.assert_allclose(wanted, np.asarray(compiled(x)), 1e-3, 1e-3)


@pytest.mark.parametrize(("k", "n"), [(5, 40), (17, 33), (129, 10)])
@pytest.mark.parametrize("kind", ["u8", "i16", "f16", "f64"])
def test_nothing_is_read_beside_the_vector(kind: str, k: int, n: int) -> None:
    x, w = given(kind, k), matrix(k, n)
    function = mt.compile(lambda x, w: (1 / wide(x)) @ w)
    (found,) = run_interpreted(function.graph_for(x, w), [np.asarray(x), np.asarray(w)])
    np.testing.assert_allclose(found, (1 / np.asarray(x, np.float64)) @ np.asarray(w), 1e-4, 1e-4)
