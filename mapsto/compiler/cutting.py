"""Groups ↦ their chunks: how many rows each has. They follow from shapes alone."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from mapsto.compiler import blocks as by_blocks
from mapsto.compiler.contractions import address
from mapsto.compiler.fuse import Stage
from mapsto.compiler.groups import CHUNKS, Group, Member
from mapsto.compiler.rows import top_fold
from mapsto.compiler.terms import folds, loads
from mapsto.core.spec import Spec
from mapsto.ir.formula import Index

FLAT = 8192  # elements of a flat chunk, at least
WORTH = 100_000  # operations and bytes that make a chunk worth its while, about
SQUARE = 16  # rows of a chunk, where rows lie side by side in what is read, and so share cache lines


def cut(group: Group, specs: list[Spec]) -> None:
    """Decide on the chunks of a group, by the shapes alone."""
    if group.tiled:
        return
    if group.blocks is not None:
        group.blocks.size([member.stage for member in group.members], specs)
        units = group.blocks.places * group.blocks.each
        group.per_chunk = -(-units // by_blocks.CHUNKS)
        group.chunk = Index(-(-units // group.per_chunk))
        return
    if group.flat:
        least = FLAT // max(row_size(member) for member in group.members)
        per = max(least, -(-group.rows // (2 * CHUNKS)))
        group.per_chunk = -(-per // 64) * 64
    else:
        work = sum(work_of(member.stage, specs) for member in group.members)
        group.per_chunk = -(-group.rows // max(1, min(CHUNKS, round(work / WORTH))))
        if group.rows >= 2 * SQUARE and any(rows_within(member, specs) for member in group.members):
            group.per_chunk = -(-group.per_chunk // SQUARE) * SQUARE
    chunks = max(1, -(-group.rows // group.per_chunk))
    group.chunk = Index(chunks)
    for member in group.members:
        if member.slots is not None:
            spec = specs[member.slots]
            specs[member.slots] = Spec(spec.dtype, (chunks, *spec.shape[1:]))


def work_of(stage: Stage, specs: Sequence[Spec]) -> int:
    """Operations and bytes of a stage."""
    nodes = stage.members or ((stage.node,) if stage.node else ())
    nbytes = sum(specs[number].nbytes for number in (*stage.reads(), stage.array))
    return nbytes + sum(node.flops for node in nodes)


def row_size(member: Member) -> int:
    """How many elements a row of a flat group has: 1, or if rows are summed up, those of the folds within that sum."""
    if member.slots is None:
        return 1
    fold = top_fold(member.stage.formula)
    return 1 if fold is None else prod(inner.index.extent for inner in folds(fold.body))


def rows_within(member: Member, specs: Sequence[Spec]) -> bool:
    """Whether a stage reads an array transposed: neighbouring rows are neighbouring elements of it."""
    if member.rows is None or member.slots is not None:
        return False
    read = [load for load in loads(member.stage.formula) if specs[load.input].size > member.rows.extent]
    return any(address(load, specs[load.input]).coefficient(member.rows) == 1 for load in read)
