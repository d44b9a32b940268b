"""Descent by running means of the gradient and its square: adam, adamw, amsgrad, nadam."""

from __future__ import annotations

from typing import Any, ClassVar

from mapsto.array.arithmetic import maximum, square
from mapsto.array.array import Array
from mapsto.array.convert import asarray
from mapsto.array.elementary import sqrt
from mapsto.core.spec import FLOAT64
from mapsto.optim.descent import Descent, gathered
from mapsto.optim.settings import ABOVE, LEAST, UNIT, Arrays, Bounds, fit, running
from mapsto.optim.state import started, zeros_for


class Adam(Descent):
    """Gradients ↦ steps of about `rate`, with the count and both running means as state. See `adam`."""

    bounds: ClassVar[dict[str, Bounds]] = {**Descent.bounds, "beta1": UNIT, "beta2": UNIT, "epsilon": ABOVE}
    scale_free: ClassVar[bool] = True

    def __init__(
        self,
        rate: Any,
        beta1: float,
        beta2: float,
        epsilon: float,
        weight_decay: float | None = None,
        paths: str = "**",
        amsgrad: bool = False,
    ) -> None:
        super().__init__(rate, weight_decay, paths)
        self.beta1, self.beta2 = self.setting("beta1", beta1), self.setting("beta2", beta2)
        self.epsilon = self.setting("epsilon", epsilon)
        self.amsgrad = amsgrad
        self.mean: Arrays | None = None
        self.square: Arrays | None = None
        self.largest: Arrays | None = None  # of the squares so far, for amsgrad

    def start(self, params: Arrays) -> Adam:
        largest = zeros_for(params) if self.amsgrad else None
        own = super().start(params)
        return own.replace(mean=zeros_for(params), square=zeros_for(params), largest=largest)

    def direction(self, gradients: Arrays, params: Arrays) -> tuple[Arrays, Adam]:
        before, spread = (started(state, self.label, gradients) for state in (self.mean, self.square))
        mean = running(before, gradients, self.beta1)
        squares = running(spread, {path: square(g) for path, g in gradients.items()}, self.beta2)
        largest, judged = None, squares
        if self.amsgrad:
            past = started(self.largest, self.label, gradients)
            judged = largest = {path: maximum(past[path], v) for path, v in squares.items()}
        first, second = gathered(self.beta1, self.number), gathered(self.beta2, self.number)
        along = {
            path: (m / fit(first, m)) / (sqrt(judged[path] / fit(second, m)) + fit(self.epsilon, m))
            for path, m in mean.items()
        }
        return along, self.replace(mean=mean, square=squares, largest=largest)


