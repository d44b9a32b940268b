"""Loops that take a vector's width of elements at a time, and a masked rest."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Any

import numpy as np

from mapsto.core.spec import DTYPES, is_float
from mapsto.ir.build import Builder
from mapsto.ir.loops import Type, Value

# The words that fold, as the loops name the fold of all lanes; and what changes nothing when it is folded in.
FOLDS = {"bit_and": "bit_and", "bit_or": "bit_or"}


def lowest(dtype: str) -> Any:
    kind = DTYPES[dtype]
    return -inf if is_float(kind) else False if dtype == "bool" else int(np.iinfo(kind).min)


def highest(dtype: str) -> Any:
    kind = DTYPES[dtype]
    return inf if is_float(kind) else True if dtype == "bool" else int(np.iinfo(kind).max)


def all_bits(dtype: str) -> Any:
    return True if dtype == "bool" else -1 if dtype.startswith("i") else highest(dtype)


NEUTRAL = {
    "add": lambda dtype: 0,
    "mul": lambda dtype: 1,
    "maximum": lowest,
    "minimum": highest,
    "bit_and": all_bits,
    "bit_or": lambda dtype: 0,
}


class LaneTurn:
    """One text of the loop's body: full vectors (no mask), or what is left over."""

    def __init__(self, index: Value, carried: tuple[Value, ...], mask: Value | None) -> None:
        self.index, self.carried, self.mask = index, carried, mask
        self.given: tuple[Value, ...] = ()

    def give(self, *values: Value) -> None:
        self.given = values


def lane_loops(
    b: Builder, begin: Value | int, end: Value | int, lanes: int, carried: list[Value]
) -> Iterator[LaneTurn]:
    """The texts of a loop from `begin` to `end`, `lanes` at a time: for full vectors, then for the rest under a mask.

    The body is written by the caller once for each; `carried` is replaced by what the last one gave.
    """
    if isinstance(begin, int) and isinstance(end, int):
        middle: Value | int = begin + (end - begin) // lanes * lanes
        texts = [(begin, middle, False)] if middle > begin else []
        texts += [(middle, end, True)] if end > middle else []
    else:
        first, last = (bound if isinstance(bound, Value) else b.const(bound) for bound in (begin, end))
        count = b.op("shift_right", b.op("sub", last, first), b.const(lanes.bit_length() - 1))
        middle = b.op("add", first, b.op("shift_left", count, b.const(lanes.bit_length() - 1)))
        texts = [(first, middle, False), (middle, last, True)]
    for start, stop, partial in texts:
        with b.loop(start, stop, lanes, carried) as turn:
            mask = None
            if partial:
                last = stop if isinstance(stop, Value) else b.const(stop)
                left = b.cast(b.op("sub", last, turn.index), "i32")
                numbers = b.lanes(Type("i32", lanes))
                mask = b.op("less", numbers, b.splat(left, lanes))
            inside = LaneTurn(turn.index, turn.carried, mask)
            yield inside
            turn.give(*inside.given)
        carried[:] = turn.results
