"""What several losses let a user choose, checked when the loss is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.convert import asarray
from mapsto.core.check import real_number
from mapsto.core.errors import ShapeError, UsageError


def weights_of(loss: str, name: str, values: Any) -> tuple[float, ...] | None:
    """A weight of 0 or more for each class as a tuple, or None. Raises UsageError for everything else.

    >>> weights_of("CrossEntropy", "weights", [1, 2.5])
    (1.0, 2.5)
    """
    if values is None:
        return None
    if not isinstance(values, (Sequence, np.ndarray, Array)) or isinstance(values, str) or not np.ndim(values):
        wanted = "one number for each class, such as (1.0, 2.5)"
        raise UsageError("ARG-01", function=loss, name=name, value=values, wanted=wanted)
    listed = values if isinstance(values, Sequence) else np.asarray(values).tolist()
    return tuple(real_number(loss, f"{name}[{place}]", one, least=0) for place, one in enumerate(listed))


def weights_for(loss: str, weights: tuple[float, ...], scores: Array) -> Array:
    """The weights as an array in the type of the scores [n, …, k]. Raises ShapeError unless there are k."""
    if len(weights) != scores.shape[-1]:
        rows = (("prediction", scores.spec, ""), ("weights", weights, ""))
        facts = {"function": loss, "count": len(weights), "outputs": scores.shape[-1]}
        raise ShapeError("LOSS-03", **facts, operands=rows, fix="give one weight for each output of the net")
    return asarray(np.asarray(weights, scores.dtype))
