"""Which layer of a net mixes the examples of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.compose.frame import CallFrame, calling
from mapsto.compose.mapping import Mapping
from mapsto.core.spec import float_info, is_float
from mapsto.core.where import current_path

Numbers = np.ndarray[Any, Any]


class Recording(CallFrame):
    """Calls through another frame, and keeps the path and output of every mapping, innermost first."""

    def __init__(self, frame: CallFrame) -> None:
        self.frame = frame
        self.outputs: list[tuple[str, Any]] = []

    def call(self, mapping: Any, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = self.frame.call(mapping, function, args, kwargs)
        self.outputs.append((current_path(), result))
        return result


def mixing_layer(mapping: Mapping, frame: CallFrame, x: Array) -> str:
    """The path of the first mapping that makes something else of an example among others than among copies of it.

    Same counts are the same steps, so there every bit is told. If nothing shows so: of the first whose output for the
    batch is of another shape, or of another size by more than rounding, than that for each alone. Empty if none is.
    """

    def outputs(x: Array) -> list[tuple[str, Any]]:
        recording = Recording(frame)
        with calling(recording):
            mapping(x)
        return recording.outputs

    count = x.shape[0]
    batch = outputs(x)
    copies = [outputs(x[np.full(count, i)]) for i in range(count)]
    ones = [outputs(x[i : i + 1]) for i in range(count)]
    for (path, whole), *others in zip(batch, *copies, strict=False):
        if any(not same_row(i, count, whole, y) for i, (_, y) in enumerate(others)):
            return path
    for (path, whole), *others in zip(batch, *ones, strict=False):
        if not is_joined(whole, [y for _, y in others]):
            return path
    return ""


def same_row(number: int, count: int, one: Any, other: Any) -> bool:
    """Whether two outputs for so many examples have the same bits for one of them; True for what has no examples."""
    if not (isinstance(one, Array) and isinstance(other, Array) and one.ndim and one.shape[0] % count == 0):
        return True
    if one.spec != other.spec:
        return False
    first, second = (np.asarray(y).reshape(count, -1)[number] for y in (one, other))
    return first.tobytes() == second.tobytes()


def is_joined(whole: Any, parts: list[Any]) -> bool:
    """Whether the output for a batch is that for each example, joined; True for what has no batch axis."""
    if not all(isinstance(y, Array) and y.ndim for y in (whole, *parts)):
        return True
    found, *apart = map(np.asarray, (whole, *parts))
    fits = all(part.shape[1:] == found.shape[1:] for part in apart) and sum(map(len, apart)) == len(found)
    return fits and close(found, np.concatenate(apart))


def close(found: Numbers, wanted: Numbers) -> bool:
    """Equal up to rounding, measured by the largest finite number; infinities and NaN at the same places."""
    if not is_float(wanted.dtype):
        return bool((found == wanted).all())
    # Only a layer is named by it, so it may be narrow: 1,000 units of rounding are 1.2e-4 of the largest for float32.
    part = min(1000 * float(float_info(wanted.dtype).eps), 0.05)
    found, wanted = found.astype(np.float64), wanted.astype(np.float64)
    finite = np.isfinite(wanted)
    tolerance = float(part * np.abs(wanted[finite]).max(initial=0.0))
    return bool(np.allclose(found, wanted, rtol=0.0, atol=tolerance, equal_nan=True))
