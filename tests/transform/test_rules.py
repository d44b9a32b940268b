"""Derivatives that the user states, and those of what an equation defines."""

from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import xp
from mapsto.core.errors import ShapeError, UsageError

X = xp.asarray(np.random.default_rng(0).standard_normal(5))


def by_jvp(x: Any, w: Any) -> Any:
    return mt.custom_rule(product, jvp=lambda args, y, t: xp.cos(args[0]) * args[1] * t[0] + xp.sin(args[0]) * t[1])(
        x, w
    )


def by_vjp(x: Any, w: Any) -> Any:
    return mt.custom_rule(product, vjp=lambda args, y, g: (g * xp.cos(args[0]) * args[1], g * xp.sin(args[0])))(x, w)


def product(x: Any, w: Any) -> Any:
    return xp.sin(x) * w


@pytest.mark.parametrize("ruled", [by_jvp, by_vjp])
def test_a_rule_gives_both_modes_at_every_order(ruled: Any) -> None:
    w = X * X + 1

    def tried(function: Any) -> list[Any]:
        def loss(x: Any, w: Any) -> Any:
            return xp.sum(function(x, w) ** 2)

        first = mt.grad(loss, (0, 1))
        second = mt.grad(lambda x: xp.sum(first(x, w)[0] ** 3))
        return [
            function(X, w),
            *first(X, w),
            second(X),
            mt.jvp(loss, (X, w), (w, X))[1],
            mt.vmap(mt.grad(lambda x, w: function(x, w)))(X, w),
            mt.vmap(lambda x: mt.grad(lambda w: function(x, w))(w[0]))(X),
            *mt.compile(first)(X, w),
            mt.compile(second)(X),
            mt.grad(lambda x: mt.scan(lambda c, _: (function(c, w), None), x, length=3)[0].sum())(X),
        ]

    for one, two in zip(tried(ruled), tried(product), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-12)


def test_a_rule_replaces_the_derivative() -> None:
    halved = mt.custom_rule(lambda x: x * x, vjp=lambda args, y, g: (g * args[0],))
    assert float(mt.grad(halved)(3.0)) == 3.0
    assert float(mt.compile(mt.grad(halved))(3.0)) == 3.0
    through = mt.custom_rule(xp.round, jvp=lambda args, y, t: t[0])
    assert float(mt.jvp(through, (2.6,), (1.0,))[1]) == 1.0


def test_rules_of_trees_and_of_arguments_without_derivatives() -> None:
    def f(tree: Any, n: Any) -> Any:
        return {"a": tree["x"] * n, "b": tree["y"], "n": n}

    def rule(args: Any, result: Any, g: Any) -> Any:
        assert g["n"] is None
        return {"x": g["a"] * args[1], "y": None}, None

    ruled = mt.custom_rule(f, vjp=rule)
    found = mt.grad(lambda t: xp.sum(ruled(t, 3)["a"]) + xp.sum(ruled(t, 3)["b"]))({"x": X, "y": X})
    assert np.array_equal(found["x"], np.full(5, 3.0)) and not np.any(found["y"])


def test_constants_may_be_closed_over() -> None:
    w = X + 2

    def f(x: Any) -> Any:
        return mt.custom_rule(lambda x: x * w, vjp=lambda args, y, g: (g * w,))(x)

    np.testing.assert_allclose(mt.compile(mt.grad(lambda x: xp.sum(f(x) ** 2)))(X), 2 * X * w * w)


