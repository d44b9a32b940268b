"""Whether a contraction is done chunk by chunk of the rows of a group, or by tiles of its own."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from mapsto.compiler.conditions import phases
from mapsto.compiler.fuse import Stage
from mapsto.compiler.groups import CHUNKS, READ_AGAIN, Group
from mapsto.compiler.nests import Nest
from mapsto.compiler.options import LARGE_OPERAND, Option
from mapsto.compiler.pieces import pieces
from mapsto.compiler.rows import depends_on, outermost
from mapsto.compiler.terms import folds
from mapsto.core.spec import Spec

SMALL_OPERAND = 2**15  # bytes that stay in the first-level cache
LONG_SUMS = 80_000  # steps between two readings of a slot, times those of the whole sum; see `slots_pay`
FEW_PLACES = 16  # rows of a product below which reading the other operand is what costs


def is_contraction(stage: Stage, specs: Sequence[Spec]) -> bool:
    """Whether a stage is one contraction, or several, that tiles can do."""
    nest = Nest((stage.array,), stage.domain, tuple(stage.domain), (stage.formula,))
    return stage.product() is not None and pieces(nest, specs) is not None


def runs_by_rows(stage: Stage, group: Group, option: Option, specs: Sequence[Spec]) -> bool:
    """Whether a contraction is done chunk by chunk of the rows, rather than by tiles of its own."""
    product, rows = stage.product(), option.rows
    if product is None or rows is None or option.count < 2 or option.flat:
        return False
    if phases((product.fold,), (rows,)):
        return False  # rows are taken in order, phases are not
    whole = [load.input for load in (product.x, product.y) if not depends_on(load, rows)]
    read = sum(specs[load.input].nbytes for load in (product.x, product.y) if depends_on(load, rows))
    out = specs[stage.array]
    if option.folded:
        pairs = sum(extent > 1 for extent in out.shape) > 1  # else a matrix and a vector: its tiles are columns
        apart = all(outermost(load, rows, specs) for load in (product.x, product.y))
        few_slots = 2 * CHUNKS * out.nbytes < read
        return not whole and apart and pairs and few_slots and slots_pay(stage, group, option, specs)
    if any(specs[number].nbytes > LARGE_OPERAND for number in whole):
        return False
    places = out.size // max(out.shape[-1] if out.shape else 1, 1) // option.count
    small = all(specs[number].nbytes <= SMALL_OPERAND for number in whole)
    return places >= FEW_PLACES or (small and option.count >= FEW_PLACES)


def slots_pay(stage: Stage, group: Group, option: Option, specs: Sequence[Spec]) -> bool:
    """Whether a sum of products over the rows, read and written in its slot once a block, takes less than tiles.

    Slots cost a share of the products' time that falls with the steps of a block (10 / steps, in the second cache);
    what tiles lose to a sum that they cannot keep in the caches grows with all its steps (steps / 8,000).
    """
    if specs[stage.array].nbytes <= SMALL_OPERAND:
        return True
    known = {*group.known, *stage.reads()}
    row = sum(specs[n].nbytes // option.count for n in known if specs[n].size >= option.count)
    block = min(max(READ_AGAIN // max(row, 1), 1), option.count // CHUNKS)
    inner = prod(fold.index.extent for fold in folds(option.formula)[1:])
    return inner * block * inner * option.count >= LONG_SUMS
