"""The fully connected layer."""

from __future__ import annotations

from functools import partial
from typing import Any

from mapsto.array.array import Array
from mapsto.array.linear import matmul
from mapsto.compose.declare import Initialiser, param
from mapsto.compose.mapping import Mapping
from mapsto.core.check import whole_number
from mapsto.core.errors import ShapeError
from mapsto.core.spec import Shape, Spec
from mapsto.nn.checks import extent_is, float_input
from mapsto.nn.initialisers import he_normal, zeros


def weight_shape(units: int, x: Spec) -> Shape:
    """The weight's shape for an input: a function of the module, so that a layer without weights can be pickled."""
    if x.rank < 2:
        fix = "give a batch, [n, features]: x[None] adds a batch axis, x[:, None] a feature axis"
        raise ShapeError("LAYER-06", function="Dense", x=x, fix=fix)
    return x.shape[-1], units


class Dense(Mapping):
    """f32[n, …, d] ↦ f32[n, …, units]: y = x·W + b.

    `weight` is f32[d, units], `bias` f32[units]; `bias=False` leaves it out. Raises ShapeError if the input has other
    than d features.

    >>> from mapsto import key, xp
    >>> Dense(2).init(key(0), xp.ones((1, 3)))(xp.zeros((4, 3))).shape
    (4, 2)
    """

    def __init__(self, units: int, *, bias: bool = True, init: Initialiser = he_normal) -> None:
        self.units = units = whole_number("Dense", "units", units)
        self.weight: Array = param(partial(weight_shape, units), init)
        self.bias: Array | None = param((units,), zeros) if bias else None

    def __call__(self, x: Any) -> Array:
        x = float_input(x, self.weight)
        extent_is(x, self.weight, -1, 0, "in")
        y = matmul(x, self.weight)
        return y if self.bias is None else y + self.bias
