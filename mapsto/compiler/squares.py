"""Transposed reads ↦ squares: as many vectors as lanes, read along the other axis and turned over in registers.

Where vectors run along an axis v, x[v, a] would be read element by element, every one from a cache line of its own. So
a nest with such reads runs over squares of lanes × lanes places (v, a): the rows of a square of x lie side by side
along a, so they are read whole, transposed, and put in work space; there every turn of a finds its vector along v.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mapsto.compiler.contraction.lanes import transpose
from mapsto.compiler.evaluate import Evaluator
from mapsto.compiler.lanes import LaneTurn, lane_loops
from mapsto.compiler.nests import Nest, across
from mapsto.compiler.terms import loads
from mapsto.core.spec import SHORT_NAMES, Spec
from mapsto.ir.formula import Index, Load
from mapsto.ir.loops import Buffer, Value

WorkSpace = Callable[[str, int], Buffer]
Bounds = Mapping[Index, tuple[Value, Value]]


@dataclass(frozen=True, eq=False)
class Squares:
    """The vector's axis, the other axis of the squares, and the reads that are transposed: x[…, vector, other]."""

    vector: Index
    other: Index
    reads: tuple[Load, ...]


def squares_of(nest: Nest, specs: Sequence[Spec], vector: Index | None, lanes: int) -> Squares | None:
    """The squares to run a nest by: those of the axis along which most of the transposed reads lie side by side."""
    if vector is None:
        return None
    found: dict[Index, list[Load]] = {}
    for load in loads(*nest.formulas):
        other = across(nest, load, specs, vector, lanes)
        if other is not None:
            found.setdefault(other, []).append(load)
    if not found:
        return None
    most = max(found, key=lambda other: len(found[other]))
    return Squares(vector, most, tuple(found[most]))


def square_loops(ev: Evaluator, squares: Squares, bounds: Bounds, work_space: WorkSpace) -> Iterator[None]:
    """The texts of the loops over the squares and, within, over the turns of the other axis.

    In each the caller writes the nest's body once, as it would within a loop over vectors.
    """
    b, lanes, vector, other = ev.b, ev.width, squares.vector, squares.other
    spaces = [work_space(SHORT_NAMES[ev.place(load.input).spec.dtype], lanes * lanes) for load in squares.reads]
    (first, last), (begin, end) = (bounds.get(axis, (0, axis.extent)) for axis in (vector, other))
    for over in lane_loops(b, begin, end, lanes, []):
        for along in lane_loops(b, first, last, lanes, []):
            for load, space in zip(squares.reads, spaces, strict=True):
                rows = [read_row(ev, squares, load, along, over, row, last) for row in range(lanes)]
                for turn, column in enumerate(transpose(b, rows)):
                    b.store(space, b.const(turn * lanes), column)
            with b.loop(0, turns_of(ev, over, end)) as turn:
                place = b.op("add", over.index, turn.index)
                with ev.scope({vector: along.index, other: place}), ev.vectorised(vector, along.mask):
                    for load, space in zip(squares.reads, spaces, strict=True):
                        ev.know(load, b.load(space, b.op("mul", turn.index, b.const(lanes)), lanes))
                    yield


def read_row(
    ev: Evaluator, squares: Squares, load: Load, along: LaneTurn, over: LaneTurn, row: int, last: Value | int
) -> Value:
    """Row number `row` of a square, a vector along the other axis; beyond the last row, that one again."""
    b = ev.b
    place = b.op("add", along.index, b.const(row))
    if along.mask is not None:
        end = last if isinstance(last, Value) else b.const(last)
        place = b.op("minimum", place, b.op("sub", end, b.const(1)))
    with ev.scope({squares.vector: place, squares.other: over.index}), ev.vectorised(squares.other, over.mask):
        return ev.wide(load)


def turns_of(ev: Evaluator, over: LaneTurn, end: Value | int) -> Value | int:
    """How many places a square has along the other axis."""
    if over.mask is None:
        return ev.width
    return ev.b.op("sub", end if isinstance(end, Value) else ev.b.const(end), over.index)
