"""Convolution along one, two or three spatial axes."""

from __future__ import annotations

from functools import partial
from typing import Any

from mapsto.array.array import Array
from mapsto.array.manipulate import permute_dims, reshape
from mapsto.array.trace import apply
from mapsto.compose.declare import Initialiser, param
from mapsto.compose.mapping import Mapping
from mapsto.core.check import whole_number
from mapsto.core.errors import MapstoError, ShapeError, UsageError
from mapsto.core.spec import Shape, Spec
from mapsto.nn.checks import extent_is, float_input
from mapsto.nn.initialisers import he_normal, zeros
from mapsto.nn.window import (
    Around,
    Padding,
    Pair,
    Sides,
    Single,
    Sweep,
    Triple,
    check_layout,
    check_places,
    checked_padding,
    sides,
)
from mapsto.prims.conv import Conv


def check_groups(kind: type[MapstoError], function: str, what: str, count: int, groups: int) -> None:
    """Raise an error unless the groups have equally many filters or channels."""
    if count % groups:
        fix = f"the {what} are a multiple of the groups; groups=1 takes any number"
        raise kind("WINDOW-05", function=function, count=count, what=what, groups=groups, fix=fix)


def weight_shape(function: str, size: tuple[int, ...], groups: int, filters: int, x: Spec) -> Shape:
    """The kernel's shape for an input: a function of the module, so that a layer without weights can be pickled."""
    check_layout(function, x, len(size))
    check_groups(ShapeError, function, "channels", x.shape[-1], groups)
    return (*size, x.shape[-1] // groups, filters)


def grouped(weight: Array, groups: int) -> Array:
    """[*size, c / g, filters] ↦ [*size, g, c / g, filters / g], with g groups: a group's filters stand together."""
    *size, inside, filters = weight.shape
    rank = len(size)
    split = reshape(weight, (*size, inside, groups, filters // groups))
    return permute_dims(split, (*range(rank), rank + 1, rank, rank + 2))


def convolved(x: Array, weight: Array, groups: int, sweep: Sweep) -> Array:
    """[n, *spatial, c] and [*size, c / groups, filters] ↦ [n, *spatial', filters]."""
    n, *extents, channels = x.shape
    before, out = sweep.placed(tuple(extents))
    convolve = Conv("y", sweep.stride, sweep.dilation, before, tuple(extents), sweep.size, out)
    y = apply(convolve, reshape(x, (n, *extents, groups, channels // groups)), grouped(weight, groups))
    return reshape(y, (n, *out, weight.shape[-1]))


class Convolution(Mapping):
    """What Conv1D, Conv2D and Conv3D share, for `rank` spatial axes; not a layer itself."""

    def __init__(
        self,
        rank: int,
        filters: int,
        size: Sides,
        stride: Sides,
        padding: Padding,
        dilation: Sides,
        groups: int,
        bias: bool,
        init: Initialiser,
    ) -> None:
        name = type(self).__name__
        filters, groups = whole_number(name, "filters", filters), whole_number(name, "groups", groups)
        check_groups(UsageError, name, "filters", filters, groups)
        self.size = sides(name, "size", size, rank)
        self.stride = sides(name, "stride", stride, rank)
        self.dilation = sides(name, "dilation", dilation, rank)
        self.filters = filters
        self.padding: Around = checked_padding(name, padding, rank)
        self.groups = groups
        self.weight: Array = param(partial(weight_shape, name, self.size, groups, filters), init)
        self.bias: Array | None = param((filters,), zeros) if bias else None

    def __call__(self, x: Any) -> Array:
        name = type(self).__name__
        x = float_input(x, self.weight)
        check_places(name, x.spec, len(self.size))
        extent_is(x, self.weight, -1, -2, "channels", self.groups)
        y = convolved(x, self.weight, self.groups, Sweep(name, self.size, self.stride, self.dilation, self.padding))
        return y if self.bias is None else y + self.bias


class Conv1D(Convolution):
    """f32[n, t, c] ↦ f32[n, t', filters]: y[j] = b + Σₖ x[s·j + d·k − p]·W[k].

    `weight` is f32[k, c / groups, filters]. Settings, sizes and errors as for Conv2D; explicit padding is one number
    for both ends, or ((before, after),).

    >>> from mapsto import key, xp
    >>> Conv1D(8, 3, padding="same").init(key(0), xp.ones((1, 100, 4)))(xp.ones((5, 100, 4))).shape
    (5, 100, 8)
    """

    def __init__(
        self,
        filters: int,
        size: Single,
        *,
        stride: Single = 1,
        padding: Padding = "valid",
        dilation: Single = 1,
        groups: int = 1,
        bias: bool = True,
        init: Initialiser = he_normal,
    ) -> None:
        super().__init__(1, filters, size, stride, padding, dilation, groups, bias, init)


class Conv2D(Convolution):
    """f32[n, h, w, c] ↦ f32[n, h', w', filters]: y[j] = b + Σₖ x[s·j + d·k − p]·W[k].

    `weight` is f32[k, k, c / groups, filters], `bias` f32[filters]. `padding` is "valid" (none), "same" (zeros, so that
    h' = ⌈h / stride⌉, the odd one after, as in TensorFlow and Keras), a number for every side, or
    ((top, bottom), (left, right)). With `groups`, inputs and filters are split into as many parts that do not mix;
    groups = c filters every channel by itself. The kernel is not flipped, as everywhere in the field. Unless "same",
    h' = ⌊(h + top + bottom − dilation·(k − 1) − 1) / stride⌋ + 1 (Dumoulin and Visin, 2016, arXiv:1603.07285).

    Raises ShapeError if the input is not [n, h, w, c] or smaller than the kernel.

    >>> from mapsto import key, xp
    >>> Conv2D(8, 3, stride=2).init(key(0), xp.ones((1, 28, 28, 1)))(xp.ones((5, 28, 28, 1))).shape
    (5, 13, 13, 8)
    """

    def __init__(
        self,
        filters: int,
        size: Pair,
        *,
        stride: Pair = 1,
        padding: Padding = "valid",
        dilation: Pair = 1,
        groups: int = 1,
        bias: bool = True,
        init: Initialiser = he_normal,
    ) -> None:
        super().__init__(2, filters, size, stride, padding, dilation, groups, bias, init)


class Conv3D(Convolution):
    """f32[n, d, h, w, c] ↦ f32[n, d', h', w', filters]: y[j] = b + Σₖ x[s·j + d·k − p]·W[k].

    `weight` is f32[k, k, k, c / groups, filters]. Settings, sizes and errors as for Conv2D; explicit padding is one
    number for every side, or ((front, back), (top, bottom), (left, right)).

    >>> from mapsto import key, xp
    >>> Conv3D(8, 3).init(key(0), xp.ones((1, 6, 8, 8, 1)))(xp.ones((5, 6, 8, 8, 1))).shape
    (5, 4, 6, 6, 8)
    """

    def __init__(
        self,
        filters: int,
        size: Triple,
        *,
        stride: Triple = 1,
        padding: Padding = "valid",
        dilation: Triple = 1,
        groups: int = 1,
        bias: bool = True,
        init: Initialiser = he_normal,
    ) -> None:
        super().__init__(3, filters, size, stride, padding, dilation, groups, bias, init)
