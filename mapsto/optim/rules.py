"""Rules of descent: sgd, momentum, adam."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from mapsto.array.arithmetic import expm1, negative, sqrt, square
from mapsto.array.array import Array
from mapsto.array.convert import asarray, cast
from mapsto.array.manipulate import ones_like, zeros_like
from mapsto.core.errors import UsageError
from mapsto.optim.optimizer import Arrays, Optimizer, positive, started


def zeros_for(params: Arrays) -> Arrays:
    return {path: zeros_like(value) for path, value in params.items()}


def gathered(beta: float, t: Array) -> Array:
    """1 − βᵗ, the weight that a running mean has gathered in t steps, exact also where β is near 1."""
    return negative(expm1(t * math.log(beta))) if beta else ones_like(t)


class Sgd(Optimizer):
    """Gradients ↦ −rate·g. See `sgd`."""

    descends: ClassVar[bool] = True

    def __init__(self, rate: float) -> None:
        self.rate = positive("the rate of sgd", rate)

    def update(self, gradients: Arrays, params: Arrays) -> tuple[Arrays, Sgd]:
        return {path: g * -self.rate for path, g in gradients.items()}, self


def sgd(rate: float) -> Sgd:
    """Gradients ↦ steps of stochastic gradient descent: w ← w − rate·g (Robbins and Monro, 1951).

    Raises UsageError unless the rate is above 0.

    >>> from mapsto import grad, xp
    >>> loss = lambda w: xp.sum(w**2)
    >>> w = xp.asarray([3.0, 4.0])
    >>> opt = sgd(0.25).init(w)
    >>> w, opt = opt.step(w, grad(loss)(w))
    >>> w, float(loss(w))  # it was 25
    (array([1.5, 2. ], f32[2]), 6.25)
    """
    return Sgd(rate)


class Momentum(Optimizer):
    """Gradients ↦ −rate·v, with the velocity v as state. See `momentum`."""

    descends: ClassVar[bool] = True

    def __init__(self, rate: float, decay: float) -> None:
        self.rate, self.decay = positive("the rate of momentum", rate), decay
        self.velocity: Arrays | None = None

    def start(self, params: Arrays) -> Momentum:
        return self.replace(velocity=zeros_for(params))

    def update(self, gradients: Arrays, params: Arrays) -> tuple[Arrays, Momentum]:
        before = started(self.velocity, "momentum", gradients)
        velocity = {path: before[path] * self.decay + g for path, g in gradients.items()}
        return {path: v * -self.rate for path, v in velocity.items()}, self.replace(velocity=velocity)


def momentum(rate: float, decay: float = 0.9) -> Momentum:
    """Gradients ↦ steps of descent with momentum: v ← decay·v + g, w ← w − rate·v (Polyak, 1964).

    v begins at 0. Raises UsageError unless the rate is above 0 and 0 ≤ decay < 1.

    >>> from mapsto import grad, xp
    >>> loss = lambda w: xp.sum(w**2)
    >>> w = xp.asarray([3.0, 4.0])
    >>> opt = momentum(0.25, decay=0.5).init(w)
    >>> for _ in range(2):
    ...     w, opt = opt.step(w, grad(loss)(w))
    >>> w, float(loss(w))  # it was 25
    (array([0., 0.], f32[2]), 0.0)
    """
    if not 0 <= decay < 1:
        raise UsageError("USE-01", problem=f"momentum with decay {decay}", fix="it is from 0 to below 1")
    return Momentum(rate, decay)


class Adam(Optimizer):
    """Gradients ↦ steps of about `rate`, with the count and both running means as state. See `adam`."""

    descends: ClassVar[bool] = True

    def __init__(self, rate: float, beta1: float, beta2: float, epsilon: float) -> None:
        self.rate = positive("the rate of adam", rate)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.count: Any = None  # an integer array once there is a state
        self.mean: Arrays | None = None
        self.square: Arrays | None = None

    def start(self, params: Arrays) -> Adam:
        return self.replace(count=asarray(0), mean=zeros_for(params), square=zeros_for(params))

    def update(self, gradients: Arrays, params: Arrays) -> tuple[Arrays, Adam]:
        before, spread = (started(state, "adam", gradients) for state in (self.mean, self.square))
        count = self.count + 1
        mean = {path: before[path] * self.beta1 + g * (1 - self.beta1) for path, g in gradients.items()}
        squares = {path: spread[path] * self.beta2 + square(g) * (1 - self.beta2) for path, g in gradients.items()}
        steps: Arrays = {}
        for path, m in mean.items():
            t = cast(count, m.dtype)
            unbiased = m / gathered(self.beta1, t)
            deviation = sqrt(squares[path] / gathered(self.beta2, t)) + self.epsilon
            steps[path] = unbiased / deviation * -self.rate
        return steps, self.replace(count=count, mean=mean, square=squares)


def adam(rate: float = 1e-3, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> Adam:
    """Gradients ↦ steps by running means of the gradient and its square (Kingma and Ba, 2015, arXiv:1412.6980).

    m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², w ← w − rate · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε).

    m and v begin at 0; the first step is of about `rate`, whatever the gradient's size. Raises UsageError unless the
    rate is above 0 and 0 ≤ β < 1.

    >>> from mapsto import grad, xp
    >>> w = xp.asarray([3.0, 40.0])
    >>> opt = adam(0.5).init(w)
    >>> w, opt = opt.step(w, grad(lambda w: xp.sum(w**2))(w))
    >>> [round(float(one), 3) for one in w]
    [2.5, 39.5]
    """
    for name, beta in (("beta1", beta1), ("beta2", beta2)):
        if not 0 <= beta < 1:
            raise UsageError("USE-01", problem=f"adam with {name} = {beta}", fix="it is from 0 to below 1")
    return Adam(rate, beta1, beta2, epsilon)
