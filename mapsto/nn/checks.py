"""What layers ask of their input, with an error that names the layer and the fix."""

from __future__ import annotations

from typing import Any

from mapsto.array.array import Array
from mapsto.array.convert import asarray, cast
from mapsto.core.errors import DTypeError, ShapeError
from mapsto.core.spec import is_float


def float_input(x: Any, weight: Array) -> Array:
    """An input in the type of the weights: integers and narrower floats are cast, wider floats are refused."""
    array = asarray(x)
    if not is_float(array.dtype) or array.dtype.itemsize <= weight.dtype.itemsize:
        return cast(array, weight.dtype)
    rows = (("x", array.spec, ""), ("weight", weight.spec, ""))
    fix = f"net.cast(xp.{array.dtype.name}), or xp.astype(x, xp.{weight.dtype.name})"
    raise DTypeError("DTYPE-03", function="the layer", operands=rows, fix=fix)


def rank_is(x: Array, rank: int, layout: str) -> None:
    """The input has the axes of `layout`."""
    if x.ndim != rank:
        fix = f"give it {layout}" + (", x[None] adds a batch axis" if x.ndim == rank - 1 else "")
        problem = f"the input has {x.ndim} axes, not {rank}"
        raise ShapeError("SHAPE-07", function="the layer", problem=problem, operands=(("x", x.spec, ""),), fix=fix)


def extent_is(x: Array, weight: Array, axis: int, weight_axis: int, name: str) -> None:
    """The input's axis and the weight's have one extent."""
    if not x.ndim:
        problem = f"a single number has no axis {name!r}"
        raise ShapeError("SHAPE-07", function="the layer", problem=problem, fix="give a batch: [n, …]")
    found, wanted = x.shape[axis], weight.shape[weight_axis]
    if found != wanted:
        rows = (("x", x.spec, f"{name} = {found}"), ("weight", weight.spec, f"{name} = {wanted}"))
        fix = f"give it {wanted} features, or init the net with such an example: its weights were made for {wanted}"
        if x.ndim == 4 and x.shape[1] == wanted:
            fix = "this looks like channels first; images here are [n, height, width, channels]: "
            fix += "xp.permute_dims(x, (0, 2, 3, 1))"
        raise ShapeError("SHAPE-03", left="x", right="weight", axis=name, operands=rows, fix=fix)
