"""Two graphs of one function, for batches of n and of fewer examples ↦ whether rows that only fill up change nothing.

Both are walked node by node. What comes out is proved for the numbers that are made, random ones and derivatives
included, of whatever a step consists: a step of training is apart if all it hands out is the same for both batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mapsto.ir.graph import Graph, Node, Var, live_nodes
from mapsto.ir.primitive import Primitive
from mapsto.prims.cumulative import CumSum, Running
from mapsto.prims.literal import Nullary
from mapsto.prims.matrices import OfMatrices
from mapsto.prims.rows import Along
from mapsto.train.rows import SAME, Batches, Crossing, Element, Rows
from mapsto.transform.block import Call
from mapsto.transform.scan import Scan


def examples_apart(batches: Batches, full: Graph, fewer: Graph, given: Sequence[Rows]) -> list[Rows] | None:
    """Where the outputs have the examples, given where the inputs have them; None if it is not proved.

    Of an output with rows, those of the fewer examples come first, and are what the other graph makes of them; an
    output without is the same number for number, up to the order in which sums are taken. Rows that fill up may hold
    any finite numbers.
    """
    try:
        return walked(batches, full, fewer, given)[: len(full.outputs)]
    except Crossing:
        return None


def walked(batches: Batches, full: Graph, fewer: Graph, given: Sequence[Rows]) -> list[Rows]:
    """The states of all results. Raises Crossing."""
    pairs = list(zip(live_nodes(full), live_nodes(fewer), strict=False))
    twins: dict[Var, Var] = dict(zip(full.inputs, fewer.inputs, strict=True))
    states: dict[Var, Rows] = dict(zip(full.inputs, given, strict=True))
    for var, twin in twins.items():
        if not alike(batches.rows(var.spec, twin.spec), states[var]):
            raise Crossing
    for one, other in pairs:
        if [twins[var] for var in one.inputs] != list(other.inputs):
            raise Crossing
        twins.update(zip(one.outputs, other.outputs, strict=True))
        states.update(zip(one.outputs, made(batches, one, other, [states[var] for var in one.inputs]), strict=True))
    if [twins.get(var) for var in full.results] != list(fewer.results):
        raise Crossing
    results = [states[var] for var in full.results]
    if any(state.axis is not None for state in results[len(full.outputs) :]):
        raise Crossing  # a guard asks of all rows whether they are finite
    return results


def alike(one: Rows, other: Rows) -> bool:
    """Whether two states have the examples in the same places."""
    return (one.axis, one.each) == (other.axis, other.each)


def made(batches: Batches, one: Node, other: Node, given: Sequence[Rows]) -> Sequence[Rows]:
    """What a node hands out in both graphs."""
    primitive, twin = one.primitive, other.primitive
    if primitive == twin and all(state.axis is None for state in given) and not makes_zeros(primitive, given):
        return [SAME] * len(one.outputs)
    match primitive, twin:
        case Scan(), Scan():
            return scanned(batches, primitive, twin, given)
        case Call(), Call():
            return walked(batches, primitive.body.graph, twin.body.graph, given)
        case Along() | Running() | OfMatrices(), _ if primitive == twin:
            return along(primitive, one, given)
        case _ if type(primitive) is type(twin) and len(one.outputs) == 1:
            return [by_formula(batches, one, other, given)]
        case _:
            raise Crossing


def makes_zeros(primitive: Primitive, given: Sequence[Rows]) -> bool:
    """Whether what is the same for both batches may be known to be 0, as a number of the program is."""
    formed = type(primitive).at is not Primitive.at
    return formed and (isinstance(primitive, Nullary) or any(state.zero for state in given))


def by_formula(batches: Batches, one: Node, other: Node, given: Sequence[Rows]) -> Rows:
    """A node whose output is said element by element."""
    own = batches.rows(one.outputs[0].spec, other.outputs[0].spec)
    elements = [
        Element(node.primitive, [var.spec for var in node.inputs], given, node.outputs[0].spec, own, count)
        for node, count in ((one, batches.full), (other, batches.fewer))
    ]
    first, second = elements
    if first.lines != second.lines:
        raise Crossing
    return replace(own, zero=first.zero)


def along(primitive: Along | Running | OfMatrices, node: Node, given: Sequence[Rows]) -> Sequence[Rows]:
    """A node that goes along other axes, for every place of that of the examples by itself."""
    first = given[0]
    if not all(alike(state, first) for state in given):
        raise Crossing
    rank = node.inputs[0].spec.rank
    crossed = (rank - 2, rank - 1) if isinstance(primitive, OfMatrices) else (primitive.axis,)
    if first.axis in crossed:
        raise Crossing
    return [replace(first, zero=first.zero and isinstance(primitive, CumSum))] * len(node.outputs)


def scanned(batches: Batches, one: Scan, other: Scan, given: Sequence[Rows]) -> Sequence[Rows]:
    """A loop: its carries are what they are before the first turn and after every one."""
    if (one.length, one.constants, one.carries, one.reverse) != (
        other.length,
        other.constants,
        other.carries,
        other.reverse,
    ):
        raise Crossing
    constants, carries, arrays = one.parts(given)
    rows = [moved(state, -1) for state in arrays]
    while True:
        found = walked(batches, one.body.graph, other.body.graph, [*constants, *carries, *rows])
        after = [joined(*pair) for pair in zip(carries, found[: one.carries], strict=True)]
        if after == carries:
            return [*carries, *(moved(state, 1) for state in found[one.carries :])]
        carries = after


def moved(state: Rows, by: int) -> Rows:
    """The state of a row of an array, or of the array that the rows make up."""
    if state.axis is None:
        return state
    if state.axis + by < 0:
        raise Crossing
    return replace(state, axis=state.axis + by)


def joined(one: Rows, other: Rows) -> Rows:
    """What holds of a value that is one or the other."""
    if not alike(one, other):
        raise Crossing
    return replace(one, zero=one.zero and other.zero)
