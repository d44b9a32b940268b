"""What a turn of a compiled loop takes: `python -m bench.loops`.

Loops of next to nothing, which show what the driver adds to a turn, and recurrent networks, on one thread and on all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import mapsto as mt
from mapsto import xp
from mapsto.target.threads import cores

TIMES = 20


def best(run: Callable[[], object]) -> float:
    """The seconds of the quickest of some runs, after a first one."""
    run()
    found = np.inf
    for _ in range(TIMES):
        began = time.perf_counter()
        run()
        found = min(found, time.perf_counter() - began)
    return found


def count(turns: int) -> Callable[[], object]:
    """A loop that does nothing but count."""
    step = mt.compile(lambda n: mt.while_loop(lambda i: i < n, lambda i: i + 1, xp.asarray(0)))
    return lambda: step(xp.asarray(turns))


def plain(batch: int, width: int, turns: int) -> Callable[[], object]:
    """h ← tanh(h·w + x), turn by turn."""
    step = mt.compile(lambda w, x: mt.scan(lambda h, row: (xp.tanh(h @ w + row), None), x[0], x)[0])
    w, x = numbers(width, width), numbers(turns, batch, width)
    return lambda: step(w, x)


def lstm(batch: int, width: int, turns: int) -> Callable[[], object]:
    """Hochreiter and Schmidhuber's cell with a gate that forgets, its inputs multiplied beforehand."""

    def cell(w: Any, state: Any, row: Any) -> Any:
        h, c = state
        gates = h @ w + row
        i, f, g, o = (gates[:, k * width : (k + 1) * width] for k in range(4))
        c = sigmoid(f) * c + sigmoid(i) * xp.tanh(g)
        h = sigmoid(o) * xp.tanh(c)
        return (h, c), h

    step = mt.compile(lambda w, x: mt.scan(lambda *turn: cell(w, *turn), (x[0, :, :width], x[1, :, :width]), x)[1])
    w, x = numbers(width, 4 * width), numbers(turns, batch, 4 * width)
    return lambda: step(w, x)


def sigmoid(x: Any) -> Any:
    return 1.0 / (1.0 + xp.exp(-x))


def numbers(*shape: int) -> Any:
    return xp.asarray((0.05 * np.random.default_rng(0).standard_normal(shape)).astype(np.float32))


def main() -> None:
    rows = [
        ("while: a count", count(10**6), 10**6),
        ("RNN 1 × 16", plain(1, 16, 1000), 1000),
        ("RNN 64 × 128", plain(64, 128, 100), 100),
        ("LSTM 64 × 128", lstm(64, 128, 100), 100),
    ]
    print(f"{'µs a turn':20}" + "".join(f"{n} thread{'s' * (n > 1)}".rjust(12) for n in sorted({1, cores()})))
    for name, run, turns in rows:
        found: list[float] = []
        for threads in sorted({1, cores()}):
            mt.threads(threads)
            found.append(best(run) / turns * 1e6)
        print(f"{name:20}" + "".join(f"{one:12.3f}" for one in found), flush=True)


if __name__ == "__main__":
    main()
