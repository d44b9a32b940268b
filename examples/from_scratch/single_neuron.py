"""Three neurons worked out on paper: z = x·W + b, and an activation of each.

The rows of the table below are the neurons' weights. A layer stores them as columns, f32[inputs, units]:

    z₁ = 0.5·2 + 0.3·3 + 0.1 = 2.0      z₂ = 0.2·2 + 0.4·3 + 0.2 = 1.8      z₃ = 0.1·2 + 0.2·3 + 0.3 = 1.1
"""

import numpy as np

import mapsto as mt
from mapsto import nn, xp

WEIGHTS = [[0.5, 0.3], [0.2, 0.4], [0.1, 0.2]]
BIASES = [0.1, 0.2, 0.3]


def main() -> dict[str, np.ndarray]:
    """The sums z by the formula and by a layer, their activations, and tanh 3."""
    w, b, x = map(xp.asarray, (WEIGHTS, BIASES, [2.0, 3.0]))
    z = w @ x + b

    layer = nn.Dense(3).init(mt.key(0), x[None])
    layer = mt.replace(layer, {"weight": w.T, "bias": b})
    neurons = layer >> nn.relu
    return {
        "z": np.asarray(z),
        "layer": np.asarray(layer(x[None])[0]),
        "relu": np.asarray(neurons(x[None])[0]),
        "sigmoid": np.asarray(nn.sigmoid(z)),
        "tanh": np.asarray(nn.tanh(z)),
        "tanh 3": np.asarray(xp.tanh(3.0)),
    }


if __name__ == "__main__":
    for name, values in main().items():
        print(f"{name:8}", np.round(values, 3))
