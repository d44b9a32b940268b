"""Transposed convolution: each number of the input lays its kernel into a larger output."""

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
from mapsto.core.spec import Shape
from mapsto.nn.checks import extent_is, float_input
from mapsto.nn.conv import check_groups, grouped, weight_shape
from mapsto.nn.initialisers import he_normal, zeros
from mapsto.nn.window import (
    AXES,
    Around,
    Padding,
    Pair,
    Sides,
    Single,
    Sweep,
    Triple,
    check_places,
    checked_padding,
    sides,
)
from mapsto.prims.conv import Conv


def check_output_padding(function: str, padding: Shape, stride: Shape, dilation: Shape) -> None:
    """Raise UsageError where more is added than a stride or dilation can leave open."""
    limits = tuple(map(max, stride, dilation))
    if any(added >= limit for added, limit in zip(padding, limits, strict=True)):
        wanted = f"below the larger of stride and dilation, {limits}"
        raise UsageError("ARG-01", function=function, name="output_padding", value=padding, wanted=wanted)


def output_place(sweep: Sweep, extents: Shape, more: tuple[int, ...], wanted: Shape | None) -> tuple[Shape, Shape]:
    """Padding taken off the output at its beginning, and what is left of it.

    Raises ShapeError if a convolution of the wanted extents does not give those of the input.
    """
    if wanted is None:
        return sweep.placed_back(extents, more)
    smallest = sweep.smallest(extents)
    for name, size, extent, least, stride in zip(
        AXES[len(extents)], wanted, extents, smallest, sweep.stride, strict=True
    ):
        most = least + stride - 1
        if not least <= size <= most:
            facts = {"function": sweep.function, "axis": name, "size": size, "extent": extent}
            raise ShapeError("WINDOW-06", **facts, fix=f"it is {least}" + (f" … {most}" if stride > 1 else ""))
    return sweep.placed(wanted)[0], wanted


class TransposedConvolution(Mapping):
    """What ConvTranspose1D, 2D and 3D share, for `rank` spatial axes; not a layer itself."""

    def __init__(
        self,
        rank: int,
        filters: int,
        size: Sides,
        stride: Sides,
        padding: Padding,
        output_padding: Sides,
        output_size: Sides | None,
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
        self.output_padding = sides(name, "output_padding", output_padding, rank, least=0)
        check_output_padding(name, self.output_padding, self.stride, self.dilation)
        self.output_size = None if output_size is None else sides(name, "output_size", output_size, rank)
        if any(self.output_padding) and (self.output_size is not None or self.padding == "same"):
            other = 'padding="same"' if self.output_size is None else "output_size"
            fix = "say with output_size how large the output is to be"
            raise UsageError("WINDOW-08", function=name, first="output_padding", second=other, fix=fix)
        self.groups = groups
        self.weight: Array = param(partial(weight_shape, name, self.size, groups, filters), init)
        self.bias: Array | None = param((filters,), zeros) if bias else None

    def __call__(self, x: Any) -> Array:
        sweep = Sweep(type(self).__name__, self.size, self.stride, self.dilation, self.padding)
        x = float_input(x, self.weight)
        rank, groups = len(self.size), self.groups
        check_places(sweep.function, x.spec, rank)
        extent_is(x, self.weight, -1, -2, "channels", groups)
        n, *extents, channels = x.shape
        before, made = output_place(sweep, tuple(extents), self.output_padding, self.output_size)
        # The convolution that this one transposes maps the filters here to the channels: [k, g, filters, channels].
        kernel = permute_dims(grouped(self.weight, groups), (*range(rank + 1), rank + 2, rank + 1))
        spread = Conv("x", self.stride, self.dilation, before, made, self.size, tuple(extents))
        y = apply(spread, kernel, reshape(x, (n, *extents, groups, channels // groups)))
        y = reshape(y, (n, *made, self.filters))
        return y if self.bias is None else y + self.bias


class ConvTranspose1D(TransposedConvolution):
    """f32[n, t, c] ↦ f32[n, t', filters]: y[s·j + d·k − p] = b + the sum of x[j]·W[k] that meet there.

    `weight` is f32[k, c / groups, filters]. Settings, sizes and errors as for ConvTranspose2D.

    >>> from mapsto import key, xp
    >>> ConvTranspose1D(8, 4, stride=2, padding=1).init(key(0), xp.ones((1, 50, 4)))(xp.ones((5, 50, 4))).shape
    (5, 100, 8)
    """

    def __init__(
        self,
        filters: int,
        size: Single,
        *,
        stride: Single = 1,
        padding: Padding = "valid",
        output_padding: Single = 0,
        output_size: Single | None = None,
        dilation: Single = 1,
        groups: int = 1,
        bias: bool = True,
        init: Initialiser = he_normal,
    ) -> None:
        super().__init__(
            1, filters, size, stride, padding, output_padding, output_size, dilation, groups, bias, init
        )  # fmt: skip


class ConvTranspose2D(TransposedConvolution):
    """f32[n, h, w, c] ↦ f32[n, h', w', filters]: y[s·j + d·k − p] = b + the sum of x[j]·W[k] that meet there.

    The transpose (not the inverse) of a Conv2D with the same settings, so padding is what is taken off the output:
    h' = (h − 1)·stride + dilation·(k − 1) + 1 − top − bottom + output_padding, or h·stride for "same". `weight` is
    f32[k, k, c / groups, filters] and lies as the input meets it; it is not flipped. A Conv2D with a stride gives the
    same h for several h': `output_padding` (below the larger of stride and dilation) adds to the smallest, and
    `output_size` names h' and w' instead (Dumoulin and Visin, 2016, arXiv:1603.07285).

    Raises ShapeError if the input is not [n, h, w, c], nothing is left of the output, or `output_size` cannot be.

    >>> from mapsto import key, xp
    >>> ConvTranspose2D(8, 3, stride=2, padding="same").init(key(0), xp.ones((1, 7, 7, 4)))(xp.ones((5, 7, 7, 4))).shape
    (5, 14, 14, 8)
    """

    def __init__(
        self,
        filters: int,
        size: Pair,
        *,
        stride: Pair = 1,
        padding: Padding = "valid",
        output_padding: Pair = 0,
        output_size: Pair | None = None,
        dilation: Pair = 1,
        groups: int = 1,
        bias: bool = True,
        init: Initialiser = he_normal,
    ) -> None:
        super().__init__(
            2, filters, size, stride, padding, output_padding, output_size, dilation, groups, bias, init
        )  # fmt: skip


class ConvTranspose3D(TransposedConvolution):
    """f32[n, d, h, w, c] ↦ f32[n, d', h', w', filters]: y[s·j + d·k − p] = b + the sum of x[j]·W[k] that meet there.

    `weight` is f32[k, k, k, c / groups, filters]. Settings, sizes and errors as for ConvTranspose2D.

    >>> from mapsto import key, xp
    >>> ConvTranspose3D(8, 2, stride=2).init(key(0), xp.ones((1, 2, 3, 3, 4)))(xp.ones((5, 2, 3, 3, 4))).shape
    (5, 4, 6, 6, 8)
    """

    def __init__(
        self,
        filters: int,
        size: Triple,
        *,
        stride: Triple = 1,
        padding: Padding = "valid",
        output_padding: Triple = 0,
        output_size: Triple | None = None,
        dilation: Triple = 1,
        groups: int = 1,
        bias: bool = True,
        init: Initialiser = he_normal,
    ) -> None:
        super().__init__(
            3, filters, size, stride, padding, output_padding, output_size, dilation, groups, bias, init
        )  # fmt: skip
