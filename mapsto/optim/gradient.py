"""Steps on gradients before a rule of descent."""

from __future__ import annotations

from mapsto.array.arithmetic import maximum, sqrt, square
from mapsto.array.array import Array
from mapsto.array.convert import asarray, cast
from mapsto.array.reduction import sum
from mapsto.optim.optimizer import Arrays, Optimizer, positive


class Clip(Optimizer):
    """See `clip`."""

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
    """Shrink all gradients together so that their joint norm √Σg² is at most `norm` (Pascanu et al., 2013)."""
    return Clip(norm)
