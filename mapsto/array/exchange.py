"""Arrays between libraries and devices. There is one device, "cpu": the processor and its memory."""

from __future__ import annotations

from typing import Any

from mapsto.array.array import FUNCTIONS, Array
from mapsto.array.convert import asarray, on_processor
from mapsto.core.errors import UsageError


def from_dlpack(x: Any, /, *, device: str | None = None, copy: bool | None = None) -> Array:
    """Another library's array on the processor ↦ an array, copied; one of our own is returned as it is.

    What another library holds could still be written to, so `copy=False` raises DataError for it.

    >>> import numpy as np
    >>> from_dlpack(np.array([1.0, 2.0]))
    array([1., 2.], f64[2])
    """
    return asarray(x, device=device, copy=copy)


def to_device(x: Array, device: str, /, *, stream: None = None) -> Array:
    """The array in the memory of a device, `x.to_device("cpu")`: x itself, since there is no other.

    Raises UsageError for another device, and for a stream: work on the processor is not queued.
    """
    on_processor(device)
    if stream is not None:
        fix = "leave it out: what is computed here is there when the call returns"
        raise UsageError("ARG-01", function="to_device", name="stream", value=stream, wanted="None", fix=fix)
    return x


FUNCTIONS["to_device"] = to_device
