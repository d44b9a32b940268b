"""Borders around arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import where
from mapsto.array.convert import cast, number, strong, whole
from mapsto.array.indexing import take
from mapsto.array.manipulate import full
from mapsto.array.trace import apply
from mapsto.core.check import one_of
from mapsto.core.errors import ShapeError, UsageError
from mapsto.core.spec import BOOL
from mapsto.prims import layout

Widths = int | tuple[int, int] | Sequence[tuple[int, int]]


def pad(x: ArrayLike, widths: Widths, /, *, mode: str = "constant", constant_values: ArrayLike = 0) -> Array:
    """A border around: (before, after) for every axis; one pair, or one number, for all.

    `mode` says what stands there: "constant" is `constant_values`, "edge" the outermost element, "reflect" the elements
    mirrored at it, which is not repeated, back and forth as often as it takes. Raises ShapeError for widths that do not
    fit, or an empty axis with nothing to repeat.

    >>> pad([1, 2, 3], (2, 1), mode="reflect"), pad([1, 2], 1, constant_values=9)
    (array([3, 2, 1, 2, 3, 2], i64[6]), array([9, 1, 2, 9], i64[4]))
    """
    x = strong(x)
    one_of("pad", "mode", mode, ("constant", "edge", "reflect"))
    pairs = pairs_of(widths, x.ndim)
    if mode == "constant":
        return bordered(x, pairs, constant_values)
    for axis, (before, after) in enumerate(pairs):
        extent = x.shape[axis]
        if (before, after) == (0, 0):
            continue
        if extent == 0:
            raise ShapeError("ARRAY-06", axis=axis, mode=mode, operands=(("x", x.spec, ""),), fix='use mode="constant"')
        places = np.arange(-before, extent + after)
        if mode == "reflect" and extent > 1:
            # Back and forth: a triangle wave of period 2·(extent - 1).
            places = extent - 1 - np.abs(places % (2 * (extent - 1)) - (extent - 1))
        x = take(x, np.clip(places, 0, extent - 1), axis=axis)
    return x


def pairs_of(widths: Any, rank: int) -> list[tuple[int, int]]:
    """One number, one pair, or a pair for every axis ↦ a pair for every axis."""
    listed = np.asarray(widths).tolist() if isinstance(widths, np.ndarray) else widths
    count = whole(listed)
    if count is not None:
        listed = (count, count)
    if not isinstance(listed, (tuple, list)):
        raise UsageError("ARG-01", function="pad", name="widths", value=widths, wanted="pairs (before, after)")
    items: Sequence[Any] = listed  # pyright: ignore[reportUnknownVariableType]
    if len(items) == 2 and all(whole(one) is not None for one in items):
        items = [tuple(items)] * rank
    if len(items) != rank:
        fix = "one pair (before, after) for every axis"
        raise ShapeError("ARRAY-05", function="pad", found=len(items), what="pairs", rank=rank, fix=fix)
    pairs: list[tuple[int, int]] = []
    for pair in items:
        found = [whole(one) for one in pair] if isinstance(pair, (tuple, list)) and len(pair) == 2 else [None]
        if any(one is None for one in found):
            raise UsageError("ARG-01", function="pad", name="widths", value=widths, wanted="pairs (before, after)")
        before, after = (one or 0 for one in found)
        if min(before, after) < 0:
            fix = "slice instead: x[1:-1]"
            raise ShapeError("ARRAY-17", function="pad", width=min(before, after), fix=fix)
        pairs.append((before, after))
    return pairs


def bordered(x: Array, pairs: Sequence[tuple[int, int]], value: ArrayLike) -> Array:
    """One number around an array."""
    before, after = (tuple(pair[side] for pair in pairs) for side in (0, 1))
    framed = layout.Pad(before, after, (0,) * x.ndim)
    zeros = apply(framed, x)
    if not isinstance(value, Array) and np.ndim(value) == 0 and value == 0:
        return zeros
    fill = cast(value, x.dtype) if isinstance(value, Array) else number(np.asarray(value).item(), x.dtype)
    inside = apply(framed, full(x.shape, True, dtype=BOOL))
    return where(inside, zeros, fill)
