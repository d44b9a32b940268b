"""A training step of a model whose weight is a table: `python -m bench.embedding`, beside PyTorch's eager if installed.

64 texts of 32 tokens out of 10,000, the mean of their rows of 64 numbers, a dense layer, cross-entropy, Adam. Ours and
PyTorch's run in one process, in turns, with the threads of OMP_NUM_THREADS.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median
from typing import Any

import numpy as np

import mapsto as mt
from mapsto import losses, nn, optim, xp
from mapsto.core.lazy import optional

torch = optional("torch", extra="bench")
TOKENS, WIDTH, BATCH, LENGTH, CLASSES = 10_000, 64, 64, 32, 10
ROUNDS, WARM, STEPS = 7, 10, 60

Step = Callable[[], Any]


class Bag(mt.Mapping):
    """i64[n, t] ↦ logits f32[n, k]: the mean of the tokens' rows of a table, and a dense layer."""

    def __init__(self) -> None:
        self.table = nn.Embedding(TOKENS, WIDTH)
        self.head = nn.Dense(CLASSES)

    def __call__(self, x: Any) -> Any:
        return self.head(xp.mean(self.table(x), axis=1))


@mt.compile(donate=("net", "opt"))
def train(net: Any, opt: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
    loss, gradients = mt.value_and_grad(lambda net: losses.cross_entropy(net(x), y).mean())(net)
    net, opt = opt.step(net, gradients)
    return net, opt, loss


def ours(x: Any, y: Any) -> Step:
    net = Bag().init(mt.key(0), x[:1])
    state = [net, optim.adam(1e-3).init(net)]

    def step() -> None:
        state[0], state[1], _ = train(state[0], state[1], x, y)

    return step


def theirs(x: Any, y: Any, fused: bool) -> Step:
    tokens, classes = torch.from_numpy(x), torch.from_numpy(y)
    table, head = torch.nn.Embedding(TOKENS, WIDTH), torch.nn.Linear(WIDTH, CLASSES)
    adam = torch.optim.Adam([*table.parameters(), *head.parameters()], lr=1e-3, fused=fused)

    def step() -> None:
        adam.zero_grad()
        torch.nn.functional.cross_entropy(head(table(tokens).mean(1)), classes).backward()
        adam.step()

    return step


def milliseconds(step: Step) -> float:
    """A step's time. Before, nobody runs for a while: PyTorch's idle threads go on for 10 ms."""
    time.sleep(0.05)
    for _ in range(WARM):
        step()
    start = time.perf_counter()
    for _ in range(STEPS):
        step()
    return 1e3 * (time.perf_counter() - start) / STEPS


def main() -> None:
    threads = int(os.environ.get("OMP_NUM_THREADS", "2"))
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, TOKENS, (BATCH, LENGTH)), rng.integers(0, CLASSES, BATCH)
    mt.threads(threads)
    steps = {"mapsto": ours(x, y)}
    if find_spec("torch") is not None:
        torch.set_num_threads(threads)
        steps.update({"PyTorch eager": theirs(x, y, False), "PyTorch eager, fused Adam": theirs(x, y, True)})
    found: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            found[name].append(milliseconds(step))
    for name, times in found.items():
        print(f"{name:<26} {threads} threads  {median(times[1:]):7.3f} ms a step, {min(times):7.3f} at best")


if __name__ == "__main__":
    main()
