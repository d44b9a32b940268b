"""Folds scattered by an index: recognising them, and the loops in which every term goes to its place.

Element v of such an array is a fold over i of what is given where place[i] = v, and of nothing elsewhere: the gradient
of a table of which rows were taken, or the number of the last index that names v. As it stands that would be as many
terms for every element as there are indices. Instead whoever owns a range of v looks through all indices in order, and
folds in the terms whose place lies there. So nobody else writes there, and the order is the one of the indices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mapsto.compiler.contractions import is_zero
from mapsto.compiler.evaluate import Evaluator
from mapsto.compiler.lanes import lane_loops
from mapsto.compiler.terms import folds, parts
from mapsto.ir.formula import Formula, Index, Reduce, Word
from mapsto.ir.loops import Type, Value

Bounds = Mapping[Index, tuple[Value, Value]]


@dataclass(frozen=True, eq=False)
class Scatter:
    """`fold` over an index of `value` where `place` is `axis`, and elsewhere of what changes nothing."""

    fold: Reduce
    place: Formula
    axis: Index
    value: Formula

    def outer(self, domain: Sequence[Index]) -> list[Index]:
        """The axes that the place depends on: each of their rows has indices of its own."""
        needed = set(parts(self.place))
        return [axis for axis in domain if axis in needed]

    def inner(self, domain: Sequence[Index]) -> list[Index]:
        """The axes along which all elements have the same place."""
        outer = self.outer(domain)
        return [axis for axis in domain if axis is not self.axis and axis not in outer]


def scatter_in(formula: Formula) -> Scatter | None:
    """The outermost fold of a formula, if it is a scattered one."""
    fold = next(iter(folds(formula)), None)
    match fold:
        case Reduce(name, index, start, Word("select", (Word("equal", (place, Index() as axis)), value, rest))):
            neutral = name == "maximum" or (name == "add" and is_zero(start))
            if neutral and rest is start and index in parts(place) and axis not in parts(place):
                return Scatter(fold, place, axis, value)
        case _:
            pass
    return None


def scatter_loops(ev: Evaluator, scatter: Scatter, outer: Sequence[Index], bounds: Bounds) -> Iterator[None]:
    """The loops over `outer` and over all terms; what is written within is done for the terms whose place is in bounds.

    There, the indices of the term and of its place are known. A vector of places is compared with the bounds at once,
    since most lie outside.
    """
    b = ev.b
    if outer:
        first, last = bounds.get(outer[0], (0, outer[0].extent))
        with b.loop(first, last) as turn, ev.scope({outer[0]: turn.index}):
            yield from scatter_loops(ev, scatter, outer[1:], bounds)
        return
    index, axis = scatter.fold.index, scatter.axis
    limits = bounds.get(axis, (b.const(0), b.const(axis.extent)))
    for turn in lane_loops(b, 0, index.extent, ev.width, []):
        with ev.scope({index: turn.index}), ev.vectorised(index, turn.mask):
            near = between(ev, ev.wide(scatter.place), limits)
            near = near if turn.mask is None else b.op("bit_and", near, turn.mask)
        with b.when(b.op("fold_bit_or", near, type=Type("bool"))):
            end = b.op("minimum", b.op("add", turn.index, b.const(ev.width)), b.const(index.extent))
            with b.loop(turn.index, end) as one, ev.scope({index: one.index}):
                place = ev.value(scatter.place)
                with b.when(between(ev, place, limits)), ev.scope({axis: place}):
                    yield


def between(ev: Evaluator, place: Value, limits: tuple[Value, Value]) -> Value:
    """Whether places are at least the first limit and below the second."""
    low, high = (ev.b.splat(limit, place.type.lanes) for limit in limits)
    return ev.b.op("bit_and", ev.b.op("less_equal", low, place), ev.b.op("less", place, high))
