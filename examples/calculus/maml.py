"""A net that learns a new sine from ten points in one step: MAML, with the gradient through the gradient step.

    w ← w − β·∇ Σ L'(w − α·∇L(w))      over tasks, L on ten points of a task, L' on ten others

The setting is that of Finn, Abbeel and Levine (Model-Agnostic Meta-Learning, 2017, section 5.1): sines of amplitude 0.1
to 5 and phase 0 to π on [−5, 5], a net 1-40-40-1 with relu and small weights, α = 0.01, Adam with rate 0.001, 25 tasks
a step. They take 70,000 steps; 15,000 show the same. A step is one compiled function: `mt.grad` of `mt.vmap` of
`mt.grad`.
"""

from math import pi
from typing import Any

import mapsto as mt
from mapsto import losses, nn, optim, xp

INNER = 0.01  # α
POINTS = 10


def network() -> mt.Mapping:
    """f32[n, 1] ↦ f32[n, 1]"""
    small = nn.normal(0.01)
    return nn.Dense(40, init=small) >> nn.relu >> nn.Dense(40, init=small) >> nn.relu >> nn.Dense(1, init=small)


def tasks(key: Any, count: int, points: int = 2 * POINTS) -> tuple[Any, Any]:
    """Points x and values y of some sines: f32[count, points, 1] each."""
    amplitude_key, phase_key, point_key = mt.split(key, 3)
    amplitude = mt.random.uniform(amplitude_key, (count, 1, 1), low=0.1, high=5.0)
    phase = mt.random.uniform(phase_key, (count, 1, 1), low=0.0, high=pi)
    x = mt.random.uniform(point_key, (count, points, 1), low=-5.0, high=5.0)
    return x, amplitude * xp.sin(x - phase)


def error(net, x, y):
    """The mean squared error of a net on one task."""
    return losses.mse(net(x), y).mean()


def adapted(net, x, y, through: bool = True):
    """A net after one step of gradient descent on a task. Without `through`, derivatives ignore that step (FOMAML)."""
    slopes = mt.parameters(mt.grad(error)(net, x, y))
    keep = (lambda slope: slope) if through else mt.stop_gradient
    return mt.replace(net, {path: w - INNER * keep(slopes[path]) for path, w in mt.parameters(net).items()})


def after_one_step(net, x, y, through: bool = True):
    """The mean over tasks of the error on the second half of the points, after a step on the first."""

    def task(net, x, y):
        return error(adapted(net, x[:POINTS], y[:POINTS], through), x[POINTS:], y[POINTS:])

    return mt.vmap(task, in_axes=(None, 0, 0))(net, x, y).mean()


def at_once(net, x, y):
    """The mean over tasks of the error without a step: what a net learns that is not told the task."""
    return mt.vmap(error, in_axes=(None, 0, 0))(net, x, y).mean()


def learnt(objective, steps: int, seed: int) -> Any:
    """A net that minimises an objective over tasks that are new in every step."""
    net = network().init(mt.key(seed), xp.zeros((1, 1)))
    opt = optim.adam(1e-3).init(net)

    @mt.compile(donate=("net", "opt"))
    def step(net, opt, key):
        x, y = tasks(key, 25)
        return opt.step(net, mt.grad(objective)(net, x, y))

    for key in mt.split(mt.key(seed + 1), steps):
        net, opt = step(net, opt, key)
    return net


def main(steps: int = 15_000, seed: int = 0) -> dict[str, float]:
    """The error on 600 new sines, before and after one step on ten points of each."""
    x, y = tasks(mt.key(1000 + seed), 600, points=POINTS + 100)
    found = {}
    for name, objective in (("meta-learnt", after_one_step), ("learnt at once", at_once)):
        net = learnt(objective, steps, seed)
        found[f"{name}, no step"] = float(at_once(net, x[:, POINTS:], y[:, POINTS:]))
        found[f"{name}, one step"] = float(after_one_step(net, x, y))
    return found


if __name__ == "__main__":
    for name, value in main().items():
        print(f"{name:25} {value:.3f}")
