"""Mapping over an axis: `vmap(f)` applies f to every element along an axis at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.convert import strong
from mapsto.array.manipulate import axis_of, moveaxis
from mapsto.array.trace import evaluate_on, tracing
from mapsto.core.errors import ShapeError, UsageError
from mapsto.core.spec import INT64, Spec
from mapsto.core.tree import flatten, rebuild
from mapsto.transform.batch import batch_graph
from mapsto.transform.call import Function, as_array, check_function, guarded, result_leaves

Axes = int | None | Sequence[int | None]


def vmap(function: Function, in_axes: Axes = 0, out_axes: int = 0) -> Callable[..., Any]:
    """f ↦ f over an axis: `vmap(f)(xs)[i] = f(xs[i])`.

    `in_axes` names the axis of every array in each argument (None: the argument is the same for all), for all
    arguments or one by one; `out_axes` is where the axis stands in the results. Arguments given by name are the same
    for all and passed on as they are. Traced without values: an `if` on a number inside is a TraceError.

    >>> from mapsto import xp
    >>> vmap(lambda row: row / xp.sum(row))(xp.asarray([[1.0, 1.0], [1.0, 3.0]]))
    array([[0.5 , 0.5 ],
           [0.25, 0.75]], f32[2,2])

    Raises ShapeError if the extents along the axis differ or an axis does not exist.
    """
    check_function("vmap", function)

    @wraps(function)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        axes = (in_axes,) * len(args) if isinstance(in_axes, int) or in_axes is None else tuple(in_axes)
        if len(axes) != len(args):
            raise UsageError(
                "VMAP-01", axes=len(axes), arguments=len(args), fix="give in_axes one entry for each argument"
            )
        rows: list[Array] = []
        forms: list[Any] = []
        for arg, axis in zip(args, axes, strict=True):
            leaves, structure = flatten(arg)
            forms.append((structure, len(leaves), axis, arg))
            if axis is not None:
                rows += [moveaxis(x, axis_of("vmap", axis, x.ndim), 0) for x in map(as_array, leaves)]
        extent = common_extent(rows)
        with tracing(keeps_values=False) as frame:
            inputs = [frame.input(Spec(x.dtype, x.shape[1:]), None) for x in rows]
            frame.lane = frame.input(Spec(INT64, ()), None)
            remaining = iter(inputs)
            opened = [
                arg if axis is None else rebuild(structure, [next(remaining) for _ in range(count)])
                for structure, count, axis, arg in forms
            ]
            arrays, structure = result_leaves(function(*opened, **kwargs))
            outputs = [frame.var_of(strong(array)) for array in arrays]
        rows.append(Array(np.arange(extent)))
        graph = frame.graph([x.variable for x in (*inputs, frame.lane)], outputs)
        batched = batch_graph(graph, [True] * len(rows) + [False] * len(frame.captured), extent)
        made = evaluate_on(batched, [*rows, *frame.captured])
        made = guarded(batched, made)
        return rebuild(structure, [moveaxis(y, 0, axis_of("vmap", out_axes, y.ndim)) if out_axes else y for y in made])

    return mapped


def common_extent(rows: Sequence[Array]) -> int:
    extents = {x.shape[0] for x in rows}
    if not rows:
        raise ShapeError("VMAP-02", fix="give it an array with an axis to map over, and in_axes that names it")
    if len(extents) != 1:
        raise ShapeError("VMAP-03", extents=sorted(extents), fix="give in_axes=None to what is the same for all")
    return extents.pop()
