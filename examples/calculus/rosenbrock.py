"""Rosenbrock's valley by Newton's method: the Hessian in two variables, products with it in a thousand.

    f(x) = Σ 100·(x[i+1] − x[i]²)² + (1 − x[i])²      (Rosenbrock, The Computer Journal 3, 1960)

From (−1.2, 1), where the Hessian is [[1330, 480], [480, 200]], pure Newton steps are at the minimum (1, 1) after six;
the second of them climbs to 1411.8. In many variables H·v costs a few gradients, and H itself is never needed: the
step solves H·p = −g by conjugate gradients (Nocedal and Wright, Numerical Optimization, 2006, algorithm 7.1).
"""

import numpy as np

import mapsto as mt
from mapsto import xp


def rosenbrock(x):
    """f64[n] ↦ f64[]"""
    return xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


value_and_slope = mt.compile(mt.value_and_grad(rosenbrock))
hessian = mt.compile(mt.hessian(rosenbrock))
product = mt.compile(mt.hvp(rosenbrock))


def newton(x: np.ndarray, steps: int = 6) -> list[tuple[np.ndarray, float]]:
    """Where Newton's steps x ← x − H⁻¹·g lead, and the value there, the start included."""
    path = []
    for _ in range(steps + 1):
        value, slope = value_and_slope(x)
        path.append((x, float(value)))
        x = x - np.linalg.solve(hessian(x), slope)
    return path


def direction(x: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """About −H⁻¹·g by conjugate gradients; −g, or what was found so far, where f is not curved upwards."""
    p, left = np.zeros_like(x), slope
    along = -left
    target = min(0.5, np.sqrt(np.linalg.norm(slope))) * np.linalg.norm(slope)
    while np.linalg.norm(left) > target:
        curved = np.asarray(product(x, along))
        if along @ curved <= 0:
            return p if p.any() else along
        length = left @ left / (along @ curved)
        p, before = p + length * along, left
        left = left + length * curved
        along = -left + (left @ left) / (before @ before) * along
    return p


def newton_by_products(x: np.ndarray, most: int = 100) -> tuple[np.ndarray, int]:
    """The minimum from x, and in how many steps: along `direction`, halved until f falls by 1e-4 of its slope."""
    for step in range(most):
        value, slope = (np.asarray(one) for one in value_and_slope(x))
        if np.linalg.norm(slope) < 1e-8:
            return x, step
        p, size = direction(x, slope), 1.0
        while rosenbrock(xp.asarray(x + size * p)) > value + 1e-4 * size * (slope @ p):
            size /= 2
        x = x + size * p
    return x, most


def main() -> dict[str, object]:
    """The Hessian and Newton's path in two variables; the minimum in 1,000, from five numbers around 1 repeated."""
    start = np.array([-1.2, 1.0])
    found, steps = newton_by_products(np.tile([1.3, 0.7, 0.8, 1.9, 1.2], 200))
    return {"hessian": np.asarray(hessian(start)), "path": newton(start), "minimum": found, "steps": steps}


if __name__ == "__main__":
    result = main()
    print("Hessian at (-1.2, 1)", result["hessian"].tolist())
    for x, value in result["path"]:
        print(f"{x[0]:8.4f} {x[1]:8.4f}   f = {value:.4g}")
    print(f"1,000 variables: {result['steps']} steps, off by {abs(result['minimum'] - 1).max():.1g}")
