"""What simplification leaves of loops: nothing twice, nothing for nobody, nothing that every turn makes alike."""

from collections import Counter
from typing import Any

import numpy as np

import mapsto as mt
from mapsto import xp
from mapsto.ir.graph import Graph, Node
from mapsto.transform.scan import Scan

W = xp.asarray(np.random.default_rng(0).standard_normal((4, 4)))
X = xp.asarray(np.random.default_rng(1).standard_normal((5, 4)))
H = xp.zeros(4, dtype=xp.float64)


def step(w: Any) -> Any:
    def turn(h: Any, x: Any) -> Any:
        h = xp.tanh(w @ h + x)
        return h, h

    return turn


def loss(w: Any, h: Any, x: Any) -> Any:
    last, rows = mt.scan(step(w), h, x)
    return xp.sum(last) + xp.sum(rows**2)


def loops(graph: Graph) -> list[Node]:
    return [node for node in graph.nodes if isinstance(node.primitive, Scan)]


def body_names(node: Node) -> Counter[str]:
    return Counter(one.primitive.name for one in node.primitive.inner()[0].graph.nodes)


def test_forward_and_backward_are_two_loops() -> None:
    found = loops(mt.compile(mt.value_and_grad(loss)).graph_for(W, H, X))
    assert [node.primitive.reverse for node in found] == [False, True]
    first, second = map(body_names, found)
    assert (first["contract"], first["tanh"]) == (1, 1)
    assert (second["contract"], second["tanh"]) == (1, 0)  # that by w is one product after the loop


def test_lanes_of_a_derivative_are_two_loops() -> None:
    graph = mt.compile(mt.vmap(mt.grad(loss), in_axes=(None, 0, 0))).graph_for(W, xp.stack([H, H]), xp.stack([X, X]))
    assert len(loops(graph)) == 2


def test_forward_mode_is_one_loop() -> None:
    graph = mt.compile(lambda w, h, x: mt.jvp(loss, (w, h, x), (w, h, x))).graph_for(W, H, X)
    assert len(loops(graph)) == 1


def test_the_same_in_every_turn_is_made_before() -> None:
    def f(w: Any, x: Any) -> Any:
        return mt.scan(lambda h, x: (xp.tanh((w @ w) @ h + x), None), H, x)[0]

    graph = mt.compile(f).graph_for(W, X)
    (loop,) = loops(graph)
    assert body_names(loop)["contract"] == 1
    assert sum(node.primitive.name == "contract" for node in graph.nodes) == 1
    assert np.allclose(mt.compile(f)(W, X), f(W, X))


def test_results_and_carries_for_nobody_are_left_out() -> None:
    def turn(carry: Any, x: Any) -> Any:
        h, n, same, unused = carry
        return (xp.tanh(h + x * same), n + 1, same, xp.sin(unused + n)), (h, xp.exp(x))

    def f(x: Any, scale: Any) -> Any:
        (h, _, same, _), (rows, _) = mt.scan(turn, (H, 0, scale, 0.0), x)
        return h, same, rows

    scale = xp.asarray(2.0, dtype=xp.float64)
    (loop,) = loops(mt.compile(f).graph_for(X, scale))
    scan = loop.primitive
    assert (scan.carries, len(loop.outputs)) == (1, 2) and not body_names(loop)["exp"]
    for one, two in zip(mt.compile(f)(X, scale), f(X, scale), strict=True):
        assert np.allclose(one, two)


def test_a_while_loop_keeps_what_its_condition_asks() -> None:
    def f(x: Any, w: Any) -> Any:
        def turn(carry: Any) -> Any:
            n, y, waste = carry
            return n + 1, y * xp.sum(w @ w), waste + y

        return mt.while_loop(lambda carry: carry[0] < 3, turn, (0, x, x))[1]

    graph = mt.compile(f).graph_for(xp.asarray(1.5, dtype=xp.float64), W)
    (loop,) = [node for node in graph.nodes if node.primitive.name == "while"]
    assert len(loop.outputs) == 2 and len(loop.inputs) == 3
    assert not body_names(loop)["contract"]
    assert np.allclose(mt.compile(f)(xp.asarray(1.5, dtype=xp.float64), W), 1.5 * np.sum(np.asarray(W @ W)) ** 3)


def test_a_rematerialised_call_keeps_nothing() -> None:
    def f(w: Any) -> Any:
        return xp.sum(mt.remat(lambda w: xp.tanh(w @ xp.tanh(w @ w)))(w))

    graph = mt.compile(mt.grad(f)).graph_for(W)
    (call,) = [node for node in graph.nodes if node.primitive.name == "call"]
    assert body_names(call)["tanh"] >= 1 and call.inputs[0] in graph.inputs
    assert np.allclose(mt.compile(mt.grad(f))(W), mt.grad(lambda w: xp.sum(xp.tanh(w @ xp.tanh(w @ w))))(W))
