"""A proof of batch invariance: examples that only fill up a batch change nothing for the others.

The graphs of one function, traced for a full batch and for one with fewer examples, are walked together, node by node
(one node: `batch_axis.py`). The proof covers whatever the graph computes: random numbers, derivatives, an optimizer's
update. Where it fails, the examples may still be independent; then `files/batch_invariance.py` tries with numbers, and
the Learner compiles a second program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from mapsto.array.array import Array
from mapsto.compiler.batch_axis import NO_AXIS, BatchAxis, BatchSizes, ElementOfBatch, NotProved
from mapsto.compiler.compile import compile
from mapsto.ir.graph import Graph, Node, Var, live_nodes
from mapsto.ir.primitive import Primitive
from mapsto.prims.cumulative import CumSum, Running
from mapsto.prims.literal import Nullary
from mapsto.prims.matrices import OfMatrices
from mapsto.prims.rows import Along
from mapsto.transform.block import Call
from mapsto.transform.scan import Scan

WorksAlong = Along | Running | OfMatrices


def proved_for(
    function: Callable[..., Any],
    arguments: Callable[[int], Sequence[Any]],
    sizes: BatchSizes,
    given: Sequence[BatchAxis],
) -> list[BatchAxis] | None:
    """A function, and its arguments for so many examples ↦ the batch axes of its results, if it is proved; else None.

    `given` are the batch axes of the first inputs; all further ones have none. The function is traced for both sizes,
    which must be 2 or more: a batch of one has layouts of its own, since an axis of extent 1 can be anywhere. Raises
    what the function raises when it is traced.
    """
    # Nothing is compiled: the traces are all that is asked for.
    full, fewer = (
        compile(function).prepare(tuple(arguments(count)), {}, lent=True)[1] for count in (sizes.full, sizes.fewer)
    )
    if len(full.captured) != len(fewer.captured) or not all(map(same_bits, full.captured, fewer.captured)):
        return None
    others = [NO_AXIS] * (len(full.graph.inputs) - len(given))
    return proved_batch_axes(sizes, full.graph, fewer.graph, [*given, *others])


def same_bits(one: Array, other: Array) -> bool:
    """Whether two arrays that a function closed over are equal."""
    return one is other or (one.spec == other.spec and one.data.tobytes() == other.data.tobytes())


def proved_batch_axes(
    sizes: BatchSizes, full: Graph, fewer: Graph, given: Sequence[BatchAxis]
) -> list[BatchAxis] | None:
    """The batch axes of the inputs ↦ those of the outputs, if batch invariance is proved; else None.

    An output with a batch axis has the results of the fewer examples first, and they are what the other graph makes of
    them. An output without one is the same in both, up to the order in which sums are taken. The examples that fill up
    may hold any finite numbers.
    """
    try:
        return walked(sizes, full, fewer, given)[: len(full.outputs)]
    except NotProved:
        return None


def walked(sizes: BatchSizes, full: Graph, fewer: Graph, given: Sequence[BatchAxis]) -> list[BatchAxis]:
    """The batch axes of all results of two graphs. Raises NotProved."""
    pairs = list(zip(live_nodes(full), live_nodes(fewer), strict=False))
    twins: dict[Var, Var] = dict(zip(full.inputs, fewer.inputs, strict=True))
    states: dict[Var, BatchAxis] = dict(zip(full.inputs, given, strict=True))
    for var, twin in twins.items():
        if not same_axis(sizes.axis_of(var.spec, twin.spec), states[var]):
            raise NotProved
    for one, other in pairs:
        if [twins[var] for var in one.inputs] != list(other.inputs):
            raise NotProved
        twins.update(zip(one.outputs, other.outputs, strict=True))
        states.update(zip(one.outputs, node_axes(sizes, one, other, [states[var] for var in one.inputs]), strict=True))
    if [twins.get(var) for var in full.results] != list(fewer.results):
        raise NotProved
    results = [states[var] for var in full.results]
    if any(state.axis is not None for state in results[len(full.outputs) :]):
        raise NotProved  # a guard asks of all rows whether they are finite
    return results


def same_axis(one: BatchAxis, other: BatchAxis) -> bool:
    """Whether two arrays have the examples in the same places."""
    return (one.axis, one.each) == (other.axis, other.each)


def node_axes(sizes: BatchSizes, one: Node, other: Node, given: Sequence[BatchAxis]) -> Sequence[BatchAxis]:
    """The batch axes of the outputs of a node that stands in both graphs. Raises NotProved."""
    primitive, twin = one.primitive, other.primitive
    if primitive == twin and all(state.axis is None for state in given) and not makes_zeros(primitive, given):
        return [NO_AXIS] * len(one.outputs)
    match primitive, twin:
        case Scan(), Scan():
            return scanned(sizes, primitive, twin, given)
        case Call(), Call():
            return walked(sizes, primitive.body.graph, twin.body.graph, given)
        case Along() | Running() | OfMatrices(), _ if primitive == twin:
            return along_other_axes(primitive, one, given)
        case _ if type(primitive) is type(twin) and len(one.outputs) == 1:
            return [by_formula(sizes, one, other, given)]
        case _:
            raise NotProved


def makes_zeros(primitive: Primitive, given: Sequence[BatchAxis]) -> bool:
    """Whether a node of arrays without a batch axis may make zeros, which its formula tells: then look at that."""
    formed = type(primitive).at is not Primitive.at
    return formed and (isinstance(primitive, Nullary) or any(state.zero for state in given))


def by_formula(sizes: BatchSizes, one: Node, other: Node, given: Sequence[BatchAxis]) -> BatchAxis:
    """The batch axis of a node's output, by the formula of one element."""
    own = sizes.axis_of(one.outputs[0].spec, other.outputs[0].spec)
    element, twin = ElementOfBatch(one, given, own, sizes.full), ElementOfBatch(other, given, own, sizes.fewer)
    if element.lines != twin.lines:
        raise NotProved
    return replace(own, zero=element.zero)


