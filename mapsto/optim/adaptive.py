"""Descent that divides by a mean size of each weight's gradients: rmsprop, adagrad, adadelta."""

from __future__ import annotations

from typing import Any, ClassVar

from mapsto.array.arithmetic import maximum, square
from mapsto.array.elementary import sqrt
from mapsto.core.check import truth
from mapsto.optim.descent import Descent
from mapsto.optim.settings import ABOVE, LEAST, UNIT, Arrays, Bounds, fit, running
from mapsto.optim.state import started, zeros_for


def squared(gradients: Arrays) -> Arrays:
    """g², by path."""
    return {path: square(g) for path, g in gradients.items()}


class Rmsprop(Descent):
    """Gradients ↦ steps of about `rate`: g over the root of its running mean square. See `rmsprop`."""

    bounds: ClassVar[dict[str, Bounds]] = {**Descent.bounds, "decay": UNIT, "momentum": UNIT, "epsilon": ABOVE}
    scale_free: ClassVar[bool] = True

    def __init__(self, rate: Any, decay: float, momentum: float, centered: bool, epsilon: float) -> None:
        super().__init__(rate)
        self.decay, self.epsilon = self.setting("decay", decay), self.setting("epsilon", epsilon)
        self.momentum = self.setting("momentum", momentum or None)
        self.centered = truth("rmsprop", "centered", centered)
        self.square: Arrays | None = None
        self.mean: Arrays | None = None  # of the gradient, if centered
        self.velocity: Arrays | None = None  # if there is momentum

    def start(self, params: Arrays) -> Rmsprop:
        return (
            super()
            .start(params)
            .replace(
                square=zeros_for(params),
                mean=zeros_for(params) if self.centered else None,
                velocity=None if self.momentum is None else zeros_for(params),
            )
        )

    def direction(self, gradients: Arrays, params: Arrays) -> tuple[Arrays, Rmsprop]:
        squares = running(started(self.square, self.label, gradients), squared(gradients), self.decay)
        spread, mean, velocity = squares, None, None
        if self.centered:
            mean = running(started(self.mean, self.label, gradients), gradients, self.decay)
            # Rounding may leave a variance of −1e-17 where there is none.
            spread = {path: maximum(v - square(mean[path]), 0.0) for path, v in squares.items()}
        along = {path: g / (sqrt(spread[path]) + fit(self.epsilon, g)) for path, g in gradients.items()}
        if self.momentum is not None:
            before = started(self.velocity, self.label, gradients)
            along = velocity = {path: before[path] * fit(self.momentum, u) + u for path, u in along.items()}
        return along, self.replace(square=squares, mean=mean, velocity=velocity)


def rmsprop(
    rate: Any = 1e-2, decay: float = 0.99, momentum: float = 0.0, centered: bool = False, epsilon: float = 1e-8
) -> Rmsprop:
    """Gradients ↦ g over the root of the running mean of g² (Tieleman and Hinton, 2012, lecture 6e).

    s ← decay·s + (1 − decay)g², u = g / (√s + ε), w ← w − rate·u; with `momentum` v ← momentum·v + u takes the place of
    u, and `centered` takes s less the square of the running mean of g (Graves, 2013, arXiv:1308.0850). ε stands beside
    the root, as in PyTorch; Keras has it within.

    Raises UsageError (ARG-01) unless 0 ≤ decay < 1, 0 ≤ momentum < 1 and ε ≥ 0. A rate above 1 gets a note.

    >>> from mapsto import grad, xp
    >>> w = xp.asarray([3.0, 40.0])
    >>> opt = rmsprop(0.5, decay=0.75).init(w)
    >>> opt.step(w, grad(lambda w: xp.sum(w**2))(w))[0]
    array([ 2., 39.], f32[2])
    """
    return Rmsprop(rate, decay, momentum, centered, epsilon)


