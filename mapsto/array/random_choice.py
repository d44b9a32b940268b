"""Choosing: whole numbers within bounds, classes by their logits, elements of an array."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mapsto.array.arithmetic import negative
from mapsto.array.array import Array, ArrayLike, known
from mapsto.array.bits import bitwise_right_shift
from mapsto.array.comparison import isnan, where
from mapsto.array.convert import asarray, cast, integer, number, spread, whole
from mapsto.array.cumulative import cumulative_sum
from mapsto.array.indexing import take
from mapsto.array.manipulate import arange, as_shape, moveaxis, reshape
from mapsto.array.random import bits, checked, permutation
from mapsto.array.random_portable import log, log_of_all
from mapsto.array.random_rounds import check_classes, drawn_shape, integer_type, open_uniform, parameter
from mapsto.array.reduction import any, argmax, max
from mapsto.array.searching import searchsorted
from mapsto.array.sorting import argsort
from mapsto.core.errors import DTypeError, ShapeError, UsageError
from mapsto.core.spec import INT64, SHORT_NAMES, DType, Shape, dtype_of, is_integer

UINT64 = dtype_of("u64")
LOW_WORD = 2**32 - 1
STEPS = 2.0**40  # of a weight, beside the largest
LOGITS = ("below infinity, and no NaN", lambda x: x < np.inf)
WEIGHTS = ("0 or more, and finite", lambda x: (x >= 0) & (x < np.inf))


def below(key: Array, limit: Array, shape: Shape) -> Array:
    """Whole numbers from 0 to below a limit, u64[*shape]: ⌊w·limit / 2¹²⁸⌋ of a random w of 128 bits.

    Every number has a chance of 1/limit up to 2⁻¹²⁸, so all together are off by less than 2⁻⁶⁴; and nothing is ever
    rejected (after Lemire, "Fast random integer generation in an interval", 2019). A limit of 0 stands for 2⁶⁴.
    """
    words = cast(bits(key, (4, *shape)), UINT64)
    low, high = limit & LOW_WORD, bitwise_right_shift(limit, 32)
    rest = carried = cast(words[0] * 0, UINT64)
    for n in range(4):  # (w·limit + what the words below left) / 2³², in two halves, neither of which overflows
        first = words[n] * low + rest
        total = words[n] * high + carried + bitwise_right_shift(first, 32)
        rest, carried = total & LOW_WORD, bitwise_right_shift(total, 32)
    return where(spread(limit, shape) == 0, words[3] * 2**32 + words[2], carried * 2**32 + rest)


def randint(key: Array, low: ArrayLike, high: ArrayLike, shape: Any = None, *, dtype: Any = INT64) -> Array:
    """Whole numbers from `low` (included) to `high` (not), each as likely as the next; i64 unless told.

    Of every range that the type holds, up to 2⁶⁴ numbers: `randint(key, 0, 2**64, dtype=xp.uint64)`. The chances are
    equal to 2⁻⁶⁴. The result has the bounds' common shape unless `shape` is given.

    Raises UsageError unless low < high and the type holds all between, DTypeError for bounds that are no integers.

    >>> import mapsto as mt
    >>> randint(mt.key(0), 1, 7, (5,))
    array([3, 2, 4, 3, 6], i64[5])
    """
    found = integer_type("randint", dtype)
    least, most = bound("low", low, found, 0), bound("high", high, found, 1)
    low_known, high_known = known(least), known(most)
    if low_known is not None and high_known is not None:
        # As 2⁶⁴ wraps to 0, the numbers are compared by what they are above the type's smallest. Arrays wrap silently.
        bottom = np.asarray([int(np.iinfo(found).min) % 2**64], np.uint64)
        if not (low_known - bottom <= high_known - (bottom + np.uint64(1))).all():
            rows = (("low", low, ""), ("high", high, ""))
            raise UsageError("RANDOM-02", function="randint", operands=rows, fix="give the lower end first")
    extents = drawn_shape("randint", shape, low=least, high=most)
    return cast(below(checked(key), most - least, extents) + least, found)


def bound(name: str, value: ArrayLike, dtype: DType, beyond: int) -> Array:
    """A bound modulo 2⁶⁴, u64. Raises for what the type does not hold; the upper one may be 1 `beyond` it."""
    info = np.iinfo(dtype)
    plain = whole(value)
    if plain is None and not is_integer(asarray(value).dtype):
        raise DTypeError("DTYPE-04", function="randint", wanted="integer bounds", found=asarray(value).spec,
                         fix="cast them first: xp.astype(x, xp.int64)")  # fmt: skip
    if plain is not None:
        ends = (plain, plain)
        array = number(plain % 2**64, UINT64)
    else:
        data = known(asarray(value))
        ends = None if data is None or not data.size else (int(data.min()), int(data.max()))
        array = cast(cast(asarray(value), UINT64 if asarray(value).dtype == UINT64 else INT64), UINT64)
    least, most = int(info.min) + beyond, int(info.max) + beyond
    if ends is not None and not least <= ends[0] <= ends[1] <= most:
        wrong = ends[0] if ends[0] < least else ends[1]
        wanted = f"from {least} to {most} for {SHORT_NAMES[dtype]}"
        raise UsageError("RANDOM-01", function="randint", name=name, value=wrong, wanted=wanted,
                         fix="take a larger type: dtype=xp.int64, or xp.uint64 without a sign")  # fmt: skip
    return array


def gumbel_noise(key: Array, shape: Shape) -> Array:
    return negative(log(negative(log(open_uniform(key, shape)))))


def categorical(key: Array, logits: ArrayLike, shape: Any = None, *, axis: int = -1) -> Array:
    """Logits, [..., k] ↦ classes from 0 to k - 1, i64[...], with chances softmax(logits): argmax(logits + gumbel).

    `shape` is that of the result, which ends with the logits' other axes: (n, *others) for n draws of each. A logit of
    -∞ is never chosen. Raises UsageError for NaN, ∞, and where all are -∞; -1 for a NaN that is traced.

    >>> import mapsto as mt
    >>> categorical(mt.key(0), [0.0, 1.0, 2.0], (6,))
    array([2, 2, 2, 1, 1, 2], i64[6])
    """
    scores = parameter("categorical", "logits", logits, LOGITS)
    check_classes("categorical", "logits", scores, axis)
    scores = moveaxis(scores, axis, -1)
    data = known(scores)
    if data is not None and (data.max(-1) == -np.inf).any():
        raise UsageError("RANDOM-01", function="categorical", name="logits", value="-inf for every class",
                         wanted="finite for one", fix="leave one class that can be chosen")  # fmt: skip
    count = scores.shape[-1]
    wanted = None if shape is None else (*as_shape(shape), count)
    extents = drawn_shape("categorical", wanted, logits=scores)
    chosen = argmax(spread(scores, extents) + gumbel_noise(checked(key), extents), axis=-1)
    return where(spread(any(isnan(scores), axis=-1), extents[:-1]), -1, chosen)


def choice(
    key: Array, x: int | ArrayLike, shape: Any = (), p: ArrayLike | None = None, *, replace: bool = True
) -> Array:
    """Elements of an array (its rows), or of 0 … x - 1, drawn at random: `[n, …] ↦ [*shape, …]`.

    `p`, [n], are weights, which need not have the sum 1; all alike without it. With `replace=False` no element comes
    twice: those with the largest log p + gumbel, which is one after another by the weights of what is left (Efraimidis
    and Spirakis 2006). With replacement weights are taken in 2⁻⁴⁰ of the largest, and summed as integers.

    Raises UsageError for weights below 0, NaN, ∞ or all 0, and if fewer elements are left than drawn; ShapeError unless
    there is one weight for each.

    >>> import mapsto as mt
    >>> choice(mt.key(0), 10, (3,), replace=False)
    array([9, 1, 5], i64[3])
    """
    rows = asarray(x)
    count = rows.shape[0] if rows.ndim else integer("choice", x)
    extents = as_shape(shape)
    draws = math.prod(extents)
    weights = None if p is None else checked_weights(p, count)
    left = count
    if weights is not None and (data := known(weights)) is not None:
        left = int(np.count_nonzero(data))
    if (draws and not left) or (not replace and draws > left):
        fix = "draw fewer, or with replace=True" if left else "give it something to choose from"
        raise UsageError("RANDOM-03", draws=draws, left=left, operands=(("x", rows.spec if rows.ndim else count, ""),
                         ("p", "none" if weights is None else weights.spec, "")), fix=fix)  # fmt: skip
    if not draws:
        place = arange(0)
    elif not replace:
        place = without_replacement(checked(key), weights, count)[:draws]
    elif weights is None:
        place = randint(key, 0, count, (draws,))
    else:
        place = with_weights(checked(key), weights, draws)
    place = reshape(place, extents)
    return take(rows, place, axis=0) if rows.ndim else place


def checked_weights(p: ArrayLike, count: int) -> Array:
    weights = parameter("choice", "p", p, WEIGHTS)
    if weights.shape != (count,):
        rows = (("x", f"{count} elements", ""), ("p", weights.spec, ""))
        raise ShapeError("RANDOM-04", count=count, operands=rows, fix="give one weight for each element of x")
    return weights


def without_replacement(key: Array, weights: Array | None, count: int) -> Array:
    if weights is None:
        return permutation(key, count)
    return argsort(log_of_all(weights) + gumbel_noise(key, (count,)), descending=True)


def with_weights(key: Array, weights: Array, draws: int) -> Array:
    """Places by weights: a random number below the sum of all, sought among the running sums. All in integers."""
    steps = cast(weights / max(weights) * STEPS, INT64)  # at most 2⁴⁰, so 2²³ of them do not overflow
    running = cumulative_sum(steps)
    point = cast(below(key, cast(running[-1], UINT64), (draws,)), INT64)
    return searchsorted(running, point, side="right")