def along_other_axes(primitive: WorksAlong, node: Node, given: Sequence[BatchAxis]) -> Sequence[BatchAxis]:
    """The batch axes of a node that works along an axis, such as a cumulative sum: it must not be the batch axis."""
    first = given[0]
    if not all(same_axis(state, first) for state in given):
        raise NotProved
    rank = node.inputs[0].spec.rank
    crossed = (rank - 2, rank - 1) if isinstance(primitive, OfMatrices) else (primitive.axis,)
    if first.axis in crossed:
        raise NotProved
    return [replace(first, zero=first.zero and isinstance(primitive, CumSum))] * len(node.outputs)


def scanned(sizes: BatchSizes, one: Scan, other: Scan, given: Sequence[BatchAxis]) -> Sequence[BatchAxis]:
    """The batch axes of a scan's outputs: its carries must keep theirs from turn to turn."""
    first, second = ((scan.length, scan.constants, scan.carries, scan.reverse) for scan in (one, other))
    if first != second:
        raise NotProved
    constants, carries, arrays = one.parts(given)
    rows = [moved(state, -1) for state in arrays]
    while True:
        found = walked(sizes, one.body.graph, other.body.graph, [*constants, *carries, *rows])
        after = [joined(*pair) for pair in zip(carries, found[: one.carries], strict=True)]
        if after == carries:
            return [*carries, *(moved(state, 1) for state in found[one.carries :])]
        carries = after


def moved(state: BatchAxis, by: int) -> BatchAxis:
    """The batch axis of a row of an array (by = -1), or of the array that such rows make up (by = 1)."""
    if state.axis is None:
        return state
    if state.axis + by < 0:
        raise NotProved
    return replace(state, axis=state.axis + by)


def joined(one: BatchAxis, other: BatchAxis) -> BatchAxis:
    """The batch axis of an array that is one or the other: of a carry, before or after a turn."""
    if not same_axis(one, other):
        raise NotProved
    return replace(one, zero=one.zero and other.zero)
