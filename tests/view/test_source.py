"""The source that is printed runs, to the same bits as the graph: every primitive, and whole training steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import losses, nn, optim, xp
from mapsto.array.array import Array
from mapsto.ir.graph import Graph, run
from mapsto.ir.primitive import Case
from mapsto.transform.derive import backward
from mapsto.transform.simplify import simplify
from mapsto.view.source import source
from tests.laws.samples import CASES, float_inputs, is_float, one_node, values


def run_source(text: str, name: str, arrays: list[Any], weak: list[bool]) -> list[Any]:
    namespace: dict[str, Any] = {}
    exec(text, namespace)  # what a reader would do with it
    made = namespace[name](*(Array(np.asarray(a), w) for a, w in zip(arrays, weak, strict=True)))
    return [np.asarray(one) for one in (made if isinstance(made, tuple) else (made,))]


def assert_same_bits(graph: Graph, arrays: list[Any]) -> None:
    text = source(graph, "f", [f"x_{i}" for i in range(len(graph.inputs))])
    found = run_source(text, "f", arrays, [var.spec.weak for var in graph.inputs])
    for ours, wanted in zip(found, run(graph, arrays), strict=True):
        assert (ours.dtype, ours.shape) == (wanted.dtype, wanted.shape), text
        assert ours.tobytes() == wanted.tobytes(), text


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_every_primitive(case: Case) -> None:
    assert_same_bits(one_node(case), values(case))


DERIVED = {name: case for name, case in CASES.items() if float_inputs(case) and case.differentiate}


@pytest.mark.parametrize("case", DERIVED.values(), ids=list(DERIVED))
def test_every_derivative(case: Case) -> None:
    graph, inputs = one_node(case), values(case)
    outputs = [value for value in run(graph, inputs) if is_float(value.dtype)]
    if outputs:
        assert_same_bits(simplify(backward(graph, float_inputs(case))), [*inputs, *outputs])


def test_a_derivative_reads_like_one_by_hand() -> None:
    view = mt.graph(mt.grad(lambda w, x, y: xp.mean((x @ w - y) ** 2)))(xp.ones(3), xp.ones((5, 3)), xp.ones(5))
    assert str(view).endswith('    return xp.einsum("ik,i->k", x, 0.2 * (2.0 * (x @ w - y)))')


def test_a_training_step_of_a_small_network() -> None:
    net = nn.Conv2D(3, 3) >> nn.relu >> nn.MaxPool2D(2) >> nn.Flatten() >> nn.Dropout(0.3) >> nn.Dense(4)
    net = net.init(mt.key(0), xp.ones((1, 8, 8, 1)))
    opt = optim.adam(1e-2).init(net)

    def step(net: Any, opt: Any, key: Any, x: Any, y: Any) -> Any:
        def objective(net: Any) -> Any:
            prediction, net = mt.training(net)(key, x)
            return losses.cross_entropy(prediction, y).mean(), net

        (loss, net), gradient = mt.value_and_grad(objective, aux=True)(net)
        return (*opt.step(net, gradient), loss)

    x = mt.random.normal(mt.key(1), (6, 8, 8, 1))
    y = xp.asarray(np.arange(6) % 4)
    view = mt.graph(step)(net, opt, mt.key(2), x, y)
    text = str(view)
    for words in ("def step(", "net_conv2d_1_weight,", "opt_", "# net.dense_1 test_source.py:", "# must be finite: "):
        assert words in text
    compiled = mt.compile(step)
    call, program = compiled.prepare((net, opt, mt.key(2), x, y), {})
    given = [*call.arrays, *program.captured]
    arrays = [array.data for array in given]
    found = run_source(text, "step", arrays, [array.spec.weak for array in given])
    for ours, wanted in zip(found, run(program.graph, arrays), strict=False):
        assert ours.tobytes() == wanted.tobytes()


def test_names_are_told_apart() -> None:
    f = lambda xp_, a: xp_["w"] + a["lambda"] + a["w.b"] + a["w"]["b"]
    one = mt.xp.ones(2)
    view = mt.graph(f)({"w": one}, {"lambda": one, "w.b": one, "w": {"b": one}})
    exec(str(view), {})
    assert "lambda_" in str(view) or "a_lambda" in str(view)


def test_brackets_where_floats_need_them() -> None:
    x = xp.asarray([1e20, 3.0])
    for f in (lambda x, y: x + (y - x), lambda x, y: x / (y * x) - (-x) ** 2, lambda x, y: -(x**2) * (x < y)):
        view = mt.graph(f)(x, x + 1)
        (got,) = run_source(str(view), "f", [x, x + 1], [False, False])
        assert got.tobytes() == np.asarray(mt.compile(f)(x, x + 1)).tobytes()


def test_python_numbers_and_closed_over_arrays() -> None:
    namespace: dict[str, Any] = {}
    exec(str(mt.graph(mt.grad(lambda a: a**3))(2.0)), namespace)
    assert float(namespace["f"](2.0)) == 12.0
    kept = xp.asarray(np.arange(3.0))
    view = mt.graph(lambda x, r: (x + kept) * r)(kept + 1, 0.1)
    exec(str(view), namespace)
    found = namespace["f"](kept + 1, 0.1, *view.captured)
    np.testing.assert_array_equal(found, mt.compile(lambda x, r: (x + kept) * r)(kept + 1, 0.1))
