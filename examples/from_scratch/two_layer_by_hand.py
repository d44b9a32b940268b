"""Backpropagation by hand: the gradients of a two-layer network written out, and the same by `mt.grad`.

    z₁ = x·W₁ + b₁    a₁ = max(0, z₁)    z₂ = a₁·W₂ + b₂    p = 1 / (1 + e^-z₂)
    loss = −(1/n) Σ y·log p + (1 − y)·log(1 − p)

The chain rule, from the loss back: dz₂ = (p − y) / n, since the derivatives of the logarithm and of the sigmoid cancel;
dW₂ = a₁ᵀ·dz₂, db₂ = Σ dz₂; da₁ = dz₂·W₂ᵀ; dz₁ = da₁ where z₁ > 0; dW₁ = xᵀ·dz₁, db₁ = Σ dz₁.
"""

import numpy as np

import mapsto as mt
from mapsto import losses, nn, xp


def by_hand(w1, b1, w2, b2, x, y) -> dict[str, np.ndarray]:
    """The four gradients, in NumPy alone."""
    z1 = x @ w1 + b1
    a1 = np.maximum(0, z1)
    p = 1 / (1 + np.exp(-(a1 @ w2 + b2)))

    dz2 = (p - y) / len(x)
    dz1 = dz2 @ w2.T * (z1 > 0)
    return {
        "dense_1.weight": x.T @ dz1,
        "dense_1.bias": dz1.sum(0),
        "dense_2.weight": a1.T @ dz2,
        "dense_2.bias": dz2.sum(0),
    }


def by_logarithms(net, x, y):
    """The loss exactly as in the formula, with the sigmoid and the logarithms written out."""
    p = xp.sigmoid(net(x))
    return -xp.mean(y * xp.log(p) + (1 - y) * xp.log(1 - p))


def by_library(net, x, y):
    """The same loss as one step from scores, finite for scores of any size."""
    return losses.binary_cross_entropy(net(x), y).mean()


def main() -> dict[str, dict[str, float]]:
    """The largest difference between the gradients by hand and by `mt.grad`, for each parameter and both losses."""
    net_key, point_key, label_key = mt.split(mt.key(2), 3)
    x = mt.random.normal(point_key, (20, 4), dtype=xp.float64)
    y = mt.random.bernoulli(label_key, 0.5, (20, 1)).astype(xp.float64)
    net = (nn.Dense(5) >> nn.relu >> nn.Dense(1)).cast(xp.float64).init(net_key, x)

    weights = (net.dense_1.weight, net.dense_1.bias, net.dense_2.weight, net.dense_2.bias)
    expected = by_hand(*map(np.asarray, weights), np.asarray(x), np.asarray(y))
    differences = {}
    for loss in (by_logarithms, by_library):
        gradient = mt.parameters(mt.grad(loss)(net, x, y))
        differences[loss.__name__] = {
            path: float(np.abs(np.asarray(gradient[path]) - slope).max()) for path, slope in expected.items()
        }
    return differences


if __name__ == "__main__":
    for name, paths in main().items():
        for path, difference in paths.items():
            print(f"{name:13}  {path:14}  differs by {difference:.1e}")
