"""Convolution of images."""

from __future__ import annotations

from functools import partial
from typing import Any

from mapsto.array.array import Array
from mapsto.array.manipulate import permute_dims, reshape
from mapsto.array.trace import apply
from mapsto.compose.declare import Initialiser, param
from mapsto.compose.mapping import Mapping
from mapsto.core.check import whole_number
from mapsto.core.errors import ShapeError, UsageError
from mapsto.core.spec import Shape, Spec
from mapsto.nn.checks import extent_is, float_input, rank_is
from mapsto.nn.initialisers import he_normal, zeros
from mapsto.nn.window import Padding, Pair, checked_padding, pair, placed
from mapsto.prims.conv import Conv


def weight_shape(size: tuple[int, int], groups: int, filters: int, x: Spec) -> Shape:
    """The kernel's shape for an input: a function of the module, so that a layer without weights can be pickled."""
    if x.rank != 4:
        problem = f"the input {x} is not [n, height, width, channels]"
        fix = (
            "x[None] adds a batch axis, x[..., None] a channel axis"
            if x.rank == 3
            else "give images, not rows of numbers"
        )
        raise ShapeError("SHAPE-07", function="Conv2D", problem=problem, fix=fix)
    if x.shape[3] % groups:
        raise ShapeError("SHAPE-07", function="Conv2D", problem=f"{x.shape[3]} channels in {groups} groups")
    return (*size, x.shape[3] // groups, filters)


class Conv2D(Mapping):
    """f32[n, h, w, c] ↦ f32[n, h', w', filters]: y[j] = b + Σₖ x[s·j + d·k − p]·W[k].

    `weight` is f32[k, k, c / groups, filters], `bias` f32[filters]. `padding` is "valid" (none), "same" (zeros, so that
    h' = ⌈h / stride⌉) or ((top, bottom), (left, right)). With `groups`, inputs and filters are split into as many parts
    that do not mix. The kernel is not flipped, as everywhere in the field. Unless "same",
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
        filters, groups = whole_number("Conv2D", "filters", filters), whole_number("Conv2D", "groups", groups)
        if filters % groups:
            fix = "the filters are one or more, and a multiple of the groups"
            raise UsageError("USE-01", problem=f"Conv2D({filters}, groups={groups})", fix=fix)
        self.size, self.stride, self.dilation = pair("size", size), pair("stride", stride), pair("dilation", dilation)
        self.filters = filters
        self.padding: Padding = checked_padding(padding)
        self.groups = groups
        self.weight: Array = param(partial(weight_shape, self.size, groups, filters), init)
        self.bias: Array | None = param((filters,), zeros) if bias else None

    def __call__(self, x: Any) -> Array:
        x = float_input(x, self.weight)
        rank_is(x, 4, "[n, height, width, channels]")
        if self.groups == 1:
            extent_is(x, self.weight, 3, 2, "channels")
        n, *extents, channels = x.shape
        before, out = placed("Conv2D", tuple(extents), self.size, self.stride, self.dilation, self.padding)
        inside, per_group = channels // self.groups, self.filters // self.groups
        convolve = Conv("y", self.stride, self.dilation, before, tuple(extents), self.size, out)
        # The filters of a group stand together: [k, k, c, g, o] ↦ [k, k, g, c, o].
        weight = reshape(self.weight, (*self.size, inside, self.groups, per_group))
        weight = permute_dims(weight, (0, 1, 3, 2, 4))
        y = apply(convolve, reshape(x, (n, *extents, self.groups, inside)), weight)
        y = reshape(y, (n, *out, self.filters))
        return y if self.bias is None else y + self.bias
