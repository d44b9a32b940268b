"""The graph of a function as text: of plain functions, derivatives, compiled functions, mappings and their training."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from mapsto.ir.graph import run
from mapsto.ir.parse import parse
from mapsto.ir.show import show


def loss(w, x):
    return xp.mean((x @ w) ** 2)


def test_the_derivative_is_a_graph_that_computes_it() -> None:
    rng = np.random.default_rng(0)
    w, x = rng.standard_normal(3), rng.standard_normal((5, 3))
    view = mt.graph(mt.grad(loss))(w, x)
    assert view.text == show(view.graph, origins=True)
    (got,) = run(parse(view.text), [w, x])  # what is printed is what runs
    with mt.interpret():  # the reference runs the same nodes
        np.testing.assert_array_equal(got, mt.compile(mt.grad(loss))(w, x))
    np.testing.assert_allclose(got, mt.compile(mt.grad(loss))(w, x), rtol=1e-12)
    np.testing.assert_allclose(got, 2 / 5 * x.T @ x @ w, rtol=1e-12)
    assert "test_graph.py:" in view.text


def test_trees_and_keywords() -> None:
    view = mt.graph(lambda p, *, scale: p["w"] * p["b"] * scale)({"w": xp.ones(2), "b": xp.ones(2)}, scale=2.0)
    assert [str(var.spec) for var in view.graph.inputs] == ["f32[2]", "f32[2]", "f64*[]"]


def test_closed_over_arrays_are_inputs() -> None:
    c = xp.ones(4)
    assert len(mt.graph(lambda x: x + c)(c + 1).graph.inputs) == 2


def test_a_net() -> None:
    net = (nn.Dense(4) >> nn.relu >> nn.Dense(4) >> nn.relu).init(mt.key(0), xp.ones((1, 3)))
    view = mt.graph(net)(xp.ones((2, 3)))
    assert [str(var.spec) for var in view.graph.inputs] == ["f32[3,4]", "f32[4]", "f32[4,4]", "f32[4]", "f32[2,3]"]
    for path in ("net.dense_1", "net.relu ", "net.dense_2", "net.relu_2"):
        assert f"# {path}" in view.text


def test_a_net_takes_numpy_arrays_as_when_it_is_called() -> None:
    net = nn.Dense(4).init(mt.key(0), xp.ones((1, 3)))
    with pytest.warns(mt.Note, match="f64 was cast"):
        view = mt.graph(net)(np.ones((2, 3)))
    assert str(view.graph.outputs[0].spec) == "f32[2,4]"


def test_training_and_compiled_functions() -> None:
    net = (nn.Dense(4) >> nn.Dropout(0.5)).init(mt.key(0), xp.ones((1, 3)))
    assert "RandomBits" in str(mt.graph(mt.training(net))(mt.key(1), xp.ones((2, 3))))
    assert str(mt.graph(mt.compile(loss))(xp.ones(3), xp.ones((5, 3)))) == str(
        mt.graph(loss)(xp.ones(3), xp.ones((5, 3)))
    )


def test_html_is_escaped() -> None:
    view = mt.graph(lambda x: x < 1)(xp.ones(2))
    assert "x &lt; 1.0" in view._repr_html_()
    assert view._repr_html_().startswith("<pre>from mapsto import xp")


def test_what_has_no_graph() -> None:
    with pytest.raises(mt.UsageError, match=r"mt\.graph takes a function, not int"):
        mt.graph(3)  # type: ignore[arg-type]
    with pytest.raises(mt.StateError, match=r"net\.init"):
        mt.graph(nn.Dense(3))(xp.ones((1, 2)))
    with pytest.raises(mt.TraceError, match=r"xp\.where"):
        mt.graph(lambda x: x if x > 0 else -x)(xp.asarray(1.0))
