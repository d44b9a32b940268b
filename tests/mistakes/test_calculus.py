"""Wrong axes, trees, types and uses of the transforms; `test_layers.py` says how to renew the stored messages."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from tests.mistakes.test_mistakes import SNAPSHOTS, message

X = np.ones((3, 4))
KEPT: list[Any] = []


class Counter(mt.Mapping):
    """x ↦ x, which counts in training what it has seen."""

    def __init__(self) -> None:
        self.count = mt.state((), nn.zeros)

    def __call__(self, x: Any) -> Any:
        return x

    def training(self, key: Any, x: Any) -> Any:
        return x, self.replace(count=self.count + xp.sum(x))


def leaked() -> Any:
    """A value of a trace that is over."""
    KEPT.clear()
    mt.vmap(lambda x: KEPT.append(x) or x)(X[0])
    return KEPT[0]


def donated_and_passed(second: Callable[[Any], Any], donate: str = "a") -> Any:
    """A run whose weights are given away, and an argument that is made of them."""
    weights = xp.ones((3,))
    step = mt.compile(lambda a, b: (a["w"] + 1, b), donate=donate)
    try:
        return step({"w": weights}, second(weights))
    finally:
        assert list(weights) == [1, 1, 1]


def donated_views(first: Any, second: Any) -> Any:
    return mt.compile(lambda tree: tree["mean"] * 1, donate="tree")({"net": [first], "mean": second})


def overlapping(x: Any) -> Any:
    return x[:2], x[1:]


def state_under_vmap() -> Any:
    net = mt.each(Counter()).init(mt.key(0), xp.ones((1, 3)))
    return mt.training(net)(mt.key(0), xp.ones((4, 3)))


WRONG: dict[str, dict[str, Callable[[], Any]]] = {
    "calculus_axes": {
        "vmap(f, in_axes=1.5)": lambda: mt.vmap(xp.sin, in_axes=1.5),  # type: ignore[arg-type]
        "vmap(f, in_axes=(0, 'x'))": lambda: mt.vmap(xp.add, in_axes=(0, "x")),  # type: ignore[arg-type]
        "vmap(f, out_axes=None)": lambda: mt.vmap(xp.sin, out_axes=None),  # type: ignore[arg-type]
        "vmap(f, in_axes=(0, 0))(x)": lambda: mt.vmap(xp.sin, in_axes=(0, 0))(X),
        "vmap(f, in_axes=2)(f64[3,4])": lambda: mt.vmap(xp.sin, in_axes=2)(X),
        "vmap(f, out_axes=-3)(f64[3,4])": lambda: mt.vmap(xp.sin, out_axes=-3)(X),
        "vmap(f)(1.0)": lambda: mt.vmap(xp.sin)(1.0),
        "vmap(f)()": lambda: mt.vmap(lambda: 1.0)(),
        "vmap(f)(f64[3,4], f64[4])": lambda: mt.vmap(xp.multiply)(X, X[0]),
    },
    "calculus_trees": {
        'jvp(f, ({"a": x},), ({"b": x},))': lambda: mt.jvp(lambda p: p["a"], ({"a": X},), ({"b": X},)),
        "jvp(f, (x,), (x[0],))": lambda: mt.jvp(xp.sin, (X,), (X[0],)),
        'jvp(f, (x,), ("v",))': lambda: mt.jvp(xp.sin, (X,), ("v",)),
        "jvp(f, (x, 3), (x, 1.0))": lambda: mt.jvp(xp.multiply, (X, 3), (X, 1.0)),
        "jvp(f, (x,), ())": lambda: mt.jvp(xp.sin, (X,), ()),
        "jvp(f, x, v)": lambda: mt.jvp(xp.sin, X, X),
        "vjp(f, x)[1]((y, y))": lambda: mt.vjp(xp.sin, X)[1]((X, X)),
        "vjp(f, x)[1](y[0])": lambda: mt.vjp(xp.sin, X)[1](X[0]),
        "linearize(f, x)[1](v, v)": lambda: mt.linearize(xp.sin, X)[1](X, X),
        "hvp(f)(x)": lambda: mt.hvp(lambda x: xp.sum(x**2))(X),
        "hvp(f)(x, [v, v])": lambda: mt.hvp(lambda x: xp.sum(x**2))(X, [X, X]),
    },
    "calculus_types": {
        "grad(f)(3)": lambda: mt.grad(lambda n: n * 2)(3),
        "hessian(f)(integers)": lambda: mt.hessian(lambda n: xp.sum(n * 2.0))(np.arange(3)),
        "linearize(f)": lambda: mt.linearize(lambda: 1.0),
        "grad(rows)(x)": lambda: mt.grad(lambda x: x**2)(X),
        "grad(integer)(x)": lambda: mt.grad(lambda x: xp.argmax(x))(X),
        "grad(list)(x)": lambda: mt.grad(lambda x: [xp.sum(x), xp.sum(x)])(X),  # type: ignore[arg-type]
        "hessian(rows)(x)": lambda: mt.hessian(lambda x: x**2)(X),
        "jacobian(integers)(x)": lambda: mt.jacobian(lambda x: x > 0)(X),
        'jacobian(f, mode="backward")': lambda: mt.jacobian(xp.sin, mode="backward"),  # type: ignore[arg-type]
    },
    "calculus_uses": {
        "vmap: if x > 0": lambda: mt.vmap(lambda x: x if x > 0 else -x)(X[0]),
        "compile(hessian): if x > 0": lambda: mt.compile(mt.hessian(lambda x: x * x if x > 0 else x))(1.0),
        "a leaked value + 1": lambda: leaked() + 1,
        "float(a leaked value)": lambda: float(leaked()),
        "grad of a leaked value": lambda: mt.grad(lambda x: x * leaked())(1.0),
        "donated, and passed again": lambda: donated_and_passed(lambda x: x),
        "donated, and seen by NumPy": lambda: donated_and_passed(np.asarray),
        "passed, and a view of it donated": lambda: donated_and_passed(lambda x: x[1:], donate="b"),
        "twice in a donated tree": lambda: donated_views(*[xp.ones((3,))] * 2),
        "two views of one array": lambda: donated_views(*overlapping(xp.asarray(X))),
        "a state written under vmap": state_under_vmap,
    },
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake(name: str) -> None:
    found: list[str] = []
    for call, run in WRONG[name].items():
        with pytest.raises(mt.MapstoError) as error:
            run()
        text = re.sub(r"test_calculus\.py:\d+", "test_calculus.py:…", message(error.value))
        assert len(text.splitlines()) <= 12 and ("  fix" in text or "[ARG-0" in text), text
        found.append(f">>> {call}\n{text}\n")
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text("\n".join(found), encoding="utf-8")
    assert "\n".join(found) == path.read_text(encoding="utf-8")
