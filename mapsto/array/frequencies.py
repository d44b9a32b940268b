"""What there is of Fourier transforms without complex numbers: frequencies, and moving the first one to the middle."""

from __future__ import annotations

from typing import Any

from mapsto.array.arithmetic import divide
from mapsto.array.array import Array, ArrayLike
from mapsto.array.convert import on_processor, strong
from mapsto.array.manipulate import arange, axes_of, concat
from mapsto.array.reduction import Axis
from mapsto.array.repeats import roll
from mapsto.core.check import real_number, whole_number
from mapsto.core.errors import DTypeError, UsageError
from mapsto.core.spec import FLOAT32, dtype_of, is_float


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: str | None = None) -> Array:
    """The frequencies of n samples at the distance d, in cycles per unit: 0, 1, …, -2, -1 over n·d: `f32[n]`.

    Raises UsageError for n below 1 or d = 0, DTypeError for a dtype that is no float.

    >>> fftfreq(4, d=0.5)
    array([ 0. ,  0.5, -1. , -0.5], f32[4])
    """
    n, span, kind = sampling("fftfreq", n, d, dtype, device)
    first = (n + 1) // 2
    numbers = concat([arange(first, dtype=kind), arange(-(n // 2), 0, dtype=kind)])
    return divide(numbers, span)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: str | None = None) -> Array:
    """The same from 0 to the largest, as for real samples: 0, 1, …, n//2 over n·d: `f32[n//2 + 1]`.

    >>> rfftfreq(4, d=0.5)
    array([0. , 0.5, 1. ], f32[3])
    """
    n, span, kind = sampling("rfftfreq", n, d, dtype, device)
    return divide(arange(n // 2 + 1, dtype=kind), span)


def sampling(function: str, n: Any, d: Any, dtype: Any, device: Any) -> tuple[int, float, Any]:
    """Checked arguments ↦ the number of samples, n·d, and the element type."""
    on_processor(device)
    n, d = whole_number(function, "n", n), real_number(function, "d", d)
    if d == 0:
        raise UsageError("ARG-01", function=function, name="d", value=d, wanted="a number other than 0")
    kind = FLOAT32 if dtype is None else dtype_of(dtype)
    if not is_float(kind):
        raise DTypeError("DTYPE-04", function=function, wanted="floats", found=kind, fix="leave out dtype")
    return n, n * d, kind


def fftshift(x: ArrayLike, /, *, axes: Axis = None) -> Array:
    """The frequency 0 moved from the beginning to the middle of axes (all by default).

    >>> fftshift([0, 1, 2, -2, -1])
    array([-2, -1,  0,  1,  2], i64[5])
    """
    x = strong(x)
    places = axes_of("fftshift", axes, x.ndim)
    return roll(x, [x.shape[one] // 2 for one in places], axis=places)


def ifftshift(x: ArrayLike, /, *, axes: Axis = None) -> Array:
    """The inverse of `fftshift`: from the middle back to the beginning.

    >>> ifftshift([-2, -1, 0, 1, 2])
    array([ 0,  1,  2, -2, -1], i64[5])
    """
    x = strong(x)
    places = axes_of("ifftshift", axes, x.ndim)
    return roll(x, [-(x.shape[one] // 2) for one in places], axis=places)
