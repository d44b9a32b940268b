"""Logistic regression: Newton's method with derivatives by mapsto finds the maximum of the likelihood.

The gradient is `mt.grad` of the loss, and the Hessian is `mt.hessian`, the derivative of the gradient.
"""

import numpy as np

import mapsto as mt
from mapsto import losses, xp


def data(n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Points f64[n, 2], and labels f64[n] that are 1 with probability 1 / (1 + e^-(x·w + b)): the classes overlap."""
    point_key, label_key = mt.split(mt.key(1))
    x = mt.random.normal(point_key, (n, 2), dtype=xp.float64)
    chance = xp.sigmoid(x @ xp.asarray(np.array([1.5, -2.0])) + 0.5)
    drawn = mt.random.uniform(label_key, (n,), dtype=xp.float64) < chance
    return np.asarray(x), np.asarray(drawn).astype(np.float64)


def loss(w, x, y):
    """The mean negative log-likelihood: w f64[3] (two weights and the bias), f64[n, 2], f64[n] ↦ f64[]."""
    return losses.binary_cross_entropy(x @ w[:2] + w[2], y).mean()


@mt.compile
def derivatives(w, x, y):
    """The gradient f64[3] and the Hessian f64[3, 3] at w."""
    return mt.grad(loss)(w, x, y), mt.hessian(loss)(w, x, y)


def main() -> dict[str, np.ndarray]:
    """Eight steps of Newton's method: w ← w − H⁻¹·g."""
    x, y = map(xp.asarray, data())
    w = xp.zeros(3, dtype=xp.float64)
    norms = []
    for _ in range(8):
        gradient, hessian = derivatives(w, x, y)
        norms.append(float(xp.max(xp.abs(gradient))))
        w = w - xp.asarray(np.linalg.solve(hessian, gradient))
    correct = ((x @ w[:2] + w[2] > 0) == (y > 0.5)).astype(xp.float64).mean()
    return {"weights": np.asarray(w), "gradient": np.array(norms), "accuracy": np.asarray(correct)}


if __name__ == "__main__":
    found = main()
    print("weights and bias  ", np.round(found["weights"], 6))
    print("largest slope     ", "  ".join(f"{norm:.0e}" for norm in found["gradient"]))
    print(f"accuracy           {found['accuracy']:.3f}")
