"""A short innermost axis, such as that of a stack, is written out: one vector for each place, interleaved when stored.

`stack([x, y], axis=-1)` has at [i, j, k] an element of x or of y, as k tells. Lanes along k would be two of a vector's
sixteen, and each asks which array is its own. So k is written out: vectors run along j, one for x and one for y, and
their lanes are put in the order of memory, x₀ y₀ x₁ y₁ …, where as many vectors lie side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mapsto.compiler.contractions import address
from mapsto.compiler.evaluate import Evaluator
from mapsto.compiler.lanes import lane_loops
from mapsto.compiler.nests import Nest, depends
from mapsto.compiler.terms import folds, loads, parts
from mapsto.core.spec import SHORT_NAMES, Spec
from mapsto.ir.build import Builder
from mapsto.ir.formula import Formula, Index, Load, as_index
from mapsto.ir.loops import Value

MOST = 8  # places: every vector that is written takes a step for each of them

Bounds = Mapping[Index, tuple[Value, Value]]


@dataclass(frozen=True, eq=False)
class Places:
    """The axis along which vectors run, the one that is written out, and the formula of each of its places."""

    vector: Index
    few: Index
    array: int
    first: tuple[Formula, ...]  # the index of the element at the place 0
    formulas: tuple[Formula, ...]


def places_of(nest: Nest, specs: Sequence[Spec], rows: Index | None, lanes: int) -> Places | None:
    """The places of a nest's short innermost axis, if it is to be written out; else None.

    It is if a read's condition asks for the place on that axis, and the axis before it is long enough for vectors.
    """
    if len(nest.arrays) != 1 or folds(*nest.formulas):
        return None
    own = address(Load(nest.arrays[0], nest.index), specs[nest.arrays[0]])
    plain = [axis for axis in nest.axes if not any(depends(atom, axis) and atom is not axis for atom in own.atoms)]
    few = next((axis for axis in plain if own.coefficient(axis) == 1 and axis is not rows), None)
    if few is None or not 1 < few.extent <= MOST or not is_asked(few, nest.formulas):
        return None
    vector = next((axis for axis in plain if own.coefficient(axis) == few.extent), None)
    if vector is None or 2 * vector.extent < lanes:
        return None
    found = [nest.with_axes([few], [], {few: as_index(place)}).decided(rows) for place in range(few.extent)]
    return Places(vector, few, nest.arrays[0], found[0].index, tuple(one.formulas[0] for one in found))


def is_asked(axis: Index, formulas: Sequence[Formula]) -> bool:
    """Whether the condition of a read depends on an axis."""
    guards = [load.guard for load in loads(*formulas) if load.guard is not None]
    return any(part is axis for part in parts(*guards))


def write_places(ev: Evaluator, places: Places, bounds: Bounds) -> None:
    """The loop along the vector's axis: the vectors of all places, woven and stored side by side."""
    b, vector, place = ev.b, places.vector, ev.place(places.array)
    dtype = SHORT_NAMES[place.spec.dtype]
    first, last = bounds.get(vector, (0, vector.extent))
    for turn in lane_loops(b, first, last, ev.width, []):
        with ev.scope({vector: turn.index}), ev.vectorised(vector, turn.mask):
            values = [ev.wide(formula, dtype) for formula in places.formulas]
        with ev.scope({vector: turn.index}):
            offset, shift = ev.offset(address(Load(places.array, places.first), place.spec))
            offset = b.op("add", offset, b.affine(place.base)) if place.base else offset
        for number, value in enumerate(woven(b, values)):
            mask = None if turn.mask is None else repeated(b, turn.mask, len(values), number)
            b.store(place.buffer, offset, value, shift=shift + number * ev.width, mask=mask)


def woven(b: Builder, vectors: Sequence[Value]) -> list[Value]:
    """As many vectors, with the first lanes of all of them first, then the second lanes …

    Of two halves of them, each woven by itself, where their number is even; else lane by lane from each in turn.
    """
    count, lanes = len(vectors), vectors[0].type.lanes
    if count == 1:
        return list(vectors)
    if count % 2 == 0:
        even, odd = woven(b, vectors[::2]), woven(b, vectors[1::2])
        orders = [tuple(half // 2 + half % 2 * lanes for half in range(at, at + lanes)) for at in (0, lanes)]
        return [b.op("shuffle", *pair, attribute=order) for pair in zip(even, odd, strict=True) for order in orders]
    return [picked(b, vectors, number * lanes) for number in range(count)]


def picked(b: Builder, vectors: Sequence[Value], begin: int) -> Value:
    """The vector of the woven lanes from number `begin` on: what the first two have of it, then what each other has."""
    count, lanes = len(vectors), vectors[0].type.lanes
    numbers = [divmod(begin + lane, count) for lane in range(lanes)]
    order = tuple(at + (lanes if part == 1 else 0) for at, part in numbers)
    found = b.op("shuffle", vectors[0], vectors[1], attribute=order)
    for other in range(2, count):
        order = tuple(lanes + at if part == other else lane for lane, (at, part) in enumerate(numbers))
        found = b.op("shuffle", found, vectors[other], attribute=order)
    return found


def repeated(b: Builder, mask: Value, count: int, number: int) -> Value:
    """The mask of woven vector `number`: every lane `count` times."""
    lanes = mask.type.lanes
    order = tuple((number * lanes + lane) // count for lane in range(lanes))
    return b.op("shuffle", mask, mask, attribute=order)
