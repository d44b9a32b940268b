"""What a group over rows computes once more, since to make it takes less than to read it.

A picture of bytes times 1 / 255 is four times as large as the picture, and both passes go over it row by row.
"""

from __future__ import annotations

from collections.abc import Sequence

from mapsto.compiler.contractions import FEW, QUICK, address, is_plain
from mapsto.compiler.fuse import Fusion, Stage
from mapsto.compiler.groups import Group, Member
from mapsto.compiler.rows import first_axis, own_row
from mapsto.compiler.terms import folds, loads, parts
from mapsto.core.spec import Spec
from mapsto.ir.formula import Index, Word


class RecomputeInRows:
    """The arrays that are cheap to make again, and the copies of them that groups make for themselves."""

    def __init__(self, fusion: Fusion) -> None:
        self.fusion, self.specs = fusion, fusion.specs
        self.made: dict[int, Stage] = {}
        self.copies: dict[tuple[Group, int], int] = {}  # a group and an array ↦ the group's own

    def note(self, stage: Stage) -> None:
        """A stage that has joined a group."""
        if is_cheap(stage, self.specs):
            self.made[stage.array] = stage

    def copies_for(self, stage: Stage, group: Group, rows: Index | None) -> dict[int, int]:
        """Let a group over rows make again what a stage reads ↦ the arrays that it is to read instead.

        Of each such array the stage must read its own row alone.
        """
        names: dict[int, int] = {}
        if rows is None or group.flat or group.tiled or group.blocks is not None:
            return names
        for number in stage.reads():
            maker = self.made.get(number)
            if maker is None or number in group.writes() or not self.has_rows(maker, group):
                continue
            reads = [load for load in loads(stage.formula) if load.input == number]
            if not all(own_row(load, self.specs[number], rows) for load in reads):
                continue
            if (group, number) not in self.copies:
                copy = self.fusion.new_array(self.specs[number])
                self.copies[group, number] = copy
                again = Stage(copy, maker.domain, maker.formula, maker.node, maker.members)
                group.add(Member(again, first_axis(again)))
            names[number] = self.copies[group, number]
        return names

    def has_rows(self, maker: Stage, group: Group) -> bool:
        axis = first_axis(maker)
        return axis is not None and axis.extent == group.rows


def is_cheap(stage: Stage, specs: Sequence[Spec]) -> bool:
    """Whether to make an array again takes less than to read it: few quick operations, of less than half its bytes."""
    if stage.scatter is not None or stage.run is not None or stage.total or folds(stage.formula):
        return False
    spec = specs[stage.array]
    if 2 * sum(specs[number].nbytes for number in stage.reads()) > spec.nbytes:
        return False
    words = [term.word for term in parts(stage.formula) if isinstance(term, Word)]
    if len(words) > FEW or not QUICK.issuperset(words):
        return False
    return all(load.guard is None and is_plain(address(load, specs[load.input])) for load in loads(stage.formula))