class Adagrad(Descent):
    """Gradients ↦ steps that shrink as squares gather. See `adagrad`."""

    bounds: ClassVar[dict[str, Bounds]] = {**Descent.bounds, "initial": LEAST, "epsilon": ABOVE}
    scale_free: ClassVar[bool] = True

    def __init__(self, rate: Any, initial: float, epsilon: float) -> None:
        super().__init__(rate)
        self.initial, self.epsilon = self.setting("initial", initial), self.setting("epsilon", epsilon)
        self.total: Arrays | None = None

    def start(self, params: Arrays) -> Adagrad:
        total = {path: zero + fit(self.initial, zero) for path, zero in zeros_for(params).items()}
        return super().start(params).replace(total=total)

    def direction(self, gradients: Arrays, params: Arrays) -> tuple[Arrays, Adagrad]:
        before = started(self.total, self.label, gradients)
        total = {path: before[path] + square(g) for path, g in gradients.items()}
        along = {path: g / (sqrt(total[path]) + fit(self.epsilon, g)) for path, g in gradients.items()}
        return along, self.replace(total=total)


def adagrad(rate: Any = 1e-2, initial: float = 0.0, epsilon: float = 1e-10) -> Adagrad:
    """Gradients ↦ g over the root of the sum of all g² so far (Duchi et al., 2011, JMLR 12, equation 1).

    s ← s + g², w ← w − rate·g / (√s + ε); s begins at `initial`. A rate that falls as well is a schedule. Raises
    UsageError (ARG-01) unless initial ≥ 0 and ε ≥ 0. A rate above 1 gets a note.

    >>> from mapsto import xp
    >>> w = xp.asarray([3.0])
    >>> opt = adagrad(0.5).init(w)
    >>> for _ in range(4):
    ...     w, opt = opt.step(w, xp.asarray([10.0]))  # steps of 0.5, 0.5/√2, 0.5/√3, 0.5/√4
    >>> round(float(w[0]), 4)
    1.6078
    """
    return Adagrad(rate, initial, epsilon)


class Adadelta(Descent):
    """Gradients ↦ steps of the size of earlier steps. See `adadelta`."""

    bounds: ClassVar[dict[str, Bounds]] = {**Descent.bounds, "decay": UNIT, "epsilon": ABOVE}

    def __init__(self, rate: Any, decay: float, epsilon: float) -> None:
        super().__init__(rate)
        self.decay, self.epsilon = self.setting("decay", decay), self.setting("epsilon", epsilon)
        self.square: Arrays | None = None
        self.moved: Arrays | None = None  # the running mean of u²

    def start(self, params: Arrays) -> Adadelta:
        return super().start(params).replace(square=zeros_for(params), moved=zeros_for(params))

    def direction(self, gradients: Arrays, params: Arrays) -> tuple[Arrays, Adadelta]:
        before, moved = (started(state, self.label, gradients) for state in (self.square, self.moved))
        squares = running(before, squared(gradients), self.decay)
        along: Arrays = {}
        for path, g in gradients.items():
            epsilon = fit(self.epsilon, g)
            along[path] = g * (sqrt(moved[path] + epsilon) / sqrt(squares[path] + epsilon))
        return along, self.replace(square=squares, moved=running(moved, squared(along), self.decay))


def adadelta(rate: Any = 1.0, decay: float = 0.9, epsilon: float = 1e-6) -> Adadelta:
    """Gradients ↦ steps in the units of the weights, with no rate to choose (Zeiler, 2012, arXiv:1212.5701).

    s ← decay·s + (1 − decay)g², u = g·√(d + ε) / √(s + ε), d ← decay·d + (1 − decay)u², w ← w − rate·u, as PyTorch has
    it; the paper has rate 1. ε is above 0, or no first step would be made: UsageError (ARG-01) otherwise, and unless
    0 ≤ decay < 1.

    >>> from mapsto import grad, xp
    >>> w = xp.asarray([3.0, 40.0])
    >>> opt = adadelta(decay=0.75, epsilon=0.01).init(w)
    >>> w, opt = opt.step(w, grad(lambda w: xp.sum(w**2))(w))
    >>> [round(float(one), 2) for one in w]
    [2.8, 39.8]
    """
    return Adadelta(rate, decay, epsilon)
