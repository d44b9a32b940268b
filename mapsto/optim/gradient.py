"""Steps on gradients before a rule of descent."""

from __future__ import annotations

from mapsto.array.arithmetic import maximum, sqrt, square
from mapsto.array.array import Array
from mapsto.array.convert import asarray, cast
from mapsto.array.reduction import sum
from mapsto.optim.optimizer import Arrays, Optimizer, positive


class Clip(Optimizer):
    """Gradients ↦ gradients of a joint norm of at most `norm`. See `clip`."""

    def __init__(self, norm: float) -> None:
        self.norm = positive("the norm of clip", norm)

    def update(self, gradients: Arrays, params: Arrays) -> tuple[Arrays, Clip]:
        total: Array = asarray(0.0)
        for g in gradients.values():
            total = total + sum(square(g))
        # Divided by the larger of 1 and norm / limit, so that no gradient grows and 0 stays 0.
        shrink = maximum(1.0, sqrt(total) / self.norm)
        return {path: g / cast(shrink, g.dtype) for path, g in gradients.items()}, self


def clip(norm: float) -> Clip:
    """Gradients ↦ gradients: all shrunk together so that their joint norm √Σg² is at most `norm`, which is above 0.

    g ← g / max(1, √Σg² / norm) (Pascanu et al., 2013, arXiv:1211.5063). A rule of descent comes after it. Raises
    UsageError for another norm.

    >>> from mapsto import grad, optim, xp
    >>> w = xp.asarray([3.0, 4.0])
    >>> opt = (clip(1.0) >> optim.sgd(0.5)).init(w)
    >>> w, opt = opt.step(w, grad(lambda w: xp.sum(w**2))(w))  # the gradient is [6, 8], of norm 10
    >>> [round(float(one), 3) for one in w]
    [2.7, 3.6]
    """
    return Clip(norm)
