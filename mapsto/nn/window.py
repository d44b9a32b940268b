"""Where a sliding window stands: sizes, strides and padding along one, two or three spatial axes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import index
from typing import Any, Literal, cast

import numpy as np

from mapsto.core.check import one_of
from mapsto.core.errors import ShapeError, UsageError
from mapsto.core.spec import Shape, Spec

Single = int | tuple[int]
Pair = int | tuple[int, int]
Triple = int | tuple[int, int, int]
Sides = int | tuple[int, ...]
Border = tuple[tuple[int, int], ...]
"""Places before and after, for every spatial axis."""
Around = Literal["valid", "same"] | Border
Padding = Around | int

AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
THINGS = {1: "sequences", 2: "images", 3: "volumes"}
BORDERS = {
    1: "((before, after),)",
    2: "((top, bottom), (left, right))",
    3: "((front, back), (top, bottom), (left, right))",
}


def layout(rank: int) -> str:
    """The axes of an input: `[n, height, width, channels]`."""
    return f"[n, {', '.join(AXES[rank])}, channels]"


def sides(function: str, name: str, value: Sides, rank: int, least: int = 1, fix: str = "") -> tuple[int, ...]:
    """One number for all axes, or one for each; `least` or more.

    >>> sides("Conv2D", "size", 3, 2), sides("Conv2D", "size", (3, 5), 2)
    ((3, 3), (3, 5))
    """
    found = numbers(value) if isinstance(value, (tuple, list, np.ndarray)) else numbers((value,)) * rank
    if len(found) != rank or min(found) < least:
        wanted = f"a whole number of {least} or more" + (f", or {rank} of them" if rank > 1 else "")
        raise UsageError("ARG-01", function=function, name=name, value=value, wanted=wanted, fix=fix)
    return found


def numbers(values: Any) -> tuple[int, ...]:
    """Whole numbers as Python integers; none at all if one of them is something else."""
    try:
        return () if any(isinstance(one, bool) for one in values) else tuple(map(index, values))
    except TypeError:
        return ()


def border(function: str, name: str, value: int | Border, rank: int, choices: str = "") -> Border:
    """One number for every side, or a pair (before, after) for each axis; 0 or more.

    >>> border("ZeroPad2D", "width", 1, 2)
    ((1, 1), (1, 1))
    """
    pairs = value if isinstance(value, (tuple, list, np.ndarray)) else ((value, value),) * rank
    found = [numbers(pair) for pair in pairs if isinstance(pair, (tuple, list, np.ndarray))]
    if len(found) != len(pairs) or len(pairs) != rank or any(len(pair) != 2 or min(pair) < 0 for pair in found):
        wanted = f"{choices}a whole number of 0 or more, or {BORDERS[rank]}"
        flat = numbers(pairs)
        fix = f"write {(flat,)}" if (rank, len(flat)) == (1, 2) else ""
        fix = f"write {tuple((one, one) for one in flat)}" if flat and len(flat) == rank else fix
        raise UsageError("ARG-01", function=function, name=name, value=value, wanted=wanted, fix=fix)
    return tuple((before, after) for before, after in found)


def checked_padding(function: str, padding: Padding, rank: int) -> Around:
    """ "valid", "same", or the zeros before and after along each axis."""
    if isinstance(padding, str):
        return cast(Literal["valid", "same"], one_of(function, "padding", padding, ("valid", "same")))
    return border(function, "padding", padding, rank, '"valid", "same", ')


def check_layout(function: str, x: Spec, rank: int) -> None:
    """Raise ShapeError unless the input has the axes [n, *spatial, channels]."""
    if x.rank == rank + 2:
        return
    if x.rank == rank + 1:
        fix = "x[None] adds a batch axis, x[..., None] a channel axis"
    elif 3 <= x.rank <= 5:
        fix = f"layers for inputs of {x.rank} axes have a {x.rank - 2}D at the end of their names"
    else:
        fix = f"give {THINGS[rank]}, with a batch axis first and a channel axis last"
    raise ShapeError("WINDOW-01", function=function, x=x, layout=layout(rank), fix=fix)


def check_places(function: str, x: Spec, rank: int) -> None:
    """Raise ShapeError unless the input has the axes [n, *spatial, channels] and places along all of them."""
    check_layout(function, x, rank)
    check_something(function, x)


def spatial_axes(function: str, x: Spec) -> tuple[int, ...]:
    """The axes between the batch and the channels, however many. Raises ShapeError if there are none."""
    if x.rank < 3:
        fix = f"give {', '.join(THINGS.values())}: a batch axis first and a channel axis last"
        raise ShapeError("WINDOW-01", function=function, x=x, layout="[n, …, channels]", fix=fix)
    return tuple(range(1, x.rank - 1))


def check_something(function: str, x: Spec) -> None:
    """Raise ShapeError if there is nothing along a spatial axis."""
    for axis in spatial_axes(function, x):
        if not x.shape[axis]:
            name = AXES[x.rank - 2][axis - 1] if x.rank - 2 in AXES else f"axis {axis}"
            raise ShapeError("WINDOW-07", function=function, x=x, axis=name, fix="look at what comes before the layer")


@dataclass(frozen=True)
class Sweep:
    """How a layer's window moves: its size, stride, dilation and padding, an entry for each spatial axis."""

    function: str
    size: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: Around

    def axes(self, extents: Shape) -> Iterator[tuple[str, int, int, int, tuple[int, int]]]:
        """Along every axis: its name, extent, the window's reach d·(k − 1) + 1, its stride, and explicit padding."""
        rank = len(self.size)
        around = ((0, 0),) * rank if isinstance(self.padding, str) else self.padding
        reach = (d * (k - 1) + 1 for d, k in zip(self.dilation, self.size, strict=True))
        return zip(AXES[rank], extents, reach, self.stride, around, strict=True)

    def placed(self, extents: Shape) -> tuple[tuple[int, ...], Shape]:
        """Spatial extents of an input ↦ padding before it, and extents of the output.

        "same" makes ⌈extent / stride⌉; of the zeros it needs, the odd one goes after, as in TensorFlow and Keras.

        >>> Sweep("f", (3, 3), (1, 1), (1, 1), "valid").placed((28, 28))
        ((0, 0), (26, 26))
        >>> Sweep("f", (3, 3), (2, 2), (1, 1), "same").placed((7, 8))
        ((1, 0), (4, 4))
        """
        before: list[int] = []
        out: list[int] = []
        for name, extent, reach, stride, (low, high) in self.axes(extents):
            if self.padding == "same":
                count = -(-extent // stride)
                low = max((count - 1) * stride + reach - extent, 0) // 2
            else:
                count = (extent + low + high - reach) // stride + 1
            if count < 1:
                facts = {"function": self.function, "reach": reach, "axis": name, "extent": extent}
                raise ShapeError("WINDOW-02", **facts, fix='make it smaller, or padding="same"')
            before.append(low)
            out.append(count)
        return tuple(before), tuple(out)

    def smallest(self, extents: Shape) -> Shape:
        """Spatial extents of an output ↦ the smallest of an input that gives them; a stride of s leaves s to choose."""
        return tuple(
            (extent - 1) * stride + (1 if self.padding == "same" else reach - low - high)
            for _, extent, reach, stride, (low, high) in self.axes(extents)
        )

    def placed_back(self, extents: Shape, more: tuple[int, ...]) -> tuple[tuple[int, ...], Shape]:
        """Spatial extents of an output ↦ padding before the input it comes from, and extents of that input.

        The extents are the smallest and `more`; but "same" takes the largest, extent · stride.

        >>> Sweep("f", (3, 3), (2, 2), (1, 1), "valid").placed_back((4, 4), (0, 1))
        ((0, 0), (9, 10))
        >>> Sweep("f", (3, 3), (2, 2), (1, 1), "same").placed_back((4, 4), (0, 0))
        ((0, 0), (8, 8))
        """
        before: list[int] = []
        made: list[int] = []
        smallest = self.smallest(extents)
        for (name, extent, reach, stride, (low, _)), least, extra in zip(
            self.axes(extents), smallest, more, strict=True
        ):
            same = self.padding == "same"
            before.append(max(reach - stride, 0) // 2 if same else low)
            made.append(extent * stride if same else least + extra)
            if made[-1] < 1:
                facts = {"function": self.function, "axis": name, "extent": extent}
                raise ShapeError("WINDOW-03", **facts, fix="pad less: padding is taken off the output here")
        return tuple(before), tuple(made)

    def check_no_window_is_empty(self, extents: Shape, before: tuple[int, ...], out: Shape) -> None:
        """Raise ShapeError if a window sees nothing but padding: it has no mean and no largest number."""
        offsets = (d * np.arange(k) for d, k in zip(self.dilation, self.size, strict=True))
        for (name, extent, _, stride, _), low, count, offset in zip(
            self.axes(extents), before, out, offsets, strict=True
        ):
            places = (np.arange(count) * stride - low)[:, None] + offset
            sees = ((places >= 0) & (places < extent)).any(1)
            if not sees.all():
                facts = {"function": self.function, "number": int(np.argmin(sees)), "axis": name, "extent": extent}
                raise ShapeError("WINDOW-04", **facts, fix="pad less, or make the window larger")
