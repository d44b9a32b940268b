"""Groups block by block: where a product's result is larger than what it is made of, such as attention's scores.

softmax(q kᵀ) v has as many scores as queries times keys; all of them are never needed at once. So such a group goes
through places of some outer axes (examples, heads), and through blocks of lines of the next axis (queries): a block
of scores is made, folded, and multiplied with v while it is in the cache. A whole line is there at a time, so a softmax
needs no running maximum. Where a later stage needs all lines of a place (gradients sum over the queries), a block is
the whole place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from mapsto.compiler.fuse import Stage
from mapsto.compiler.nests import Nest
from mapsto.compiler.pieces import pieces
from mapsto.compiler.rows import own_place
from mapsto.compiler.terms import folds, loads
from mapsto.core.spec import Spec
from mapsto.ir.formula import Formula, Index

LARGE_ROW = 2**19  # bytes of one row of a result, above which rows are no good: half of a second-level cache
BLOCK = 2**18  # bytes of a block of lines, about
LEAST = 64  # lines of a block: so often each element of the other operand is used
UNITS = 16  # blocks in all, if each has still so many lines; threads share them
CHUNKS = 32  # at most: chunks are taken one by one, which evens out blocks that take longer

Readers = Mapping[int, Sequence[Stage | None]]


@dataclass(eq=False)
class Blocks:
    """The outer axes, one place of which is done at a time; the next, of lines; whether these are cut into blocks."""

    outer: tuple[Index, ...]
    line: Index
    cut: bool
    least: int  # elements of the product that the group begins with
    block: int = field(init=False)

    def __post_init__(self) -> None:
        self.block = self.line.extent

    @property
    def extents(self) -> tuple[int, ...]:
        """Of the axes of which a stage must need its own place alone."""
        own = (*self.outer, self.line) if self.cut else self.outer
        return tuple(axis.extent for axis in own)

    @property
    def places(self) -> int:
        return prod(axis.extent for axis in self.outer)

    @property
    def each(self) -> int:
        """Blocks in a place."""
        return -(-self.line.extent // self.block)

    def axes(self, stage: Stage) -> tuple[Index, ...]:
        """A stage's own axes in the place of the outer ones and, if it has lines, of these."""
        wanted = tuple(axis.extent for axis in (*self.outer, self.line))
        found = long_axes(stage)[: len(wanted)]
        lined = tuple(axis.extent for axis in found) == wanted
        return found if lined else found[: len(self.outer)]

    def nest(self, nest: Nest, axes: Sequence[Index], line: Formula, turns: Sequence[Index]) -> Nest:
        """A nest within a block: outer axes are the group's, and that of the lines is `line`, over the axes `turns`."""
        for own, common in zip(axes, self.outer, strict=False):
            nest = nest.with_axes([own], [], {own: common})
        if len(axes) > len(self.outer):
            nest = nest.with_axes([axes[-1]], turns, {axes[-1]: line})
        return nest

    def can_do(self, stage: Stage, specs: Sequence[Spec]) -> bool:
        """Whether a stage's contraction, if it is one, is one for tiles within a block, too."""
        if stage.product() is None:
            return True
        whole = Nest((stage.array,), stage.domain, tuple(stage.domain), (stage.formula,))
        own = Index(self.line.extent)
        inside = self.nest(whole, self.axes(stage), own, [own])
        return pieces(inside, specs, fixed=frozenset(self.outer)) is not None

    def size(self, members: Sequence[Stage], specs: Sequence[Spec]) -> None:
        """Decide on the blocks, by the shapes alone: about the same number of lines in all of them."""
        if not self.cut:
            return
        lines = self.line.extent
        largest = max(specs[stage.array].nbytes for stage in members) // (self.places * lines)
        most = max(LEAST, min(BLOCK // max(largest, 1), self.places * lines // UNITS))
        count = -(-lines // min(most, lines))
        self.block = min(lines, -(-lines // (count * LEAST)) * LEAST)


def blocks_of(stage: Stage, readers: Readers, specs: Sequence[Spec]) -> Blocks | None:
    """How a group goes that begins with a product larger than its operands; None if it goes by rows or tiles."""
    product, axes, spec = stage.product(), long_axes(stage), specs[stage.array]
    if product is None or len(axes) < 2 or spec.nbytes <= LARGE_ROW * (axes[0].extent if len(axes) > 2 else 1):
        return None
    if any(specs[load.input].nbytes >= spec.nbytes for load in (product.x, product.y)):
        return None
    outer, line = tuple(Index(axis.extent) for axis in axes[:-2]), Index(axes[-2].extent)
    for cut in (True, False):
        blocks = Blocks(outer, line, cut, spec.size)
        alone = not blocks.cut and blocks.places == 1
        if not alone and stays(stage, blocks, readers, specs) and blocks.can_do(stage, specs):
            return blocks
    return None


def stays(stage: Stage, blocks: Blocks, readers: Readers, specs: Sequence[Spec]) -> bool:
    """Whether a large product can stay within its blocks, so that it never is in memory as a whole.

    All its readers, and those of what is as large and made of it, must need their own place alone. There must be folds
    and products among them, as in attention; else it goes as well by tiles.
    """
    folded = multiplied = False
    seen: set[Stage] = set()
    stack, least = [stage], specs[stage.array].size
    while stack:
        array = stack.pop().array
        for reader in readers.get(array, ()):
            if reader is None or not own_places(reader, blocks, {array}, specs):
                return False
            if reader in seen:
                continue
            seen.add(reader)
            product = reader.product() is not None
            multiplied |= product
            folded |= not product and bool(folds(reader.formula))
            if not product and specs[reader.array].size >= least:
                stack.append(reader)
    return folded and multiplied


def own_places(stage: Stage, blocks: Blocks, made: set[int], specs: Sequence[Spec]) -> bool:
    """Whether a stage has the axes of a group, and reads of what the group makes its own place alone."""
    axes = blocks.axes(stage)[: len(blocks.extents)]
    if tuple(axis.extent for axis in axes) != blocks.extents:
        return False
    found = [load for load in loads(stage.formula) if load.input in made]
    return all(own_place(load, specs[load.input], axes) for load in found)


def long_axes(stage: Stage) -> tuple[Index, ...]:
    """The axes that have more than one place."""
    return tuple(axis for axis in stage.domain if axis.extent > 1)
