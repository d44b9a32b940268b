"""How long `mt.check` takes: a convolutional and a recurrent net, with nothing kept that was compiled before.

`python -m bench.laws` prints the table.
"""

from __future__ import annotations

import os
import time

import numpy as np

import mapsto as mt
from mapsto import image, nn

STEPS = 30


def main() -> None:
    os.environ["MAPSTO_CACHE"] = "off"
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (8, 28, 28, 1)).astype(np.uint8)
    net = image.scale(1 / 255) >> nn.Conv2D(32, 3) >> nn.relu >> nn.MaxPool2D(2) >> nn.Conv2D(64, 3) >> nn.relu
    net = net >> nn.MaxPool2D(2) >> nn.Flatten() >> nn.Dense(64) >> nn.relu >> nn.Dropout(0.5) >> nn.Dense(10)
    series = rng.standard_normal((4, STEPS, 16)).astype(np.float32)
    recurrent = nn.LSTM(32, outputs="last") >> nn.Dense(5)
    for name, one, x in (("CNN", net, pictures), (f"LSTM, {STEPS} steps", recurrent, series)):
        made = one.init(mt.key(0), x[:1])
        for again in ("first", "second"):
            began = time.perf_counter()
            report = mt.check(made, x)
            print(f"{name:16} {again:7} {time.perf_counter() - began:5.2f} s   {'passed' if report else 'failed'}")


if __name__ == "__main__":
    main()
