"""Linear regression: the weights that made the data are found again, by gradient descent and by least squares.

x, w ↦ x·w + b is a mapping, its mean squared error another, and the derivative of that a third. Descent along the
third ends where the least-squares solution is.
"""

import numpy as np

import mapsto as mt
from mapsto import xp

WEIGHT, BIAS, NOISE = (2.0, -3.4, 0.5), 4.2, 0.01


def error(model, x, y):
    """The mean squared error of a linear model: (weight f64[d], bias f64[]), f64[n, d], f64[n] ↦ f64[]."""
    weight, bias = model
    return xp.mean((x @ weight + bias - y) ** 2)


@mt.compile
def step(model, x, y, rate):
    """One step down the gradient."""
    value, gradient = mt.value_and_grad(error)(model, x, y)
    return tuple(part - rate * slope for part, slope in zip(model, gradient, strict=True)), value


def main() -> dict[str, np.ndarray]:
    """Data, 200 steps of descent, and NumPy's least-squares solution of the same data."""
    data_key, noise_key = mt.split(mt.key(0))
    x = mt.random.normal(data_key, (200, 3), dtype=xp.float64)
    y = x @ xp.asarray(np.array(WEIGHT)) + BIAS + mt.random.normal(noise_key, (200,), std=NOISE, dtype=xp.float64)

    model = (xp.zeros(3, dtype=xp.float64), xp.zeros((), dtype=xp.float64))
    for _ in range(200):
        model, _ = step(model, x, y, 0.2)

    with_ones = np.column_stack([x, np.ones(200)])  # a column of ones makes the bias one more weight
    solution, *_ = np.linalg.lstsq(with_ones, np.asarray(y), rcond=None)
    found = np.append(model[0], model[1])
    return {"true": np.array([*WEIGHT, BIAS]), "descent": found, "least squares": solution}


if __name__ == "__main__":
    for name, weights in main().items():
        print(f"{name:14}", np.round(weights, 6))
