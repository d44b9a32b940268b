"""Convolution of every channel by itself."""

from __future__ import annotations

from functools import partial
from typing import Any

from mapsto.array.array import Array
from mapsto.compose.declare import Initialiser, param
from mapsto.compose.mapping import Mapping
from mapsto.core.check import whole_number
from mapsto.core.spec import Shape, Spec
from mapsto.nn.checks import extent_is, float_input
from mapsto.nn.conv import convolved
from mapsto.nn.initialisers import he_normal, zeros
from mapsto.nn.window import Around, Padding, Pair, Sweep, check_layout, check_places, checked_padding, sides


def kernel_shape(size: tuple[int, ...], multiplier: int, x: Spec) -> Shape:
    """The kernel's shape for an input: a function of the module, so that a layer without weights can be pickled."""
    check_layout("DepthwiseConv2D", x, 2)
    return (*size, 1, x.shape[-1] * multiplier)


def bias_shape(multiplier: int, x: Spec) -> Shape:
    """The bias's shape for an input."""
    return (x.shape[-1] * multiplier,)


class DepthwiseConv2D(Mapping):
    """f32[n, h, w, c] ↦ f32[n, h', w', c·multiplier]: every channel convolved by itself, with `multiplier` kernels.

    The same as Conv2D(c·multiplier, size, groups=c), with c taken from the input: output o comes from channel
    ⌊o / multiplier⌋, and `weight` is f32[k, k, 1, c·multiplier]. Settings, sizes and errors as for Conv2D
    (Chollet, 2017, arXiv:1610.02357; a Conv2D(filters, 1) behind it mixes the channels).

    >>> from mapsto import key, xp
    >>> DepthwiseConv2D(3, padding="same").init(key(0), xp.ones((1, 28, 28, 4)))(xp.ones((5, 28, 28, 4))).shape
    (5, 28, 28, 4)
    """

    def __init__(
        self,
        size: Pair,
        *,
        multiplier: int = 1,
        stride: Pair = 1,
        padding: Padding = "valid",
        dilation: Pair = 1,
        bias: bool = True,
        init: Initialiser = he_normal,
    ) -> None:
        name = type(self).__name__
        self.size = sides(name, "size", size, 2)
        self.stride = sides(name, "stride", stride, 2)
        self.dilation = sides(name, "dilation", dilation, 2)
        self.multiplier = multiplier = whole_number(name, "multiplier", multiplier)
        self.padding: Around = checked_padding(name, padding, 2)
        self.weight: Array = param(partial(kernel_shape, self.size, multiplier), init)
        self.bias: Array | None = param(partial(bias_shape, multiplier), zeros) if bias else None

    def __call__(self, x: Any) -> Array:
        name = type(self).__name__
        x = float_input(x, self.weight)
        check_places(name, x.spec, 2)
        groups = self.weight.shape[-1] // self.multiplier
        extent_is(x, self.weight, -1, -2, "channels", groups)
        y = convolved(x, self.weight, groups, Sweep(name, self.size, self.stride, self.dilation, self.padding))
        return y if self.bias is None else y + self.bias
