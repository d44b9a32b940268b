"""Graphs with loops for people: source that runs to the same bits, and what their work comes to."""

from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import random, xp
from mapsto.ir.graph import run
from mapsto.view.program import program_table
from mapsto.view.source import source
from mapsto.view.table import table_of
from tests.files.common import loops_net
from tests.view.test_source import assert_same_bits

W = xp.asarray(np.random.default_rng(0).normal(size=(3, 3)))
X = xp.asarray(np.random.default_rng(1).normal(size=(5, 3)))


def rnn(w: Any, xs: Any) -> Any:
    return mt.scan(lambda h, x: (xp.tanh(h @ w + x), h), xp.zeros(3, dtype=xp.float64), xs)


def newton(w: Any, xs: Any) -> Any:
    return mt.while_loop(lambda y: xp.max(xp.abs(y * y - 2)) > 1e-6, lambda y: (y + 2 / y) / 2, xp.abs(xs) + xp.sum(w))


def nested(w: Any, xs: Any) -> Any:
    def inner(i: Any, y: Any) -> Any:
        chosen = mt.cond(xp.sum(y) > i, lambda z: xp.sin(z @ w), lambda z: z - 1.0, y)
        return mt.switch(i, [xp.tanh, mt.remat(lambda z: z * xp.exp(-z * z)), lambda z: z], chosen)

    return mt.map(lambda x: mt.fori(0, 3, lambda i, y: mt.fori(0, 2, inner, y) + i, x), xs)


def backwards(w: Any, xs: Any) -> Any:
    step = lambda pair, x: ((pair[1], pair[0] + x), (x * 2, pair[0] @ w))
    return mt.scan(step, (X[0], X[1]), xs, reverse=True, checkpoint=2)


FUNCTIONS = {"rnn": rnn, "newton": newton, "nested": nested, "backwards": backwards}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_source_runs_to_the_same_bits(name: str) -> None:
    view = mt.graph(FUNCTIONS[name])(W, X)
    assert_same_bits(view.graph, [one.data for one in (W, X, *view.captured)])


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "newton"])
def test_so_does_that_of_derivatives(name: str) -> None:
    def total(w: Any, xs: Any) -> Any:
        made = FUNCTIONS[name](w, xs)
        return xp.sum(made) if isinstance(made, mt.Array) else xp.sum(made[1] if name == "rnn" else made[1][1])

    view = mt.graph(mt.grad(total))(W, X)
    assert_same_bits(view.graph, [one.data for one in (W, X, *view.captured)])
    lanes = mt.graph(mt.vmap(total, (None, 0)))(W, xp.stack([X, X + 1]))
    assert_same_bits(lanes.graph, [W.data, xp.stack([X, X + 1]).data, *(one.data for one in lanes.captured)])


def test_it_reads_like_one_by_hand() -> None:
    # What is the same in every turn is read from outside; what a loop makes and nobody takes has no name.
    made = source(mt.graph(lambda w, xs: rnn(w, xs)[1])(W, X).graph, "f", ["w", "xs"])
    assert (
        made
        == """\
import mapsto as mt
from mapsto import xp

def f(w, xs):
    # f64[3,3], f64[5,3] ↦ f64[5,3]
    # test_loops.py:LINE
    def body_1(b, c):
        # f64[3], f64[3] ↦ f64[3], f64[3]
        # test_loops.py:LINE
        d = xp.tanh(b @ w + c)  # f64[3]
        return d, b
    _, a = mt.scan(body_1, xp.full((3,), 0.0, dtype=xp.float64), xs)  # f64[3], f64[5,3]
    return a""".replace("LINE", str(rnn.__code__.co_firstlineno + 1))
    )


def test_what_is_called_is_written_once() -> None:
    net = loops_net()
    x = random.normal(mt.key(1), (2, 5, 3))
    view = mt.graph(net)(x)
    text = str(view)
    assert "mt.switch(" in text and text.count("@") < text.count("repeat_1_copies") + 3
    (block,) = {line.split("(")[0].split()[-1] for line in text.split("\n") if ", repeat_1_copies" in line}
    assert text.count(f"{block}(") == 4 and text.count(f"def {block}(") == 1
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    arrays = [array.data for array in mt.select(net, "**").values()]
    assert len(arrays) + 1 == len(view.names)
    (wanted,) = run(view.graph, [*arrays, x.data])
    found = np.asarray(namespace["chain"](*map(xp.asarray, arrays), x))
    assert found.tobytes() == wanted.tobytes()


def test_a_loop_costs_as_often_as_it_turns() -> None:
    graphs = [mt.graph(lambda x, n=n: mt.fori(0, n, lambda i, y: xp.sin(y) * y, x))(X).graph for n in (1, 10, 20)]
    one, ten, twenty = (program_table("f", graph).total for graph in graphs)
    assert (one.flops, ten.flops, twenty.flops) == (30, 300, 600)
    assert twenty.operations == 2 * ten.operations and ten.operations == 10 * one.operations
    table = table_of(loops_net())
    rows = {row.path: row.flops for row in table.rows}
    # Five turns of a product of 7 by 16, its bias, and what the gates do to four numbers.
    assert rows["recurrent_1"] == 5 * (2 * 7 * 16 + 16 + 4 * 18)
    assert rows["repeat_1.copies.2.dense_1"] == 2 * 4 * 4 + 4
    step = mt.compile(lambda net, x: net(x))
    step(loops_net(), xp.ones((1, 5, 3)))
