"""Pooling of images."""

from __future__ import annotations

from typing import Any

from mapsto.array.arithmetic import one_float
from mapsto.array.array import Array
from mapsto.array.trace import apply
from mapsto.compose.mapping import Mapping
from mapsto.nn.checks import rank_is
from mapsto.nn.window import Padding, Pair, checked_padding, pair, placed
from mapsto.prims.window import WindowMax


class MaxPool2D(Mapping):
    """f32[n, h, w, c] ↦ f32[n, h', w', c]: the largest number in every window.

    The stride is the window's size unless given. Padding never wins; what the windows do not cover is dropped:
    h' = ⌊(h − size) / stride⌋ + 1 without padding. Raises ShapeError if the input is not [n, h, w, c] or smaller than
    the window.

    >>> from mapsto import xp
    >>> MaxPool2D(2)(xp.reshape(xp.arange(16.0), (1, 4, 4, 1)))[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]], f32[2,2])
    """

    def __init__(self, size: Pair, *, stride: Pair | None = None, padding: Padding = "valid") -> None:
        self.size = pair("size", size)
        self.stride = self.size if stride is None else pair("stride", stride)
        self.padding: Padding = checked_padding(padding)

    def __call__(self, x: Any) -> Array:
        x = one_float(x)
        rank_is(x, 4, "[n, height, width, channels]")
        before, out = placed("MaxPool2D", x.shape[1:3], self.size, self.stride, (1, 1), self.padding)
        return apply(WindowMax(self.size, self.stride, (1, 1), before, out), x)
