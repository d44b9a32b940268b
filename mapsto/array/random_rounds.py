"""What samplers share: parameters, checked and spread over a shape; uniform numbers; rejection in rounds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from mapsto.array.array import Array, ArrayLike, known
from mapsto.array.comparison import where
from mapsto.array.convert import asarray, cast, spread
from mapsto.array.manipulate import arange, as_shape, axis_of, full
from mapsto.array.random import bits, fold
from mapsto.array.random_portable import half_open
from mapsto.array.trace import apply
from mapsto.core.errors import DTypeError, ShapeError, UsageError
from mapsto.core.spec import FLOAT64, DType, Shape, dtype_of, is_float, is_integer
from mapsto.core.tree import is_number
from mapsto.prims.random import RandomBits

EAGER_ROUNDS = 2  # at a time, where it is seen whether all have accepted

Range = Callable[[Any], Any]
POSITIVE: tuple[str, Range] = ("above 0 and finite", lambda x: (x > 0) & (x < np.inf))
PROBABILITY: tuple[str, Range] = ("from 0 to 1", lambda x: (x >= 0) & (x <= 1))
NUMBER: tuple[str, Range] = ("a number", lambda x: ~np.isnan(x))
FINITE: tuple[str, Range] = ("finite", np.isfinite)


def float_type(function: str, dtype: Any) -> DType:
    """The element type of the result. Raises DTypeError unless it is a float."""
    found = dtype_of(dtype)
    if not is_float(found):
        raise DTypeError("DTYPE-04", function=function, wanted="a float type", found=found, fix="dtype=xp.float32")
    return found


def integer_type(function: str, dtype: Any) -> DType:
    """The same for integers."""
    found = dtype_of(dtype)
    if not is_integer(found):
        raise DTypeError("DTYPE-04", function=function, wanted="an integer type", found=found, fix="dtype=xp.int64")
    return found


def parameter(function: str, name: str, value: ArrayLike, allowed: tuple[str, Range]) -> Array:
    """A parameter in float64. Raises UsageError for numbers that are not allowed, as far as they are known."""
    array = Array(np.asarray(value, FLOAT64)) if is_number(value) else cast(asarray(value), FLOAT64)
    data = known(array)
    if data is not None:
        wanted, holds = allowed
        wrong = ~np.asarray(holds(data))
        if wrong.any():
            place = tuple(int(axis[0]) for axis in np.nonzero(np.atleast_1d(wrong)))
            found = f"{np.atleast_1d(data)[place]:g}"
            at = f" at {list(place)}" if array.ndim else ""
            rows = ((name, array.spec, f"{int(wrong.sum())} of {wrong.size} are not {wanted}"),) if array.ndim else ()
            fix = f"make {name} {wanted}"
            raise UsageError("RANDOM-01", function=function, name=name, value=found + at, wanted=wanted,
                             operands=rows, fix=fix)  # fmt: skip
    return array


def check_classes(function: str, name: str, x: Array, axis: int) -> None:
    """Raise ShapeError unless x has the axis of the classes, and something along it."""
    rows = ((name, x.spec, ""),)
    fix = "give one number for each class, in the last axis"
    if not x.ndim:
        raise ShapeError("ARRAY-02", function=function, x=x.spec, least=1, operands=rows, fix=fix)
    if not x.shape[axis_of(function, axis, x.ndim)]:
        raise ShapeError("SHAPE-06", function=function, what="class", operands=rows, fix=fix)


def drawn_shape(function: str, shape: Any, **parameters: Array) -> Shape:
    """The shape of what is drawn: as asked for, or that of the parameters together.

    Raises ShapeError unless every parameter broadcasts to it.
    """
    shapes = [array.shape for array in parameters.values()]
    wanted = None if shape is None else as_shape(shape)
    try:
        both = np.broadcast_shapes(*shapes, *([] if wanted is None else [wanted]))
    except ValueError:
        both = None
    if both is None or (wanted is not None and both != wanted):
        rows = tuple((name, array.spec, "") for name, array in parameters.items())
        rows += () if wanted is None else (("shape", wanted, "as asked for"),)
        fix = f"leave shape out, or let it end with their axes: shape=(n, …); {function} draws one number an element"
        raise ShapeError("SHAPE-02", function=function, operands=rows, fix=fix)
    return both


def spread_all(shape: Shape, *parameters: Array) -> list[Array]:
    return [spread(array, shape) for array in parameters]


def met(data: np.ndarray[Any, Any] | None, holds: Range) -> bool:
    """Whether a case occurs among a parameter's numbers; it may, where they are not known."""
    return data is None or bool(np.any(holds(data)))


def open_uniform(key: Array, shape: Shape) -> Array:
    """Uniform numbers between 0 and 1, both not, in float64: (k + ½)/2⁵²."""
    words = bits(key, (2, *shape))
    return half_open(words[0], words[1])


def uniforms(words: Array, count: int) -> list[Array]:
    """Words `u32[rounds, 2·count, …]` ↦ so many arrays of uniform numbers `f64[rounds, …]`."""
    return [half_open(words[:, 2 * n], words[:, 2 * n + 1]) for n in range(count)]


def first_accepted(
    propose: Callable[..., tuple[Array, Array]], key: Array, shape: Shape, count: int, rounds: int, *parameters: Array
) -> Array:
    """Of rounds of proposals, the first that each element accepts, f64[*shape]; NaN if it accepts none.

    `propose` maps `count` arrays of uniform numbers and the parameters to the proposals and whether they are accepted.
    Round r has the key `fold(key, r)`, so what a round proposes does not depend on how many there are. Where all is
    known, rounds are only made until each element has accepted one.
    """
    seen = all(known(array) is not None for array in (key, *parameters))
    chunk = EAGER_ROUNDS if seen else rounds
    result, done = full(shape, math.nan, dtype=FLOAT64), full(shape, False)
    for start in range(0, rounds, chunk):
        several = min(chunk, rounds - start)
        words = apply(RandomBits((2 * count, *shape), 1), fold(key, arange(start, start + several)))
        proposed, accepted = propose(*uniforms(words, count), *parameters)
        for n in range(several):
            result = where(accepted[n] & ~done, proposed[n], result)
            done = done | accepted[n]
        data = known(done) if seen else None
        if data is not None and data.all():
            break
    return result
