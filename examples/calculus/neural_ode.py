"""A neural ordinary differential equation: a net says how fast a state moves, and a solver follows it.

The spiral of Chen and others (Neural ordinary differential equations, 2018): dy/dt = A·y³, elementwise cube, from
(2, 0), A = [[-0.1, 2], [-2, -0.1]]. The solver is Kutta's of 1901, of order 4, a `mt.scan` over its steps. The gradient
comes back through the steps, or, as in the paper, by the adjoint equation solved backwards in time,

    da/dt = -aᵀ·∂f/∂y,   dL/dθ = -∫ aᵀ·∂f/∂θ dt   from the end to the beginning,

which keeps nothing of the way there. Both agree as the steps get smaller.
"""

import numpy as np

import mapsto as mt
from mapsto import nn, optim, xp

A = np.array([[-0.1, 2.0], [-2.0, -0.1]], np.float32)
START, END, POINTS = (2.0, 0.0), 25.0, 1000  # the spiral that is learned, and how many points of it are known


def step(f, y, size):
    """The state after one step of Kutta's method along dy/dt = f(y)."""
    first = f(y)
    second = f(y + size / 2 * first)
    third = f(y + size / 2 * second)
    fourth = f(y + size * third)
    return y + size / 6 * (first + 2 * second + 2 * third + fourth)


def follow(f, y, size, steps):
    """f32[…] ↦ f32[steps + 1, …]: the states from y on, y included."""

    def turn(y, _):
        return step(f, y, size), y

    last, before = mt.scan(turn, y, length=steps)
    return xp.concat([before, last[None]])


def spiral(y):
    """f32[n, 2] ↦ f32[n, 2]: the true speed."""
    return y**3 @ A.T


def errors_of_the_exponential(steps=(8, 16, 32, 64)):
    """How far the solver is from e at the end of dy/dt = y, y(0) = 1, t = 1: divided by 16 as the steps double."""
    one = xp.asarray(1.0, dtype=xp.float64)
    return [abs(float(follow(lambda y: y, one, 1 / count, count)[-1]) - np.e) for count in steps]


def by_steps(w, y, size, steps):
    """The gradient of ½|y(T)|² for dy/dt = tanh(w·y), back through the steps of the solver."""

    def loss(w):
        return xp.sum(follow(lambda y: xp.tanh(w @ y), y, size, steps)[-1] ** 2) / 2

    return mt.grad(loss)(w)


def by_adjoint(w, y, size, steps):
    """The same by the adjoint equation: y, a and the sum of the gradient are one state that goes back from the end."""
    n = y.shape[0]
    last = follow(lambda y: xp.tanh(w @ y), y, size, steps)[-1]

    def back(state):
        y, a = state[:n], state[n : 2 * n]
        speed, pull = mt.vjp(lambda w, y: xp.tanh(w @ y), w, y)
        by_w, by_y = pull(a)
        return xp.concat([-speed, by_y, xp.reshape(by_w, -1)])

    end = xp.concat([last, last, xp.zeros(n * n, dtype=y.dtype)])  # a = ∂L/∂y = y at the end
    return xp.reshape(follow(back, end, size, steps)[-1][2 * n :], (n, n))


def network():
    """f32[n, 2] ↦ f32[n, 2]: speeds, from the cubes of the state as in the paper's code."""
    return mt.fn(lambda y: y**3) >> nn.Dense(50) >> nn.tanh >> nn.Dense(2)


def main(updates: int = 1500, seed: int = 0) -> dict[str, float]:
    """Learns the spiral from stretches of ten points; the mean distance between the learned and the true spiral."""
    size = END / (POINTS - 1)
    truth = mt.compile(lambda y: follow(spiral, y, size, POINTS - 1))(xp.asarray([START]))
    net = network().init(mt.key(seed), truth[0])
    opt = optim.rmsprop(1e-3).init(net)
    starts = np.random.default_rng(seed).integers(0, POINTS - 10, (updates, 20))

    @mt.compile(donate=("net", "opt"))
    def update(net, opt, truth, starts):
        wanted = xp.stack([truth[starts + i, 0] for i in range(10)])  # f32[10, 20, 2]

        def loss(net):
            return xp.mean(xp.abs(follow(net, wanted[0], size, 9) - wanted))

        value, gradient = mt.value_and_grad(loss)(net)
        net, opt = opt.step(net, gradient)
        return net, opt, value

    for at in starts:
        net, opt, value = update(net, opt, truth, at)
    found = mt.compile(lambda net, y: follow(net, y, size, POINTS - 1))(net, truth[0])
    return {"loss of stretches": float(value), "distance of spirals": float(xp.mean(xp.abs(found - truth)))}


if __name__ == "__main__":
    print("errors of e by 8, 16, 32, 64 steps", *(f"{one:.1e}" for one in errors_of_the_exponential()))
    for name, value in main().items():
        print(f"{name} {value:.4f}")
