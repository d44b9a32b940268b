"""Pooling: the largest number or the mean of every window."""

from __future__ import annotations

import math
from typing import Any

from mapsto.array.array import Array
from mapsto.array.convert import one_float
from mapsto.array.manipulate import ones
from mapsto.array.trace import apply
from mapsto.compose.mapping import Mapping
from mapsto.core.check import truth
from mapsto.nn.window import Around, Padding, Pair, Sides, Single, Sweep, Triple, check_places, checked_padding, sides
from mapsto.prims.window import WindowSum
from mapsto.prims.window_max import WindowMax


class MaxPooling(Mapping):
    """What MaxPool1D, MaxPool2D and MaxPool3D share, for `rank` spatial axes; not a layer itself."""

    def __init__(self, rank: int, size: Sides, stride: Sides | None, padding: Padding, dilation: Sides) -> None:
        name = type(self).__name__
        self.size = sides(name, "size", size, rank)
        self.stride = self.size if stride is None else sides(name, "stride", stride, rank)
        self.padding: Around = checked_padding(name, padding, rank)
        self.dilation = sides(name, "dilation", dilation, rank)

    def __call__(self, x: Any) -> Array:
        x = one_float(x)
        sweep = Sweep(type(self).__name__, self.size, self.stride, self.dilation, self.padding)
        check_places(sweep.function, x.spec, len(self.size))
        before, out = sweep.placed(x.shape[1:-1])
        sweep.check_no_window_is_empty(x.shape[1:-1], before, out)
        return apply(WindowMax(self.size, self.stride, self.dilation, before, out), x)


class MaxPool1D(MaxPooling):
    """f32[n, t, c] ↦ f32[n, t', c]: the largest number in every window. All else as for MaxPool2D.

    >>> from mapsto import xp
    >>> MaxPool1D(2)(xp.reshape(xp.arange(6.0), (1, 6, 1)))[0, :, 0]
    array([1., 3., 5.], f32[3])
    """

    def __init__(
        self, size: Single, *, stride: Single | None = None, padding: Padding = "valid", dilation: Single = 1
    ) -> None:
        super().__init__(1, size, stride, padding, dilation)


class MaxPool2D(MaxPooling):
    """f32[n, h, w, c] ↦ f32[n, h', w', c]: the largest number in every window.

    The stride is the window's size unless given; `padding` as for Conv2D. Padding never wins; what the windows do not
    cover is dropped: h' = ⌊(h − dilation·(size − 1) − 1) / stride⌋ + 1 without padding. NaN is larger than all else,
    and of equal numbers the first takes the gradient. Integers become f32.

    Raises ShapeError if the input is not [n, h, w, c], smaller than the window, or so padded that a window sees nothing
    but padding.

    >>> from mapsto import xp
    >>> MaxPool2D(2)(xp.reshape(xp.arange(16.0), (1, 4, 4, 1)))[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]], f32[2,2])
    """

    def __init__(
        self, size: Pair, *, stride: Pair | None = None, padding: Padding = "valid", dilation: Pair = 1
    ) -> None:
        super().__init__(2, size, stride, padding, dilation)


class MaxPool3D(MaxPooling):
    """f32[n, d, h, w, c] ↦ f32[n, d', h', w', c]: the largest number in every window. All else as for MaxPool2D.

    >>> from mapsto import xp
    >>> MaxPool3D(2)(xp.reshape(xp.arange(16.0), (1, 2, 2, 4, 1)))[0, 0, 0, :, 0]
    array([13., 15.], f32[2])
    """

    def __init__(
        self, size: Triple, *, stride: Triple | None = None, padding: Padding = "valid", dilation: Triple = 1
    ) -> None:
        super().__init__(3, size, stride, padding, dilation)


class AvgPooling(Mapping):
    """What AvgPool1D, AvgPool2D and AvgPool3D share, for `rank` spatial axes; not a layer itself."""

    def __init__(self, rank: int, size: Sides, stride: Sides | None, padding: Padding, count_padding: bool) -> None:
        name = type(self).__name__
        self.size = sides(name, "size", size, rank)
        self.stride = self.size if stride is None else sides(name, "stride", stride, rank)
        self.padding: Around = checked_padding(name, padding, rank)
        self.count_padding = truth(name, "count_padding", count_padding)

    def __call__(self, x: Any) -> Array:
        x = one_float(x)
        rank, extents = len(self.size), x.shape[1:-1]
        sweep = Sweep(type(self).__name__, self.size, self.stride, (1,) * rank, self.padding)
        check_places(sweep.function, x.spec, rank)
        before, out = sweep.placed(extents)
        sweep.check_no_window_is_empty(extents, before, out)
        total = WindowSum("y", self.size, self.stride, sweep.dilation, before, extents, out)
        if self.count_padding or self.padding == "valid":
            return apply(total, x) / math.prod(self.size)
        return apply(total, x) / apply(total, ones((1, *extents, 1), dtype=x.dtype))


class AvgPool1D(AvgPooling):
    """f32[n, t, c] ↦ f32[n, t', c]: the mean of every window. All else as for AvgPool2D.

    >>> from mapsto import xp
    >>> AvgPool1D(2)(xp.reshape(xp.arange(6.0), (1, 6, 1)))[0, :, 0]
    array([0.5, 2.5, 4.5], f32[3])
    """

    def __init__(
        self, size: Single, *, stride: Single | None = None, padding: Padding = "valid", count_padding: bool = False
    ) -> None:
        super().__init__(1, size, stride, padding, count_padding)


class AvgPool2D(AvgPooling):
    """f32[n, h, w, c] ↦ f32[n, h', w', c]: the mean of every window.

    The stride is the window's size unless given; `padding` as for Conv2D. Padding is left out of the mean, as in
    TensorFlow and Keras; `count_padding=True` counts it as zeros, as PyTorch does unless told otherwise
    (count_include_pad). Sizes and errors as for MaxPool2D. Integers become f32.

    >>> from mapsto import xp
    >>> x = xp.ones((1, 3, 3, 1))
    >>> AvgPool2D(2, padding="same")(x)[0, :, :, 0]
    array([[1., 1.],
           [1., 1.]], f32[2,2])
    >>> AvgPool2D(2, padding="same", count_padding=True)(x)[0, :, :, 0]
    array([[1.  , 0.5 ],
           [0.5 , 0.25]], f32[2,2])
    """

    def __init__(
        self, size: Pair, *, stride: Pair | None = None, padding: Padding = "valid", count_padding: bool = False
    ) -> None:
        super().__init__(2, size, stride, padding, count_padding)


class AvgPool3D(AvgPooling):
    """f32[n, d, h, w, c] ↦ f32[n, d', h', w', c]: the mean of every window. All else as for AvgPool2D.

    >>> from mapsto import xp
    >>> AvgPool3D(2)(xp.reshape(xp.arange(16.0), (1, 2, 2, 4, 1)))[0, 0, 0, :, 0]
    array([6.5, 8.5], f32[2])
    """

    def __init__(
        self, size: Triple, *, stride: Triple | None = None, padding: Padding = "valid", count_padding: bool = False
    ) -> None:
        super().__init__(3, size, stride, padding, count_padding)