def adam(rate: Any = 1e-3, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> Adam:
    """Gradients ↦ steps by running means of the gradient and its square (Kingma and Ba, 2015, arXiv:1412.6980).

    m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², w ← w − rate · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε).

    m and v begin at 0; the first step is of about `rate`, whatever the gradient's size. ε stands beside the root of
    the unbiased mean, as in algorithm 1 of the paper and in PyTorch. The rate is a number above 0 or a mapping of
    steps, 0 ≤ β < 1, ε ≥ 0; UsageError (ARG-01) otherwise. A rate above 1 gets a note.

    >>> from mapsto import grad, xp
    >>> w = xp.asarray([3.0, 40.0])
    >>> opt = adam(0.5).init(w)
    >>> w, opt = opt.step(w, grad(lambda w: xp.sum(w**2))(w))
    >>> [round(float(one), 3) for one in w]
    [2.5, 39.5]
    """
    return Adam(rate, beta1, beta2, epsilon)


def adamw(
    rate: Any = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.01,
    paths: str = "**",
) -> Adam:
    """Gradients ↦ steps of adam with decoupled weight decay (Loshchilov and Hutter, 2019, arXiv:1711.05101).

    w ← w − rate·(u + weight_decay·w), where u is what adam descends along. The decay comes after the scaling, so every
    weight shrinks by the same share; `add_decay(…) >> adam(…)` puts it into the gradient instead, where the scaling
    undoes most of it. `paths` says which weights decay: `"**.weight"` leaves biases and gains alone.

    Raises UsageError (ARG-01) as adam, and unless weight_decay ≥ 0; PathError at `init` if no trained path fits.

    >>> from mapsto import xp
    >>> net = {"weight": xp.asarray([2.0]), "bias": xp.asarray([2.0])}
    >>> opt = adamw(0.1, weight_decay=0.5, paths="weight").init(net)
    >>> opt.step(net, {"weight": xp.asarray([0.0]), "bias": xp.asarray([0.0])})[0]
    {'weight': array([1.9], f32[1]), 'bias': array([2.], f32[1])}
    """
    return Adam(rate, beta1, beta2, epsilon, weight_decay, paths)


def amsgrad(rate: Any = 1e-3, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> Adam:
    """Gradients ↦ steps of adam whose v never falls: its largest value so far is used (Reddi et al., 2018).

    v̂ ← max(v̂, v), w ← w − rate · (m / (1 − β₁ᵗ)) / (√(v̂ / (1 − β₂ᵗ)) + ε), as PyTorch has it; the paper
    (arXiv:1904.09237, algorithm 2) leaves the corrections by βᵗ out. Arguments and errors are those of `adam`.

    >>> from mapsto import xp
    >>> w = xp.asarray([1.0])
    >>> opt = amsgrad(0.1).init(w)
    >>> for slope in (100.0, 0.01):
    ...     w, opt = opt.step(w, xp.asarray([slope]))
    >>> bool(opt.largest[""] > opt.square[""])
    True
    """
    return Adam(rate, beta1, beta2, epsilon, amsgrad=True)


class Nadam(Descent):
    """Gradients ↦ steps of about `rate`: adam that looks ahead. See `nadam`."""

    bounds: ClassVar[dict[str, Bounds]] = {**Adam.bounds, "momentum_decay": LEAST}
    scale_free: ClassVar[bool] = True

    def __init__(self, rate: Any, beta1: float, beta2: float, epsilon: float, momentum_decay: float) -> None:
        super().__init__(rate)
        self.beta1, self.beta2 = self.setting("beta1", beta1), self.setting("beta2", beta2)
        self.epsilon = self.setting("epsilon", epsilon)
        self.momentum_decay = self.setting("momentum_decay", momentum_decay)
        self.product: Array | None = None  # of the momenta so far
        self.mean: Arrays | None = None
        self.square: Arrays | None = None

    def start(self, params: Arrays) -> Nadam:
        own = super().start(params)
        return own.replace(product=asarray(1.0, dtype=FLOAT64), mean=zeros_for(params), square=zeros_for(params))

    def momentum(self, t: Array) -> Array:
        """μₜ = β₁(1 − 0.96^(ψt)/2), the weight of the mean in step t."""
        return self.beta1 * (1.0 - 0.5 * 0.96 ** (t * self.momentum_decay))

    def direction(self, gradients: Arrays, params: Arrays) -> tuple[Arrays, Nadam]:
        before, spread = (started(state, self.label, gradients) for state in (self.mean, self.square))
        mean = running(before, gradients, self.beta1)
        squares = running(spread, {path: square(g) for path, g in gradients.items()}, self.beta2)
        now, ahead = self.momentum(self.number), self.momentum(self.number + 1.0)
        product = now if self.product is None else self.product * now
        of_gradient, of_mean = (1.0 - now) / (1.0 - product), ahead / (1.0 - product * ahead)
        along: Arrays = {}
        for path, g in gradients.items():
            deviation = sqrt(squares[path] / fit(gathered(self.beta2, self.number), g)) + fit(self.epsilon, g)
            along[path] = (g * fit(of_gradient, g) + mean[path] * fit(of_mean, g)) / deviation
        return along, self.replace(product=product, mean=mean, square=squares)


def nadam(
    rate: Any = 2e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    momentum_decay: float = 4e-3,
) -> Nadam:
    """Gradients ↦ steps of adam with Nesterov's momentum (Dozat, 2016, ICLR workshop).

    m and v as in adam, and with μₜ = β₁(1 − 0.96^(ψt)/2) where ψ is `momentum_decay`, and Pₜ = μ₁μ₂…μₜ:
    w ← w − rate · (g(1 − μₜ)/(1 − Pₜ) + m·μₜ₊₁/(1 − Pₜμₜ₊₁)) / (√(v / (1 − β₂ᵗ)) + ε). ψ = 0.004 is the thesis's and
    PyTorch's; Keras has ψ = 1. Errors are those of `adam`, and ψ ≥ 0.

    >>> from mapsto import grad, xp
    >>> w = xp.asarray([3.0, 40.0])
    >>> opt = nadam(0.5).init(w)
    >>> w, opt = opt.step(w, grad(lambda w: xp.sum(w**2))(w))
    >>> [round(float(one), 3) for one in w]
    [2.472, 39.472]
    """
    return Nadam(rate, beta1, beta2, epsilon, momentum_decay)
