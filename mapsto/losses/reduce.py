"""From a value at every place of an example to one value per example."""

from __future__ import annotations

from mapsto.array.arithmetic import divide, maximum
from mapsto.array.array import Array
from mapsto.array.comparison import where
from mapsto.array.convert import cast
from mapsto.array.reduction import mean, sum


def over_example(values: Array, kept: Array | None = None) -> Array:
    """f32[n, …] ↦ f32[n]: the mean over each example, or over those of its places that are kept; 0 if none is.

    >>> from mapsto import xp
    >>> over_example(xp.asarray([[1.0, 3.0], [5.0, 7.0]]), xp.asarray([[True, False], [False, False]]))
    array([1., 0.], f32[2])
    """
    axes = tuple(range(1, values.ndim))
    if kept is None:
        return mean(values, axis=axes) if axes else values
    count = cast(sum(kept, axis=axes), values.dtype)
    return divide(sum(where(kept, values, 0.0), axis=axes), maximum(count, 1.0))