REFUSED: list[tuple[str, Any, type[Exception]]] = [
    ("RULE-01", lambda: mt.custom_rule(xp.sin), UsageError),
    (
        "RULE-02",
        lambda: mt.grad(lambda x: mt.custom_rule(lambda y: x * y, vjp=lambda a, y, g: (g,))(x))(2.0),
        UsageError,
    ),
    ("RULE-03", lambda: mt.grad(mt.custom_rule(xp.sin, vjp=lambda a, y, g: g))(2.0), UsageError),
    ("RULE-03", lambda: mt.grad(mt.custom_rule(xp.sin, vjp=lambda a, y, g: (g, g)))(2.0), UsageError),
    ("RULE-03", lambda: mt.grad(mt.custom_rule(xp.sin, jvp=lambda a, y, t: {"a": t[0]}))(2.0), UsageError),
    ("RULE-04", lambda: mt.grad(mt.custom_rule(xp.sin, vjp=lambda a, y, g: (xp.ones(3),)))(2.0), ShapeError),
    ("RULE-07", lambda: mt.grad(mt.custom_rule(xp.sin, jvp=lambda a, y, t: t[0] ** 2))(2.0), UsageError),
    ("RULE-05", lambda: mt.implicit(xp.sin), UsageError),
    ("RULE-06", lambda: mt.grad(mt.implicit(xp.sin, root=lambda x, a: (x, a)))(2.0), ShapeError),
]


@pytest.mark.parametrize(("code", "call", "kind"), REFUSED, ids=[f"{i}-{one[0]}" for i, one in enumerate(REFUSED)])
def test_refusal(code: str, call: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=code):
        call()


A = xp.asarray(np.random.default_rng(1).standard_normal((4, 4)) / 5)
B = xp.asarray(np.random.default_rng(2).standard_normal(4))


def equilibrium(a: Any, b: Any) -> Any:
    """The x with x = tanh(a·x + b)."""

    def step(pair: Any) -> Any:
        return xp.tanh(a @ pair[0] + b), pair[0]

    return mt.while_loop(lambda pair: xp.max(xp.abs(pair[0] - pair[1])) > 1e-14, step, (b * 0, b * 0 + 1))[0]


def unrolled(a: Any, b: Any) -> Any:
    return mt.fori(0, 60, lambda _, x: xp.tanh(a @ x + b), b * 0)


def test_the_derivative_of_a_fixed_point_is_that_of_its_loop() -> None:
    implicit = mt.implicit(equilibrium, fixed_point=lambda x, a, b: xp.tanh(a @ x + b))
    by_root = mt.implicit(equilibrium, root=lambda x, a, b: x - xp.tanh(a @ x + b))

    def loss(solve: Any) -> Any:
        return lambda a, b: xp.sum(xp.sin(solve(a, b)))

    wanted = mt.grad(loss(unrolled), (0, 1))(A, B)
    for solve in (implicit, by_root):
        for gradient in (mt.grad(loss(solve), (0, 1)), mt.compile(mt.grad(loss(solve), (0, 1)))):
            for one, two in zip(gradient(A, B), wanted, strict=True):
                np.testing.assert_allclose(one, two, rtol=1e-10, atol=1e-12)
        pushed = mt.jvp(loss(solve), (A, B), (A, B))[1]
        np.testing.assert_allclose(pushed, mt.jvp(loss(unrolled), (A, B), (A, B))[1], rtol=1e-10)
    lanes = mt.vmap(mt.grad(loss(implicit), 1), in_axes=(None, 0))(A, xp.stack([B, 2 * B]))
    for one, b in zip(lanes, (B, 2 * B), strict=True):
        np.testing.assert_allclose(one, mt.grad(loss(unrolled), 1)(A, b), rtol=1e-9, atol=1e-12)


def test_second_derivatives_go_forward_over_reverse() -> None:
    def cube_root(a: Any) -> Any:
        def step(x: Any) -> Any:
            return x - (x**3 - a) / (3 * x**2)

        return mt.fori(0, 40, lambda _, x: step(x), a)

    solve = mt.implicit(cube_root, root=lambda x, a: x**3 - a)
    a = xp.asarray(2.0, dtype=xp.float64)
    first, second = mt.jvp(mt.grad(solve), (a,), (1.0,))
    np.testing.assert_allclose(first, 2 ** (-2 / 3) / 3, rtol=1e-10)
    np.testing.assert_allclose(second, -2 / 9 * 2 ** (-5 / 3), rtol=1e-8)
