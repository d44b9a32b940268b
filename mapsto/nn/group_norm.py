"""Normalisation of images, each by itself: over groups of channels, and channel by channel."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Never

from mapsto.array.array import Array
from mapsto.array.convert import cast, wide
from mapsto.array.manipulate import broadcast_to, reshape
from mapsto.compose.declare import param
from mapsto.compose.mapping import Mapping
from mapsto.core.check import real_number, whole_number
from mapsto.core.errors import ShapeError
from mapsto.core.spec import Shape, Spec
from mapsto.nn.checks import extent_is
from mapsto.nn.initialisers import ones, zeros
from mapsto.nn.moments import channels_of, moments, pooled, refuse_sizes, standardised_channels, taken


def grouped_channels(groups: int, x: Spec) -> Shape:
    """The shape of a GroupNorm's parameters. Raises ShapeError unless the groups divide the channels."""
    (channels,) = channels_of("GroupNorm", 2, x)
    if channels % groups:
        fix = f"groups that divide {channels}: " + ", ".join(str(g) for g in range(1, channels + 1) if not channels % g)
        rows = (("x", x, f"channels = {channels}"),)
        raise ShapeError("NORM-02", function="GroupNorm", channels=channels, groups=groups, operands=rows, fix=fix)
    return (channels,)


class GroupNorm(Mapping):
    """f32[n, …, c] ↦ f32[n, …, c]: (x − mean) / √(variance + ε)·scale + shift, by example and group of channels.

    `groups` parts of c / groups neighbouring channels each; mean and (biased) variance are over a part and all
    positions. `scale` and `shift` are f32[c], and left out by `scale=False`, `shift=False`. Statistics of 16-bit floats
    are taken in float32.

    Wu and He, 2018, arXiv:1803.08494. Raises UsageError for settings out of range; ShapeError if the groups do not
    divide the channels, for other channels than before, and for a group of a single number.

    >>> from mapsto import key, xp
    >>> x = xp.asarray([[1.0, 3.0, 10.0, 30.0]])
    >>> xp.round(GroupNorm(2).init(key(0), x)(x))
    array([[-1.,  1., -1.,  1.]], f32[1,4])
    """

    def __init__(
        self, groups: int = 32, *sizes: Never, epsilon: float = 1e-5, scale: bool = True, shift: bool = True
    ) -> None:
        refuse_sizes("GroupNorm", sizes)
        self.groups = whole_number("GroupNorm", "groups", groups)
        self.epsilon = real_number("GroupNorm", "epsilon", epsilon, above=0)
        shape = partial(grouped_channels, self.groups)
        self.scale: Array | None = param(shape, ones) if scale else None
        self.shift: Array | None = param(shape, zeros) if shift else None

    def __call__(self, x: Any) -> Array:
        x = checked_channels(x, self.scale, self.shift)
        grouped_channels(self.groups, x.spec)
        centre, variance = group_moments(wide(x), self.groups)
        y = standardised_channels(wide(x), centre, variance, self.epsilon, self.scale, self.shift)
        return cast(y, x.dtype)


def group_moments(x: Array, groups: int) -> tuple[Array, Array]:
    """Mean and variance by example and group of channels, for every channel: f32[n, …, c] ↦ two of f32[n, 1, …, 1, c].

    Those of each channel come first, so that vectors of neighbouring channels are summed up whatever the size of a
    group.
    """
    inner = tuple(range(1, x.ndim - 1))
    parts = (groups, x.shape[-1] // groups)
    if math.prod(x.shape[axis] for axis in inner) < 2:
        found = moments("GroupNorm", reshape(x, (*x.shape[:-1], *parts)), (*inner, x.ndim))
    else:
        centre, variance = (reshape(one, (*one.shape[:-1], *parts)) for one in moments("GroupNorm", x, inner))
        found = pooled(centre, variance, (x.ndim,))
    shape = (x.shape[0], *(1 for _ in inner), *parts)
    centre, variance = (reshape(broadcast_to(one, shape), (*shape[:-2], x.shape[-1])) for one in found)
    return centre, variance


class InstanceNorm(Mapping):
    """f32[n, …, c] ↦ f32[n, …, c]: (x − mean) / √(variance + ε)·scale + shift, by example and channel.

    Mean and (biased) variance are over the positions between the batch and the channels. `scale` and `shift` are
    f32[c], and left out by `scale=False`, `shift=False`, as PyTorch does unless asked. Statistics of 16-bit floats are
    taken in float32.

    Ulyanov et al., 2016, arXiv:1607.08022. Raises UsageError for an epsilon that is not above 0; ShapeError for an
    input without positions, with a single one, or with other channels than before.

    >>> from mapsto import key, xp
    >>> x = xp.asarray([[[1.0, 10.0], [3.0, 30.0]]])
    >>> xp.round(InstanceNorm().init(key(0), x)(x))
    array([[[-1., -1.],
            [ 1.,  1.]]], f32[1,2,2])
    """

    def __init__(self, *sizes: Never, epsilon: float = 1e-5, scale: bool = True, shift: bool = True) -> None:
        refuse_sizes("InstanceNorm", sizes)
        self.epsilon = real_number("InstanceNorm", "epsilon", epsilon, above=0)
        shape = partial(channels_of, "InstanceNorm", 3)
        self.scale: Array | None = param(shape, ones) if scale else None
        self.shift: Array | None = param(shape, zeros) if shift else None

    def __call__(self, x: Any) -> Array:
        x = checked_channels(x, self.scale, self.shift)
        channels_of("InstanceNorm", 3, x.spec)
        centre, variance = moments("InstanceNorm", wide(x), tuple(range(1, x.ndim - 1)))
        y = standardised_channels(wide(x), centre, variance, self.epsilon, self.scale, self.shift)
        return cast(y, x.dtype)


def checked_channels(x: Any, *weights: Array | None) -> Array:
    """The input in the layer's type, with as many channels as it has parameters."""
    x = taken(x, *weights)
    for weight in weights:
        if weight is not None:
            extent_is(x, weight, -1, 0, "channels")
    return x
