"""What the layers of normalisation share: mean and variance in enough digits, and what follows them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mapsto.array.arithmetic import divide, maximum, multiply, square, stop_gradient, subtract
from mapsto.array.array import Array
from mapsto.array.convert import cast, one_float, strong, whole
from mapsto.array.elementary import sqrt
from mapsto.array.manipulate import reshape
from mapsto.array.reduction import mean
from mapsto.core.errors import ShapeError, UsageError
from mapsto.core.spec import Shape, Spec
from mapsto.nn.checks import float_input

Axis = int | Sequence[int]
SAMPLE = 32  # the part of numbers from which a first guess of their mean is taken: 1/32


def refuse_sizes(function: str, sizes: tuple[Any, ...]) -> None:
    """Refuse a number of features, which other frameworks ask for."""
    if sizes:
        fix = f"leave out {sizes[0]!r}; settings are given by keyword"
        raise UsageError("NORM-04", function=function, fix=fix)


def checked_axes(function: str, axis: Any) -> tuple[int, ...]:
    """An axis or several, as a tuple of integers. Raises UsageError for none, and for what is no integer."""
    axes = tuple(whole(one) for one in (axis if isinstance(axis, (tuple, list, range)) else (axis,)))
    if not axes or None in axes or len(set(axes)) < len(axes):
        raise UsageError("ARG-01", function=function, name="axis", value=axis, wanted="an axis, or several")
    return tuple(one for one in axes if one is not None)


def axes_in(function: str, axes: tuple[int, ...], x: Spec) -> tuple[int, ...]:
    """Axes counted from either end ↦ sorted, counted from the first. Raises ShapeError for others, and the batch's."""
    rows = (("x", x, ""),)
    for axis in axes:
        if not -x.rank <= axis < x.rank:
            fix = f"nn.{function}() normalises the last axis, whatever its extent; axes run 1 … {x.rank - 1}"
            raise ShapeError("NORM-06", function=function, axis=axis, operands=rows, fix=fix)
    found = tuple(sorted(axis % x.rank for axis in axes))
    if len(set(found)) < len(found):
        raise ShapeError("NORM-07", function=function, axes=axes, operands=rows, fix="name each once")
    if 0 in found:
        fix = "name another axis" if x.rank > 1 else "give a batch: [n, features]"
        raise ShapeError("NORM-03", function=function, operands=rows, fix=fix)
    return found


def extents_at(function: str, axes: tuple[int, ...], x: Spec) -> Shape:
    """The shape of parameters that differ along some axes: a function of the module, so that layers pickle."""
    return tuple(x.shape[axis] for axis in axes_in(function, axes, x))


def channels_of(function: str, least: int, x: Spec) -> Shape:
    """The shape of parameters that differ by channel, for an input of `least` axes or more."""
    if x.rank < least:
        missing = "channel axis" if least < 3 else "positions between batch and channels"
        fix = "give a batch: [n, …, channels]" if least < 3 else "give [n, length, channels], or images"
        raise ShapeError("NORM-05", function=function, spec=x, missing=missing, fix=fix)
    return x.shape[-1:]


def taken(x: Any, *weights: Array | None) -> Array:
    """An input in the type of the layer's first parameter; any float type if it has none."""
    for weight in weights:
        if weight is not None:
            return float_input(x, weight)
    return strong(one_float(x))


def count_over(function: str, x: Array, axes: tuple[int, ...]) -> int:
    """How many numbers a variance over axes is of. Raises ShapeError for fewer than two."""
    count = math.prod(x.shape[axis] for axis in axes)
    if count < 2:
        fix = "leave the layer out here"
        if function == "BatchNorm":
            fix = "train on batches of two or more; in fit, choose a batch_size that leaves no single example over"
        raise ShapeError("NORM-01", function=function, count=count, operands=(("x", x.spec, ""),), fix=fix)
    return count


def moments(function: str, x: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    """Mean and variance over axes, which stay with extent 1. Raises ShapeError if they are of fewer than two numbers.

    In one pass over x: with s the mean of a sample, 1/32 along the first of the axes, and d = E (x − s),

        mean = s + d,   variance = E (x − s)² − d².

    The difference E x² − (E x)² (s = 0) loses all digits for a mean far from 0. This one loses 5 bits at most: s is of
    m numbers out of n ≤ 32·m, and m·d² is at most the sum of all squared distances, so d² ≤ 32·variance. The variance
    is the same for any number s, so derivatives of all orders are right with s as a constant; see note 0021.
    """
    count_over(function, x, axes)
    some = slice(None, None, SAMPLE) if axes[0] < x.ndim - 1 else slice(None, -(-x.shape[-1] // SAMPLE))
    near = stop_gradient(mean(x[(slice(None),) * axes[0] + (some,)], axis=axes, keepdims=True))
    away = subtract(x, near)
    off = mean(away, axis=axes, keepdims=True)
    spread = subtract(mean(square(away), axis=axes, keepdims=True), square(off))
    return near + off, maximum(spread, 0.0)


def pooled(centre: Array, variance: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    """Means and variances of parts of equal size ↦ those of all parts along axes, which stay with extent 1.

    mean = E centre,   variance = E variance + E (centre − mean)²   (Chan, Golub and LeVeque, 1983, equation 2.1).
    """
    whole = mean(centre, axis=axes, keepdims=True)
    between = mean(square(subtract(centre, whole)), axis=axes, keepdims=True)
    return whole, mean(variance, axis=axes, keepdims=True) + between


def by_deviation(variance: Array, epsilon: float) -> Array:
    """1 / √(variance + ε)."""
    return divide(1.0, sqrt(variance + epsilon))


def standardised(x: Array, centre: Array, variance: Array, epsilon: float) -> Array:
    """(x − mean) / √(variance + ε)."""
    return multiply(subtract(x, centre), by_deviation(variance, epsilon))


def standardised_channels(
    x: Array, centre: Array, variance: Array, epsilon: float, scale: Array | None, shift: Array | None
) -> Array:
    """(x − mean) · (scale / √(variance + ε)) + shift, where scale and shift, if there are such, differ by channel."""
    factor = by_deviation(variance, epsilon)
    if scale is not None:
        factor = multiply(factor, cast(scale, x.dtype))
    y = multiply(subtract(x, centre), factor)
    return y if shift is None else y + cast(shift, x.dtype)


def rescaled(x: Array, scale: Array | None, shift: Array | None, axes: tuple[int, ...]) -> Array:
    """x·scale + shift, where there are such; they differ along `axes`."""
    shape = tuple(extent if axis in axes else 1 for axis, extent in enumerate(x.shape))
    if scale is not None:
        x = multiply(x, reshape(cast(scale, x.dtype), shape))
    return x if shift is None else x + reshape(cast(shift, x.dtype), shape)
