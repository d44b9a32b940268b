"""Exchanges between lanes: squares of vectors turned over, and the lanes of many vectors summed at once."""

from __future__ import annotations

from collections.abc import Sequence

from mapsto.ir.build import Builder
from mapsto.ir.loops import Type, Value


def transpose(b: Builder, rows: Sequence[Value]) -> list[Value]:
    """As many vectors as lanes ↦ the columns of their square: 1 × 1 blocks change places across the diagonal, then
    2 × 2, then 4 × 4 …; each time two vectors exchange a half of their blocks."""
    found, lanes, block = list(rows), len(rows), 1
    while block < lanes:
        upper = tuple(lane if not lane & block else lanes + lane - block for lane in range(lanes))
        lower = tuple(lane + block if not lane & block else lanes + lane for lane in range(lanes))
        for first in range(lanes):
            if not first & block:
                pair = found[first], found[first + block]
                found[first] = b.op("shuffle", *pair, attribute=upper)
                found[first + block] = b.op("shuffle", *pair, attribute=lower)
        block *= 2
    return found


def fold_all(b: Builder, vectors: Sequence[Value]) -> Value:
    """A power of two of vectors, not more than lanes ↦ one vector with the sum of the lanes of each.

    Two vectors become one that has the lanes of the first, folded to half as many, and then those of the second; so
    sixteen vectors of sixteen lanes take fifteen additions and not sixty-four.
    """
    found, lanes = list(vectors), vectors[0].type.lanes
    group = lanes
    while len(found) > 1:
        found = [halves(b, *found[place : place + 2], group, lanes) for place in range(0, len(found), 2)]
        group //= 2
    total = found[0]
    while group > 1:
        total = halves(b, total, total, group, total.type.lanes // 2)
        group //= 2
    return total


def halves(b: Builder, first: Value, second: Value, group: int, lanes: int) -> Value:
    """Every group of lanes of two vectors, its upper half added to its lower; as many lanes of that as wanted."""
    both = 2 * first.type.lanes
    low = [lane for start in range(0, both, group) for lane in range(start, start + group // 2)]
    made = Type(first.type.dtype, lanes)
    if lanes == 1:
        return b.op("add", *(b.op("extract", first, type=made, attribute=lane) for lane in (0, group // 2)))
    lower = b.op("shuffle", first, second, type=made, attribute=tuple(low[:lanes]))
    upper = b.op("shuffle", first, second, type=made, attribute=tuple(lane + group // 2 for lane in low[:lanes]))
    return b.op("add", lower, upper)


def up_to_power(values: Sequence[Value], most: int) -> list[Value]:
    """The values, the last one repeated until they are a power of two of them.

    >>> len(up_to_power([None] * 5, 16))
    8
    """
    count = 1
    while count < min(len(values), most):
        count *= 2
    return [*values, *[values[-1]] * (count - len(values))]
