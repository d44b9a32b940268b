"""Descent along the gradient itself: sgd, momentum, nesterov; and along its sign: lion."""

from __future__ import annotations

from typing import Any, ClassVar

from mapsto.array.arithmetic import sign
from mapsto.optim.descent import Descent
from mapsto.optim.settings import UNIT, Arrays, Bounds, fit, running
from mapsto.optim.state import started, zeros_for


class Sgd(Descent):
    """Gradients ↦ −rate·g. See `sgd`."""

    def direction(self, gradients: Arrays, params: Arrays) -> tuple[Arrays, Sgd]:
        return gradients, self


def sgd(rate: Any) -> Sgd:
    """Gradients ↦ steps of stochastic gradient descent: w ← w − rate·g (Robbins and Monro, 1951).

    The rate is a number above 0, or a mapping of steps. Raises UsageError (ARG-01) for another one.

    >>> from mapsto import grad, xp
    >>> loss = lambda w: xp.sum(w**2)
    >>> w = xp.asarray([3.0, 4.0])
    >>> opt = sgd(0.25).init(w)
    >>> w, opt = opt.step(w, grad(loss)(w))
    >>> w, float(loss(w))  # it was 25
    (array([1.5, 2. ], f32[2]), 6.25)
    """
    return Sgd(rate)


class Momentum(Descent):
    """Gradients ↦ −rate·v, with the velocity v as state. See `momentum` and `nesterov`."""

    bounds: ClassVar[dict[str, Bounds]] = {**Descent.bounds, "decay": UNIT}

    def __init__(self, rate: Any, decay: float, ahead: bool) -> None:
        super().__init__(rate)
        self.decay = self.setting("decay", decay)
        self.ahead = ahead
        self.velocity: Arrays | None = None

    def start(self, params: Arrays) -> Momentum:
        return super().start(params).replace(velocity=zeros_for(params))

    def direction(self, gradients: Arrays, params: Arrays) -> tuple[Arrays, Momentum]:
        before = started(self.velocity, self.label, gradients)
        velocity = {path: before[path] * fit(self.decay, g) + g for path, g in gradients.items()}
        along = velocity
        if self.ahead:
            along = {path: g + velocity[path] * fit(self.decay, g) for path, g in gradients.items()}
        return along, self.replace(velocity=velocity)


def momentum(rate: Any, decay: float = 0.9) -> Momentum:
    """Gradients ↦ steps of descent with momentum: v ← decay·v + g, w ← w − rate·v (Polyak, 1964).

    v begins at 0, and the rate is not part of it: a rate that changes acts on all of v at once, as in PyTorch. The
    rate is a number above 0 or a mapping of steps, 0 ≤ decay < 1; UsageError (ARG-01) otherwise.

    >>> from mapsto import grad, xp
    >>> loss = lambda w: xp.sum(w**2)
    >>> w = xp.asarray([3.0, 4.0])
    >>> opt = momentum(0.25, decay=0.5).init(w)
    >>> for _ in range(2):
    ...     w, opt = opt.step(w, grad(loss)(w))
    >>> w, float(loss(w))  # it was 25
    (array([0., 0.], f32[2]), 0.0)
    """
    return Momentum(rate, decay, ahead=False)


def nesterov(rate: Any, decay: float = 0.9) -> Momentum:
    """Gradients ↦ steps of descent with Nesterov's momentum: v ← decay·v + g, w ← w − rate·(g + decay·v).

    The form of Sutskever et al. (2013) in which the gradient is taken where the weights are, as in PyTorch. The rate
    is a number above 0 or a mapping of steps, 0 ≤ decay < 1; UsageError (ARG-01) otherwise.

    >>> from mapsto import grad, xp
    >>> loss = lambda w: xp.sum(w**2)
    >>> w = xp.asarray([3.0, 4.0])
    >>> opt = nesterov(0.25, decay=0.5).init(w)
    >>> w, opt = opt.step(w, grad(loss)(w))
    >>> w, float(loss(w))  # it was 25
    (array([0.75, 1.  ], f32[2]), 1.5625)
    """
    return Momentum(rate, decay, ahead=True)


class Lion(Descent):
    """Gradients ↦ steps of exactly `rate`, by the sign of a running mean. See `lion`."""

    bounds: ClassVar[dict[str, Bounds]] = {**Descent.bounds, "beta1": UNIT, "beta2": UNIT}
    scale_free: ClassVar[bool] = True

    def __init__(self, rate: Any, beta1: float, beta2: float, weight_decay: float, paths: str) -> None:
        super().__init__(rate, weight_decay or None, paths)
        self.beta1, self.beta2 = self.setting("beta1", beta1), self.setting("beta2", beta2)
        self.mean: Arrays | None = None

    def start(self, params: Arrays) -> Lion:
        return super().start(params).replace(mean=zeros_for(params))

    def direction(self, gradients: Arrays, params: Arrays) -> tuple[Arrays, Lion]:
        before = started(self.mean, self.label, gradients)
        along = {path: sign(u) for path, u in running(before, gradients, self.beta1).items()}
        return along, self.replace(mean=running(before, gradients, self.beta2))


def lion(
    rate: Any = 1e-4, beta1: float = 0.9, beta2: float = 0.99, weight_decay: float = 0.0, paths: str = "**"
) -> Lion:
    """Gradients ↦ steps of exactly `rate` in every weight, by signs (Chen et al., 2023, arXiv:2302.06675, program 1).

    u = sign(β₁m + (1 − β₁)g), w ← w − rate·(u + weight_decay·w), then m ← β₂m + (1 − β₂)g; m begins at 0. It wants a
    rate 3 to 10 times below that of adam, and a weight decay as much above. `paths` says which weights decay.

    Raises UsageError (ARG-01) unless 0 ≤ β < 1 and weight_decay ≥ 0, PathError at `init` if no trained path fits.

    >>> from mapsto import grad, xp
    >>> w = xp.asarray([3.0, 40.0])
    >>> opt = lion(0.5).init(w)
    >>> opt.step(w, grad(lambda w: xp.sum(w**2))(w))[0]
    array([ 2.5, 39.5], f32[2])
    """
    return Lion(rate, beta1, beta2, weight_decay, paths)
