"""Normalisation over the features of each example: layer normalisation, and by the root mean square."""

from __future__ import annotations

from functools import partial
from typing import Any

from mapsto.array.arithmetic import multiply, square
from mapsto.array.array import Array
from mapsto.array.convert import cast, wide
from mapsto.array.reduction import mean
from mapsto.compose.declare import param
from mapsto.compose.mapping import Mapping
from mapsto.core.check import real_number
from mapsto.nn.checks import extent_is
from mapsto.nn.initialisers import ones, zeros
from mapsto.nn.moments import (
    Axis,
    axes_in,
    by_deviation,
    checked_axes,
    extents_at,
    moments,
    rescaled,
    standardised,
    taken,
)


def checked_input(
    function: str, axes: tuple[int, ...], x: Any, *weights: Array | None
) -> tuple[Array, tuple[int, ...]]:
    """The input in the layer's type, and the axes to normalise, whose extents are those of the parameters."""
    x = taken(x, *weights)
    found = axes_in(function, axes, x.spec)
    for weight in weights:
        if weight is not None:
            for place, axis in enumerate(found):
                extent_is(x, weight, axis, place, f"features (axis {axis})" if len(found) > 1 else "features")
    return x, found


class LayerNorm(Mapping):
    """f32[n, …, d] ↦ f32[n, …, d]: (x − mean) / √(variance + ε)·scale + shift, each example by itself.

    Mean and variance are over `axis`: the last one, or several, such as (1, 2, 3) for whole images. `scale` and `shift`
    have the extents of these axes, and are left out by `scale=False`, `shift=False`. The variance is the biased one.
    Statistics of 16-bit floats are taken in float32.

    Ba et al., 2016, arXiv:1607.06450. Raises UsageError for what is no axis, ShapeError where the input has no such
    axis, for axis 0, which is the batch, for other extents than before, and for a single number.

    >>> from mapsto import key, xp
    >>> x = xp.asarray([[1.0, 3.0], [20.0, 10.0]])
    >>> xp.round(LayerNorm().init(key(0), x)(x))
    array([[-1.,  1.],
           [ 1., -1.]], f32[2,2])
    """

    def __init__(self, axis: Axis = -1, *, epsilon: float = 1e-5, scale: bool = True, shift: bool = True) -> None:
        self.axes = checked_axes("LayerNorm", axis)
        self.epsilon = real_number("LayerNorm", "epsilon", epsilon, above=0)
        shape = partial(extents_at, "LayerNorm", self.axes)
        self.scale: Array | None = param(shape, ones) if scale else None
        self.shift: Array | None = param(shape, zeros) if shift else None

    def __call__(self, x: Any) -> Array:
        x, axes = checked_input("LayerNorm", self.axes, x, self.scale, self.shift)
        y = standardised(wide(x), *moments("LayerNorm", wide(x), axes), self.epsilon)
        return cast(rescaled(y, self.scale, self.shift, axes), x.dtype)


class RMSNorm(Mapping):
    """f32[n, …, d] ↦ f32[n, …, d]: x / √(mean of x² + ε)·scale, each example by itself.

    The mean is over `axis`: the last one, or several. `scale` has the extents of these axes, and is left out by
    `scale=False`. The squares of 16-bit floats are summed in float32.

    Zhang and Sennrich, 2019, arXiv:1910.07467. Raises UsageError and ShapeError as LayerNorm does; a single number is
    allowed, and becomes its sign.

    >>> from mapsto import key, xp
    >>> x = xp.asarray([[30.0, 40.0, 0.0, 0.0]])
    >>> [round(float(one), 4) for one in RMSNorm().init(key(0), x)(x)[0]]  # by √(2500 / 4) = 25
    [1.2, 1.6, 0.0, 0.0]
    """

    def __init__(self, axis: Axis = -1, *, epsilon: float = 1e-6, scale: bool = True) -> None:
        self.axes = checked_axes("RMSNorm", axis)
        self.epsilon = real_number("RMSNorm", "epsilon", epsilon, above=0)
        self.scale: Array | None = param(partial(extents_at, "RMSNorm", self.axes), ones) if scale else None

    def __call__(self, x: Any) -> Array:
        x, axes = checked_input("RMSNorm", self.axes, x, self.scale)
        factor = by_deviation(mean(square(wide(x)), axis=axes, keepdims=True), self.epsilon)
        return cast(rescaled(multiply(wide(x), factor), self.scale, None, axes), x.dtype)
