"""Where a sliding window stands: sizes, strides and padding of two axes."""

from __future__ import annotations

from operator import index
from typing import Literal

import numpy as np

from mapsto.core.errors import ShapeError, UsageError

Pair = int | tuple[int, int]
Padding = Literal["valid", "same"] | tuple[tuple[int, int], tuple[int, int]]


def pair(name: str, value: Pair) -> tuple[int, int]:
    """One number for both axes, or one for each; 1 or more."""
    try:
        both = (index(value), index(value)) if np.ndim(value) == 0 else tuple(map(index, value))  # type: ignore[arg-type]
    except TypeError:
        both = ()
    if len(both) != 2 or min(both) < 1:
        raise UsageError("USE-01", problem=f"{name}={value}", fix="give one number of 1 or more, or a pair of them")
    return both


def checked_padding(padding: Padding) -> Padding:
    """ "valid", "same", or two pairs of numbers of 0 or more."""
    if padding in ("valid", "same"):
        return padding
    if np.shape(padding) == (2, 2) and np.asarray(padding).dtype.kind in "iu" and np.min(padding) >= 0:  # type: ignore[arg-type]
        (top, bottom), (left, right) = np.asarray(padding).tolist()
        return (top, bottom), (left, right)
    fix = 'use "valid", "same" or ((top, bottom), (left, right))'
    raise UsageError("USE-01", problem=f"padding={padding!r}", fix=fix)


def placed(
    function: str,
    extents: tuple[int, ...],
    size: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    padding: Padding,
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Padding before, and output extents, of a window on an image. "same" puts the odd zero after, as Keras does.

    >>> placed("f", (28, 28), (3, 3), (1, 1), (1, 1), "valid"), placed("f", (7, 8), (3, 3), (2, 2), (1, 1), "same")
    (((0, 0), (26, 26)), ((1, 0), (4, 4)))
    """
    before: list[int] = []
    out: list[int] = []
    for axis, (extent, k, s, d) in enumerate(zip(extents, size, stride, dilation, strict=True)):
        reach = d * (k - 1) + 1
        if padding == "same":
            count = -(-extent // s)
            low, high = divmod(max((count - 1) * s + reach - extent, 0), 2)[0], 0
        elif padding == "valid":
            low, high, count = 0, 0, (extent - reach) // s + 1
        else:
            low, high = padding[axis]
            count = (extent + low + high - reach) // s + 1
        if count < 1:
            problem = f"a window of {reach} does not fit an image of {extent}"
            raise ShapeError("SHAPE-07", function=function, problem=problem, fix='make it smaller, or padding="same"')
        before.append(low)
        out.append(count)
    return (before[0], before[1]), (out[0], out[1])
