"""A loss of one's own, and an L2 penalty on the weights, in a step of one's own."""

import numpy as np

import mapsto as mt
from mapsto import nn, optim, xp


def huber(prediction: mt.Array, target: mt.Array) -> mt.Array:
    """Quadratic near 0 and linear beyond 1: `f32[n, 1], f32[n, 1] ↦ f32[n]`, so that outliers do not pull."""
    error = xp.abs(prediction - target)
    return xp.where(error < 1, 0.5 * error**2, error - 0.5).mean(axis=-1)


def fit(penalty: float, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    net = (nn.Dense(32) >> nn.tanh >> nn.Dense(1)).init(mt.key(0), x[:1])
    opt = optim.adam(1e-2).init(net)

    @mt.compile(donate=("net", "opt"))
    def step(net, opt, x, y):
        def objective(net):
            return huber(net(x), y).mean() + penalty * mt.l2(net, "**.weight")

        loss, gradients = mt.value_and_grad(objective)(net)
        net, opt = opt.step(net, gradients)
        return net, opt, loss

    for _ in range(300):
        net, opt, _ = step(net, opt, x, y)
    return float(huber(net(x), xp.asarray(y)).mean()), float(mt.l2(net, "**.weight"))


def main() -> dict[float, tuple[float, float]]:
    rng = np.random.default_rng(0)
    x = rng.uniform(-3, 3, (128, 1)).astype(np.float32)
    y = np.sin(x) + 0.05 * rng.standard_normal(x.shape).astype(np.float32)
    y[::32] += 20  # a few wild measurements
    return {penalty: fit(penalty, x, y) for penalty in (0.0, 1e-2)}


if __name__ == "__main__":
    for penalty, (loss, size) in main().items():
        print(f"penalty {penalty:<6g} loss {loss:.3f}, sum of squared weights {size:.2f}")
