"""Arrays as users have them: every type, shape, special value and memory layout, drawn by hypothesis.

Shapes, types and layouts are drawn and shrink; the numbers come from a drawn seed, mixed with special values, so that
an example costs microseconds. `MAPSTO_EXAMPLES` is how many are tried of each function: 200 unless it says otherwise,
2,000 in a full run.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

Numbers = np.ndarray[Any, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
FLOATS = tuple(map(np.dtype, ("f2", "f4", "f8"))) + (BFLOAT16,)
SIGNED = tuple(map(np.dtype, ("i1", "i2", "i4", "i8")))
UNSIGNED = tuple(map(np.dtype, ("u1", "u2", "u4", "u8")))
INTEGERS = SIGNED + UNSIGNED
NUMBERS = FLOATS + INTEGERS
BOOL = np.dtype(bool)
EVERY = (BOOL, *NUMBERS)

EXAMPLES = int(os.environ.get("MAPSTO_EXAMPLES", "200"))
many = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,  # the same examples in every run, so that a failure is one for everybody
    database=None,
    suppress_health_check=list(HealthCheck),
)


def is_float(dtype: np.dtype[Any]) -> bool:
    return dtype in FLOATS


def specials(dtype: np.dtype[Any]) -> list[Any]:
    """The numbers of a type at which functions go wrong."""
    if dtype == BOOL:
        return [True, False]
    if is_float(dtype):
        info = ml_dtypes.finfo(dtype) if dtype == BFLOAT16 else np.finfo(dtype)
        return [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, np.inf, -np.inf, np.nan, info.smallest_subnormal, info.max, info.tiny]
    limits = np.iinfo(dtype)
    return [0, 1, 2, limits.max, limits.min, limits.max - 1, limits.min + 1]


def filled(dtype: np.dtype[Any], shape: tuple[int, ...], seed: int, special: bool) -> Numbers:
    """Seeded numbers; with `special`, about a third of them special ones."""
    rng = np.random.default_rng(seed)
    if dtype == BOOL:
        return np.asarray(rng.integers(0, 2, shape).astype(bool))
    if is_float(dtype):
        made = (rng.standard_normal(shape) * 10.0 ** rng.integers(-2, 2)).astype(dtype)
        if seed % 3 == 0:
            made = np.round(made.astype(float)).astype(dtype)  # ties
    else:
        low = 0 if dtype.kind == "u" else -9
        made = rng.integers(low, 9, shape).astype(dtype)
    if special:
        chosen = rng.random(shape) < 0.3
        made = np.where(chosen, rng.choice(np.array(specials(dtype), dtype), shape), made).astype(dtype)
    return np.asarray(made)


LAYOUTS = ("plain", "fortran", "reversed", "strided", "read-only", "big-endian", "unaligned", "repeated")


def laid_out(array: Numbers, layout: str) -> Numbers:
    """The same numbers in another arrangement of memory."""
    if layout == "fortran" and array.ndim:
        return np.asfortranarray(array)
    if layout == "reversed" and array.ndim:
        return np.ascontiguousarray(array[::-1])[::-1]
    if layout == "strided" and array.ndim:
        wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1] + 1), array.dtype)
        wide[..., 1::2] = array
        return wide[..., 1::2]
    if layout == "read-only":
        array = array.copy()
        array.flags.writeable = False
        return array
    if layout == "big-endian" and array.dtype != BFLOAT16:
        return array.astype(array.dtype.newbyteorder(">"))
    if layout == "unaligned":
        memory = np.zeros(array.nbytes + 1, np.uint8)[1:]
        memory[:] = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
        return memory.view(array.dtype).reshape(array.shape)
    if layout == "repeated" and array.ndim and array.shape[0]:
        return np.broadcast_to(array[:1], array.shape)
    return array


layouts = st.sampled_from(LAYOUTS)
seeds = st.integers(0, 2**32 - 1)


def shapes(least: int = 0, most: int = 4, side: int = 4, empty: bool = True) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.integers(0 if empty else 1, side), min_size=least, max_size=most).map(tuple)


def array_of(draw: Draw, dtype: np.dtype[Any], shape: tuple[int, ...], special: bool = True) -> tuple[Numbers, Numbers]:
    """(the array in some layout, the same numbers as NumPy likes them best)."""
    made = laid_out(filled(dtype, shape, draw(seeds), special), draw(layouts))
    return made, np.ascontiguousarray(made).astype(dtype).reshape(shape)


def broadcastable(draw: Draw, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts to a given one: some leading axes missing, some extents 1."""
    kept = shape[draw(st.integers(0, len(shape))) :]
    return tuple(1 if draw(st.booleans()) else extent for extent in kept)


def axis_of(draw: Draw, rank: int) -> int:
    return draw(st.integers(-rank, rank - 1))


def axes_of(draw: Draw, rank: int) -> Any:
    """None, one axis, or several, counted from either end."""
    kind = draw(st.sampled_from(["none", "one", "several"])) if rank else "none"
    if kind == "none":
        return None
    if kind == "one":
        return axis_of(draw, rank)
    some = draw(st.permutations(range(rank)))[: draw(st.integers(0, rank))]
    return tuple(axis - rank if draw(st.booleans()) else axis for axis in some)


def assert_same(found: Any, wanted: Any, ulps: float = 0, scale: float = 0.0) -> None:
    """Same type and shape; the same numbers, NaN at the same places, zeros of the same sign where ulps = 0.

    Else within some ulps of each number, or of `scale` where sums cancel.
    """
    wanted = np.asarray(wanted)
    found = np.asarray(found)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    if not is_float(wanted.dtype):
        np.testing.assert_array_equal(found, wanted)
        return
    ours, theirs = found.astype(np.float64), wanted.astype(np.float64)
    finite = np.isfinite(theirs)
    np.testing.assert_array_equal(np.where(finite & np.isfinite(ours), 0, ours), np.where(finite, 0, theirs))
    if not ulps:
        np.testing.assert_array_equal(ours[finite], theirs[finite])
        np.testing.assert_array_equal(np.signbit(ours[finite]), np.signbit(theirs[finite]))
        return
    eps = float((ml_dtypes if wanted.dtype == BFLOAT16 else np).finfo(wanted.dtype).eps)
    tiny = float((ml_dtypes if wanted.dtype == BFLOAT16 else np).finfo(wanted.dtype).smallest_subnormal)
    room = ulps * np.maximum(eps * np.maximum(np.abs(theirs[finite]), scale), tiny)
    assert np.all(np.abs(ours[finite] - theirs[finite]) <= room)
