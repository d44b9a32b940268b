"""Layers of normalisation, forward alone and with the backward pass, by one framework: `… mapsto` or `… torch`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from statistics import median

import numpy as np

IMAGES, ROWS = (128, 32, 32, 32), (64, 128, 512)
CASES = {"BatchNorm": IMAGES, "GroupNorm": IMAGES, "InstanceNorm": IMAGES, "LayerNorm": ROWS, "RMSNorm": ROWS}
GROUPS, SECONDS = 8, 0.5
Runs = Iterator[tuple[str, Callable[[], object], Callable[[], object]]]


def drawn(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def on_mapsto() -> Runs:
    import mapsto as mt
    from mapsto import nn, xp

    for name, shape in CASES.items():
        x, g = (xp.asarray(drawn(shape, seed)) for seed in (0, 1))
        layer = nn.GroupNorm(GROUPS) if name == "GroupNorm" else getattr(nn, name)()
        pair = (layer.init(mt.key(0), x), x)

        def forward(pair, g):
            return mt.training(pair[0])(mt.key(0), pair[1])[0]

        there = mt.compile(forward)
        back = mt.compile(mt.grad(lambda pair, g, forward=forward: xp.sum(forward(pair, g) * g)))
        yield name, lambda: there(pair, g), lambda: back(pair, g)  # noqa: B023


def on_torch() -> Runs:
    import torch

    torch.set_num_threads(2)
    for name, shape in CASES.items():
        x, g = (torch.from_numpy(drawn(shape, seed)) for seed in (0, 1))
        x, g = (one.permute(0, 3, 1, 2) if len(shape) == 4 else one for one in (x, g))
        sizes = (GROUPS, shape[-1]) if name == "GroupNorm" else (shape[-1],)
        layer = getattr(torch.nn, {"BatchNorm": "BatchNorm2d", "InstanceNorm": "InstanceNorm2d"}.get(name, name))(
            *sizes
        )
        given = x.detach().requires_grad_()
        there = torch.no_grad()(layer)
        yield name, lambda: there(x), lambda: torch.autograd.backward(layer(given), g)  # noqa: B023


def milliseconds(run: Callable[[], object]) -> float:
    """The median of what fits into half a second, after two runs that do not count."""
    times: list[float] = []
    run(), run()
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        before = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - before))
    return median(times)


if __name__ == "__main__":
    for name, there, back in {"mapsto": on_mapsto, "torch": on_torch}[sys.argv[1]]():
        print(f"{name:13} forward {milliseconds(there):6.2f} ms, both {milliseconds(back):6.2f} ms")
