"""Mapping over an axis: `vmap(f)` applies f to every element along an axis at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.convert import strong, whole
from mapsto.array.manipulate import moveaxis
from mapsto.array.trace import evaluate_on, tracing
from mapsto.core.errors import ShapeError, UsageError
from mapsto.core.spec import INT64, Spec
from mapsto.core.tree import flatten, rebuild
from mapsto.transform.batch import batch_graph
from mapsto.transform.call import Function, as_array, check_function, guarded, result_leaves

SHARED = "; give in_axes=None to what is the same for all"
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

    A gradient for each example is `vmap(grad(loss), in_axes=(None, 0, 0))(net, x, y)`, where loss takes one example; it
    gives a net the batch `x[None]`, and in training mode a key of its own, one of `split(key, n)` as one more argument.

    Raises ShapeError if the extents along the axis differ or an axis does not exist, UsageError for what is no axis.
    """
    check_function("vmap", function)
    several = isinstance(in_axes, (tuple, list))
    named = [axis if axis is None else axis_named("in_axes", axis) for axis in (in_axes if several else (in_axes,))]
    place = axis_named("out_axes", out_axes)

    @wraps(function)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        axes = named if several else named * len(args)
        if len(axes) != len(args):
            raise UsageError(
                "VMAP-01", axes=len(axes), arguments=len(args), fix="give in_axes one entry for each argument"
            )
        rows: list[Array] = []
        forms: list[Any] = []
        for number, (arg, axis) in enumerate(zip(args, axes, strict=True)):
            leaves, structure = flatten(arg)
            forms.append((structure, len(leaves), axis, arg))
            if axis is not None:
                rows += [moveaxis(x, axis_in(f"argument {number}", axis, x, SHARED), 0) for x in map(as_array, leaves)]
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
        return rebuild(structure, [moveaxis(y, 0, axis_in("the result", place, y, "")) for y in made])

    return mapped


def axis_named(name: str, axis: Any) -> int:
    """An axis as a Python integer. Raises UsageError (VMAP-04) for what is none."""
    found = None if isinstance(axis, bool) else whole(axis)
    if found is None:
        fix = "an axis is an integer, one for a whole argument; in_axes also takes None, or a tuple with one for each"
        raise UsageError("VMAP-04", name=name, value=repr(axis), fix=fix)
    return found


def axis_in(what: str, axis: int, x: Array, else_: str) -> int:
    """An axis counted from either end ↦ counted from the first. Raises ShapeError (VMAP-05) if there is none."""
    if not -x.ndim <= axis < x.ndim:
        fix = (f"axes run {-x.ndim} … {x.ndim - 1}" if x.ndim else "a number has no axes") + else_
        raise ShapeError("VMAP-05", what=f"{what}, {x.spec},", axis=axis, fix=fix)
    return axis % x.ndim


def common_extent(rows: Sequence[Array]) -> int:
    extents = {x.shape[0] for x in rows}
    if not rows:
        raise ShapeError("VMAP-02", fix="give it an array with an axis to map over, and in_axes that names it")
    if len(extents) != 1:
        raise ShapeError("VMAP-03", extents=sorted(extents), fix="give in_axes=None to what is the same for all")
    return extents.pop()
