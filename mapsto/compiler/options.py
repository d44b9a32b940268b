"""Stages ↦ what each could run over: its elements one by one, its first axis, or its outermost fold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from mapsto.compiler.contractions import address
from mapsto.compiler.flat_loops import FlatLoops
from mapsto.compiler.fuse import Stage
from mapsto.compiler.groups import CHUNKS
from mapsto.compiler.lanes import NEUTRAL
from mapsto.compiler.rows import by_rows_of, first_axis, top_fold
from mapsto.compiler.terms import folds, loads
from mapsto.core.spec import Spec
from mapsto.ir.formula import Formula, Index

LARGE_OPERAND = 2**19  # bytes that every chunk would read again; half of a second-level cache


@dataclass(frozen=True, eq=False)
class Option:
    """One way to run a stage: over which index, which is then the index of the rows.

    `formula` is the stage's formula in terms of that index; if the rows are folded, the fold over them.
    """

    rows: Index | None
    count: int  # of rows
    flat: bool  # a row is one element, of any axis
    folded: bool  # the stage sums over the rows: every chunk has a partial result
    formula: Formula
    becomes: Formula | None = None  # the stage's own formula is to be exchanged for this one

    @cached_property
    def reads(self) -> frozenset[int]:
        """The arrays that the formula reads."""
        return frozenset(load.input for load in loads(self.formula))


class Options:
    """Finds the ways to run a stage, and chooses among them. `specs` are those of all arrays, by number."""

    def __init__(self, specs: Sequence[Spec]) -> None:
        self.specs = specs
        self.flat_loops = FlatLoops(specs)

    def of(self, stage: Stage) -> Iterator[Option]:
        """A stage ↦ the ways to run it: over all its elements, over its first axis, over its outermost fold."""
        formula, size = stage.formula, self.specs[stage.array].size
        own_loops = stage.scatter is not None or stage.run is not None
        fold = None if stage.total or own_loops else top_fold(formula)
        if fold is None and not own_loops and (flat := self.flat_loops.of(stage)) is not None:
            yield Option(flat[0], size, True, False, flat[1])
        if (axis := first_axis(stage)) is not None:
            yield Option(axis, axis.extent, False, False, formula)
        if fold is not None and fold.index.extent > 1 and fold.word in NEUTRAL:
            if not stage.domain:
                yield Option(fold.index, fold.index.extent, True, True, fold)
            yield Option(fold.index, fold.index.extent, False, True, fold)
            if stage.flag is not None and (apart := by_rows_of(fold, self.specs)) is not None:
                yield Option(apart.index, apart.index.extent, False, True, apart, becomes=apart)

    def in_order(self, stage: Stage, options: list[Option]) -> list[Option]:
        """The options without those by which a sum would read a large array in strides, once for every row."""
        reads = [load for load in loads(stage.formula) if self.specs[load.input].nbytes > LARGE_OPERAND]
        if not reads or not folds(stage.formula) or stage.product() is not None or slots_cost(stage, self.specs):
            return options
        largest = max(reads, key=lambda load: self.specs[load.input].size)
        number = address(largest, self.specs[largest.input])
        steps = [number.coefficient(option.rows) for option in options]
        return [option for option, step in zip(options, steps, strict=True) if step == max(steps)]

    def best(self, stage: Stage, options: Sequence[Option]) -> Option:
        """How a stage that joins nobody runs: flat, or over what is outermost in the largest array that it reads."""
        flat = [option for option in options if option.flat and not option.folded]
        if flat:
            return flat[0]
        options = [option for option in options if option.becomes is None]
        if not options:
            return Option(None, 1, False, False, stage.formula)
        largest = max(loads(stage.formula), key=lambda load: self.specs[load.input].size, default=None)
        if largest is None:
            return options[0]
        number = address(largest, self.specs[largest.input])
        return max(options, key=lambda option: (number.coefficient(option.rows), not option.folded))


def slots_cost(stage: Stage, specs: Sequence[Spec]) -> bool:
    """Whether the slots of a sum would be larger than what it reads."""
    read = sum(specs[number].nbytes for number in stage.reads())
    return 2 * CHUNKS * specs[stage.array].nbytes > max(read, 2**16)
