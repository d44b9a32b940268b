"""The gradient of every example by itself: its norm two ways, and learning from clipped ones, as DP-SGD does.

`mt.vmap(mt.grad(loss), in_axes=(None, 0, 0))(net, x, y)` is a gradient for each example. For a dense layer z = x·W + b
the norm needs no gradient: that of W is x·δᵀ with δ = ∂L/∂z, so ‖∂L/∂W‖² + ‖∂L/∂b‖² = ‖δ‖²·(‖x‖² + 1), from one
backward pass for all examples (Goodfellow, Efficient Per-Example Gradient Computations, 2015). Both agree.

A step of DP-SGD (Abadi and others, Deep Learning with Differential Privacy, 2016, algorithm 1) clips every example's
gradient to the norm C, adds them up, and adds noise of deviation σ·C:

    g ← (Σ gᵢ / max(1, ‖gᵢ‖/C) + N(0, σ²·C²)) / n

so that no single example moves the net by more than a step of C/n, and the noise hides whether it was there.
"""

from typing import Any

import numpy as np

import mapsto as mt
from mapsto import data, losses, nn, optim, xp

CLIP = 1.0  # C
NOISE = 1.0  # σ
BATCH = 200


def network() -> mt.Mapping:
    """f32[n, 64] ↦ f32[n, 10]"""
    return mt.chain(first=nn.Dense(32), between=nn.tanh, second=nn.Dense(10))


def loss(net, x, y):
    """The loss of one example: a net, f32[64], i64[] ↦ f32[]. Layers map batches, so it is one of one."""
    return losses.cross_entropy(net(x[None]), y[None])[0]


each_gradient = mt.vmap(mt.grad(loss), in_axes=(None, 0, 0))


def norms(gradients) -> Any:
    """The length of every example's gradient over all parameters: f32[n]."""
    squares = [xp.sum(g**2, axis=tuple(range(1, g.ndim))) for g in mt.parameters(gradients).values()]
    return xp.sqrt(sum(squares[1:], squares[0]))


def norms_without_gradients(net, x, y) -> Any:
    """The same by Goodfellow's formula: what stands before each layer and what comes back behind it."""

    def total(bumps):
        hidden = net.between(net.first(x) + bumps[0])
        return xp.sum(losses.cross_entropy(net.second(hidden) + bumps[1], y)), hidden

    zeros = xp.zeros((len(x), 32)), xp.zeros((len(x), 10))
    (_, hidden), deltas = mt.value_and_grad(total, aux=True)(zeros)
    first, second = (
        xp.sum(delta**2, axis=1) * (xp.sum(before**2, axis=1) + 1)
        for delta, before in zip(deltas, (x, hidden), strict=True)
    )
    return xp.sqrt(first + second)


def private_gradient(net, key, x, y):
    """The noisy mean of clipped gradients of a batch."""
    gradients = each_gradient(net, x, y)
    shares = 1 / xp.maximum(1.0, norms(gradients) / CLIP)
    sums = {path: xp.tensordot(shares, g, axes=1) for path, g in mt.parameters(gradients).items()}
    keys = mt.split(key, len(sums))
    noisy = {
        path: (s + NOISE * CLIP * mt.random.normal(one, s.shape)) / len(x)
        for one, (path, s) in zip(keys, sums.items(), strict=True)
    }
    return mt.replace(net, noisy)


@mt.compile(donate=("net", "opt"))
def step(net, opt, key, x, y):
    return opt.step(net, private_gradient(net, key, x, y))


def digits(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Pictures f32[n, 64] from 0 to 1, and what they show."""
    samples = data.load("digits", part)
    return samples.x.reshape(-1, 64).astype(np.float32) / 255, samples.y


def main(steps: int = 300, seed: int = 0) -> dict[str, Any]:
    """Norms before learning, both ways; the share of test pictures told right after learning by noisy clipped steps."""
    (x, y), (test_x, test_y) = digits("train"), digits("test")
    net = network().init(mt.key(seed), x[:1])
    before = norms(each_gradient(net, x[:BATCH], y[:BATCH]))
    formula = norms_without_gradients(net, xp.asarray(x[:BATCH]), xp.asarray(y[:BATCH]))

    opt = optim.sgd(1.0).init(net)
    rng = np.random.default_rng(seed)
    for key in mt.split(mt.key(seed + 1), steps):
        rows = rng.choice(len(x), BATCH, replace=False)
        net, opt = step(net, opt, key, x[rows], y[rows])
    right = np.asarray(net(test_x)).argmax(axis=1) == test_y
    return {"norms": np.asarray(before), "by formula": np.asarray(formula), "accuracy": float(right.mean())}


if __name__ == "__main__":
    found = main()
    low, middle, high = np.quantile(found["norms"], [0.05, 0.5, 0.95])
    print(f"gradient norms           {low:.2f} … {middle:.2f} … {high:.2f} (5 %, half, 95 %)")
    print(f"by Goodfellow's formula  off by {abs(found['norms'] / found['by formula'] - 1).max():.0e}")
    print(f"clipped to {CLIP}, noise {NOISE}   accuracy {found['accuracy']:.3f}")
