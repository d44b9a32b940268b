"""What calling a compiled function costs beside its work: `python -m bench.overhead`. Other work disturbs it."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

import mapsto as mt
from mapsto import image, losses, nn, optim, xp
from mapsto.core.flat import builder
from mapsto.core.tree import flatten, rebuild
from mapsto.target.launch import Launch


def microseconds(run: Callable[[], Any], times: int) -> tuple[float, float]:
    """The least and the median time of a call."""
    for _ in range(20):
        run()
    taken: list[float] = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        taken.append(1e6 * (time.perf_counter() - start))
    return min(taken), median(taken)


def row(name: str, least: float, middle: float) -> None:
    print(f"{name:<66} {least:8.2f} {middle:8.2f} µs")


class Stilled:
    """Within this block launches do nothing, so that what is left is Python's part."""

    def __enter__(self) -> None:
        self.run = Launch.run
        setattr(Launch, "run", lambda launch, slots: None)  # noqa: B010

    def __exit__(self, *problem: Any) -> None:
        setattr(Launch, "run", self.run)  # noqa: B010


def network() -> tuple[Any, Any]:
    """The CNN of the contest, and Adam for it: 31 leaves and a few numbers."""
    net = image.scale(1 / 255) >> nn.Conv2D(32, 3) >> nn.relu >> nn.MaxPool2D(2) >> nn.Conv2D(64, 3) >> nn.relu
    net = (
        net >> nn.MaxPool2D(2) >> nn.Conv2D(64, 3) >> nn.relu >> nn.Flatten() >> nn.Dense(64) >> nn.relu >> nn.Dense(10)
    )
    net = net.init(mt.key(0), np.zeros((1, 32, 32, 3), np.uint8))
    return net, optim.adam(1e-3).init(net)


def stepping(net: Any, opt: Any) -> Callable[[], Any]:
    """A training step on a batch of 2, again and again."""

    @mt.compile(donate=("net", "opt"))
    def step(net: Any, opt: Any, key: Any, x: Any, y: Any) -> Any:
        def objective(net: Any) -> Any:
            p, net = mt.training(net)(key, x)
            return losses.cross_entropy(p, y).mean(), net

        (loss, net), gradient = mt.value_and_grad(objective, aux=True)(net)
        net, opt = opt.step(net, gradient)
        return net, opt, loss

    rng = np.random.default_rng(0)
    key, x, y = mt.key(1), rng.integers(0, 256, (2, 32, 32, 3), np.uint8), rng.integers(0, 10, 2)
    state = [net, opt, None]

    def once() -> None:
        state[:] = step(state[0], state[1], key, x, y)

    return once


def scalars() -> None:
    f = mt.compile(lambda x: x * 2 + 1)
    for name, x in (("array f32[]", xp.asarray(2.0)), ("array f32[100]", xp.ones(100)), ("Python float", 2.0)):
        row(f"x ↦ 2·x + 1 of a {name}", *microseconds(lambda x=x: f(x), 5000))
    x = np.ones(100, np.float32)
    row("x ↦ 2·x + 1 of a NumPy array f32[100]", *microseconds(lambda: f(x), 5000))
    g = mt.compile(lambda x, y, rate: x + y * rate)
    one = xp.ones(100)
    row("three arguments, by name", *microseconds(lambda: g(x=one, y=one, rate=0.5), 5000))


def steps() -> None:
    net, opt = network()
    count = len(flatten((net, opt))[0])
    once = stepping(net, opt)
    once()
    with Stilled():
        row(f"a training step of the CNN, {count} leaves, without the run", *microseconds(once, 5000))


def trees() -> None:
    net, opt = network()
    many = {f"part {n}": xp.ones(3) for n in range(161)}
    deep = nn.Dense(8)
    for _ in range(26):
        deep = deep >> nn.relu >> nn.Dense(8)
    deep = deep.init(mt.key(0), xp.ones((1, 8)))
    trained = (deep, optim.adam(1e-3).init(deep))
    for name, tree in (("the CNN and Adam", (net, opt)), ("a dict", many), ("27 dense layers and Adam", trained)):
        leaves, structure = flatten(tree)
        values = [leaf.value for leaf in leaves]
        build = builder(structure, [value.spec for value in values])
        row(f"flatten {name}, {len(leaves)} leaves", *microseconds(lambda tree=tree: flatten(tree), 2000))
        row("  rebuild by its structure", *microseconds(lambda s=structure, v=values: rebuild(s, v), 2000))
        row("  rebuild by its plan", *microseconds(lambda b=build, v=values: b(v), 2000))
        same = mt.compile(lambda tree: tree)
        row("  pass through a compiled function that returns it", *microseconds(lambda t=tree, f=same: f(t), 2000))


if __name__ == "__main__":
    print(f"{'least':>75} {'median':>8}")
    scalars()
    steps()
    trees()
