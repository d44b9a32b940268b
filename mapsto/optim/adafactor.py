"""Adafactor: mean squares of a matrix kept as its rows' and columns' means."""

from __future__ import annotations

from typing import Any, ClassVar

from mapsto.array.arithmetic import maximum, minimum, negative, pow, square
from mapsto.array.array import Array
from mapsto.array.elementary import sqrt
from mapsto.array.manipulate import expand_dims, zeros
from mapsto.array.reduction import sum
from mapsto.core.check import truth
from mapsto.optim.descent import Descent
from mapsto.optim.settings import ABOVE, LEAST, Arrays, Bounds, fit
from mapsto.optim.state import misfit, started


def mean_of(x: Array, axis: int | None = None, keepdims: bool = False) -> Array:
    """The mean over an axis or all; 0 where there is nothing, so that an empty parameter has a finite state."""
    count = x.size if axis is None else x.shape[axis]
    return sum(x, axis=axis, keepdims=keepdims) / float(max(count, 1))


def root_mean_square(x: Array) -> Array:
    """√(Σx²/n)."""
    return sqrt(mean_of(square(x)))


def relative_step(step: Array) -> Array:
    """The step ↦ min(10⁻², 1/√t), t = step + 1: the paper's rate, relative to the size of the weights."""
    return minimum(1e-2, 1.0 / sqrt(step + 1.0))


class Adafactor(Descent):
    """Gradients ↦ steps with factored mean squares as state. See `adafactor`."""

    bounds: ClassVar[dict[str, Bounds]] = {
        **Descent.bounds, "power": ABOVE, "threshold": ABOVE, "epsilon": ABOVE, "smallest": LEAST,
    }  # fmt: skip
    scale_free: ClassVar[bool] = True

    def __init__(
        self, rate: Any, power: float, threshold: float, epsilon: float, smallest: float, relative: bool
    ) -> None:
        super().__init__(rate)
        self.power, self.threshold = self.setting("power", power), self.setting("threshold", threshold)
        self.epsilon, self.smallest = self.setting("epsilon", epsilon), self.setting("smallest", smallest)
        self.relative = truth("adafactor", "relative", relative)
        # By path: (rows' means, columns' means) of a matrix, its last two axes; (means,) of everything else.
        self.square: dict[str, tuple[Array, ...]] | None = None

    def start(self, params: Arrays) -> Adafactor:
        square: dict[str, tuple[Array, ...]] = {}
        for path, w in params.items():
            square[path] = tuple(zeros(shape, dtype=w.dtype) for shape in factors(w))
        return super().start(params).replace(square=square)

    def direction(self, gradients: Arrays, params: Arrays) -> tuple[Arrays, Adafactor]:
        state = started(self.square, self.label, gradients)
        weight = 1.0 - pow(self.number, negative(self.power))
        after: dict[str, tuple[Array, ...]] = {}
        along: Arrays = {}
        for path, g in gradients.items():
            if tuple(part.shape for part in state[path]) != factors(g):
                raise misfit(self.label, path, [list(part.shape) for part in state[path]], list(g.shape))
            squares = square(g) + fit(self.epsilon, g)
            now = (mean_of(squares, -1), mean_of(squares, -2)) if g.ndim > 1 else (squares,)
            after[path] = tuple(
                old * fit(weight, g) + new * fit(1.0 - weight, g) for old, new in zip(state[path], now, strict=True)
            )
            u = g / sqrt(estimate(*after[path]))
            u = u / maximum(1.0, root_mean_square(u) / fit(self.threshold, g))
            if self.relative:
                u = u * maximum(root_mean_square(params[path]), fit(self.smallest, g))
            along[path] = u
        return along, self.replace(square=after)


def factors(w: Array) -> tuple[tuple[int, ...], ...]:
    """The shapes of an array's state."""
    return (w.shape[:-1], (*w.shape[:-2], w.shape[-1])) if w.ndim > 1 else (w.shape,)


def estimate(rows: Array, columns: Array | None = None) -> Array:
    """Means over rows and over columns ↦ the matrix of rank 1 that has them: rᵢcⱼ / mean(r)."""
    if columns is None:
        return rows
    share = rows / mean_of(rows, -1, keepdims=True)
    return expand_dims(share, axis=-1) * expand_dims(columns, axis=-2)


def adafactor(
    rate: Any = None,
    power: float = 0.8,
    threshold: float = 1.0,
    epsilon: float = 1e-30,
    smallest: float = 1e-3,
    relative: bool = True,
) -> Adafactor:
    """Gradients ↦ steps as adam's, with a state of rows + columns numbers for a matrix (Shazeer and Stern, 2018).

    Algorithms 4 and 5 of arXiv:1804.04235. In step t, with β = 1 − t^−power, running means of g² + ε over rows r and
    columns c give v = r·c / mean(r); u = g/√v, divided by max(1, RMS(u)/threshold); w ← w − α·u. If `relative`,
    α = max(smallest, RMS(w))·rate, else α = rate; without a rate it is the paper's min(10⁻², 1/√t). Factored are the
    last two axes of whatever has two or more; vectors and scalars keep v whole.

    Raises UsageError (ARG-01) unless power and threshold are above 0, ε and smallest 0 or more.

    >>> from mapsto import xp
    >>> net = {"weight": xp.ones((400, 300))}
    >>> opt = adafactor().init(net)
    >>> [part.shape for part in opt.square["weight"]]
    [(400,), (300,)]
    >>> net, opt = opt.step(net, net)
    >>> round(float(net["weight"][0, 0]), 4)
    0.99
    """
    rate = relative_step if rate is None else rate
    return Adafactor(rate, power, threshold, epsilon, smallest, relative)
