"""What layers ask of their input, with an error that names the layer and the fix."""

from __future__ import annotations

from typing import Any

from mapsto.array.array import Array
from mapsto.array.convert import asarray, cast
from mapsto.core.errors import DTypeError, ShapeError
from mapsto.core.spec import is_float

# By the number of axes: the layout here, and the order that brings channels from the second place to the last.
CHANNELS_LAST = {
    3: ("sequences here are [n, length, channels]", (0, 2, 1)),
    4: ("images here are [n, height, width, channels]", (0, 2, 3, 1)),
    5: ("volumes here are [n, depth, height, width, channels]", (0, 2, 3, 4, 1)),
}


def float_input(x: Any, weight: Array) -> Array:
    """An input in the type of the weights: integers and narrower floats are cast, wider floats are refused."""
    array = asarray(x)
    if not is_float(array.dtype) or array.dtype.itemsize <= weight.dtype.itemsize:
        return cast(array, weight.dtype)
    rows = (("x", array.spec, ""), ("weight", weight.spec, ""))
    fix = f"net.cast(xp.{array.dtype.name}), or xp.astype(x, xp.{weight.dtype.name})"
    raise DTypeError("DTYPE-03", function="the layer", operands=rows, fix=fix)


def extent_is(x: Array, weight: Array, axis: int, weight_axis: int, name: str, groups: int = 1) -> None:
    """The input's axis and the weight's have one extent; with groups, the weight's is that of one group."""
    if not x.ndim:
        raise ShapeError("LAYER-01", axis=name, x=x.spec, fix="give a batch: [n, …]")
    found, wanted = x.shape[axis], weight.shape[weight_axis] * groups
    if found != wanted:
        rows = (("x", x.spec, f"{name} = {found}"), ("weight", weight.spec, f"{name} = {wanted}"))
        fix = f"give it {wanted} features, or init the net with such an example: its weights were made for {wanted}"
        if x.ndim in CHANNELS_LAST and x.shape[1] == wanted and (x.ndim == 4 or name == "channels"):
            layout, order = CHANNELS_LAST[x.ndim]
            fix = f"this looks like channels first; {layout}: xp.permute_dims(x, {order})"
        raise ShapeError("SHAPE-03", left="x", right="weight", axis=name, operands=rows, fix=fix)
