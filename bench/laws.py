"""How long `mt.check` takes: a convolutional and a recurrent net, with nothing kept that was compiled before.

`python -m bench.laws` prints the table.
"""

from __future__ import annotations

import os
import time

import numpy as np

import mapsto as mt
from mapsto import image, nn, xp

STEPS = 30


class Recurrent(mt.Mapping):
    """f32[n, t, d] ↦ f32[n, units]: the last state of an LSTM (doi:10.1162/neco.1997.9.8.1735), a loop in Python."""

    def __init__(self, units: int) -> None:
        self.units, self.gates = units, nn.Dense(4 * units)

    def __call__(self, x: mt.Array) -> mt.Array:
        hidden = cell = xp.zeros((x.shape[0], self.units), dtype=x.dtype)
        for step in range(x.shape[1]):
            made = xp.reshape(self.gates(xp.concat([x[:, step], hidden], axis=1)), (-1, 4, self.units))
            enter, forget, leave = (nn.sigmoid(made[:, i]) for i in range(3))
            cell = forget * cell + enter * xp.tanh(made[:, 3])
            hidden = leave * xp.tanh(cell)
        return hidden


def main() -> None:
    os.environ["MAPSTO_CACHE"] = "off"
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (8, 28, 28, 1)).astype(np.uint8)
    net = image.scale(1 / 255) >> nn.Conv2D(32, 3) >> nn.relu >> nn.MaxPool2D(2) >> nn.Conv2D(64, 3) >> nn.relu
    net = net >> nn.MaxPool2D(2) >> nn.Flatten() >> nn.Dense(64) >> nn.relu >> nn.Dropout(0.5) >> nn.Dense(10)
    series = rng.standard_normal((4, STEPS, 16)).astype(np.float32)
    for name, one, x in (("CNN", net, pictures), (f"LSTM, {STEPS} steps", Recurrent(32) >> nn.Dense(5), series)):
        made = one.init(mt.key(0), x[:1])
        for again in ("first", "second"):
            began = time.perf_counter()
            report = mt.check(made, x)
            print(f"{name:16} {again:7} {time.perf_counter() - began:5.2f} s   {'passed' if report else 'failed'}")


if __name__ == "__main__":
    main()
