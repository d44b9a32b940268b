"""The numbers that an optimizer is set by: checked, traced, and brought to the type of what they meet."""

from __future__ import annotations

from typing import Any

import numpy as np

from mapsto.array.array import Array, known
from mapsto.array.convert import cast
from mapsto.core.check import real_number
from mapsto.core.errors import UsageError
from mapsto.core.spec import FLOAT64, is_float, is_integer
from mapsto.core.tree import flatten

Arrays = dict[str, Array]
Bounds = dict[str, float]  # of a number, as `real_number` takes them

ABOVE: Bounds = {"above": 0}
LEAST: Bounds = {"least": 0}
UNIT: Bounds = {"least": 0, "below": 1}  # of a running mean's weight


def setting(function: str, name: str, value: Any, bounds: Bounds) -> Array:
    """A number within bounds ↦ f64[]: a leaf, so that another number is not another program.

    In 64 bits 0.001 stays what the user wrote; `fit` brings it to the type of what it meets. Raises UsageError.
    """
    data = known(value) if isinstance(value, Array) else value
    if isinstance(value, Array) and value.shape == () and (is_float(value.dtype) or is_integer(value.dtype)):
        if data is not None:
            real_number(function, name, float(data), **bounds)
        return cast(value, FLOAT64)
    return Array(np.array(real_number(function, name, value, **bounds), FLOAT64))


def fit(number: Array, x: Array) -> Array:
    """A setting in the type of an array, which thereby keeps it."""
    return cast(number, x.dtype)


def own_copy(array: Any) -> Any:
    """An array in memory of its own: giving it away takes nothing from anyone else."""
    return Array(array.data.copy()) if type(array) is Array else array


def running(before: Arrays, now: Arrays, weight: Array) -> Arrays:
    """Running means: weight·before + (1 − weight)·now, by path."""
    rest = 1.0 - weight
    return {path: before[path] * fit(weight, x) + x * fit(rest, x) for path, x in now.items()}


def is_net(value: Any) -> bool:
    """Whether something is a net, or parameters in a list, a dict or a generator, rather than a rate."""
    if isinstance(value, (dict, list, tuple)) or hasattr(value, "__next__"):
        return True
    return any(leaf.kind in ("param", "frozen", "state") for leaf in flatten(value)[0])


def refuse_net(function: str, value: Any, fix: str) -> None:
    """Refuse what PyTorch's optimizers take first."""
    if is_net(value):
        raise UsageError("OPT-08", function=function, found=f"a {type(value).__name__}", fix=fix)
