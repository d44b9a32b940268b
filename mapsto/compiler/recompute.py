"""What a group computes once more, so that another one never writes it out.

A backward pass needs the probabilities of the forward pass. Attention's are as many as queries times keys, for every
head; to make them again from q, k and the softmax's maxima and sums takes less than to write and read them. A picture
of bytes times 1 / 255 is four times as large as the picture, and both passes go over it row by row.
"""

from __future__ import annotations

from collections.abc import Sequence

from mapsto.compiler.blocks import Blocks, own_places
from mapsto.compiler.contractions import address, is_plain
from mapsto.compiler.fuse import Fusion, Stage
from mapsto.compiler.groups import Group, Member
from mapsto.compiler.rows import first_axis, own_row
from mapsto.compiler.terms import folds, loads, parts, renamed
from mapsto.core.spec import Spec
from mapsto.ir.formula import Index, Word

FEW = 4  # operations for an element that take no longer than to read it,
QUICK = {"add", "sub", "mul", "maximum", "minimum", "neg", "cast", "div"}  # of these words


class Recompute:
    """The large arrays that groups with blocks make, and their copies in other such groups."""

    def __init__(self, fusion: Fusion) -> None:
        self.fusion, self.specs = fusion, fusion.specs
        self.results = {fusion.numbers[var] for var in fusion.graph.outputs}
        self.made: dict[int, tuple[Stage, Blocks]] = {}
        self.copies: dict[Blocks, dict[int, int]] = {}  # array ↦ the group's own

    def note(self, stage: Stage, blocks: Blocks) -> None:
        """A stage that has joined a group."""
        if self.specs[stage.array].size >= blocks.least and stage.array not in self.results:
            self.made[stage.array] = stage, blocks

    def needed(self, stage: Stage, blocks: Blocks) -> list[Stage]:
        """What a group has to compute again, in order, before it can do a stage: where its own place is enough."""
        found: dict[Stage, None] = {}
        for number in stage.reads():
            maker, other = self.made.get(number, (None, None))
            if maker is None or other is blocks or number in self.copies.get(blocks, {}):
                continue
            before = self.needed(maker, blocks)
            own = own_places(maker, blocks, {one.array for one in before}, self.specs)
            if own and own_places(stage, blocks, {number}, self.specs) and blocks.can_do(maker, self.specs):
                found |= dict.fromkeys([*before, maker])
        return list(found)

    def fits(self, stage: Stage, blocks: Blocks, writes: list[int], begins: bool) -> bool:
        """Whether a group can do a stage: it reads its own place of what the group makes and, unless it is one that
        could begin a group itself, there is something that it reads."""
        made = {*writes, *self.copies.get(blocks, {}), *(one.array for one in self.needed(stage, blocks))}
        if not begins and made.isdisjoint(stage.reads()):
            return False
        return own_places(stage, blocks, made, self.specs) and blocks.can_do(stage, self.specs)

    def again(self, stage: Stage, blocks: Blocks) -> list[Stage]:
        """Copies of what is needed, for the group to do before the stage, which now reads these."""
        copies, made = self.copies.setdefault(blocks, {}), list[Stage]()
        for one in self.needed(stage, blocks):
            copies[one.array] = self.fusion.new_array(self.specs[one.array])
            formula = renamed(one.formula, copies)
            made.append(Stage(copies[one.array], one.domain, formula, one.node, one.members))
        stage.formula = renamed(stage.formula, copies)
        return made


class Light:
    """What is made element by element of less than half its bytes, and copies of it in groups that have its rows."""

    def __init__(self, fusion: Fusion) -> None:
        self.fusion, self.specs = fusion, fusion.specs
        self.made: dict[int, Stage] = {}
        self.copies: dict[tuple[Group, int], int] = {}  # a group and an array ↦ the group's own

    def note(self, stage: Stage) -> None:
        """A stage that has joined a group."""
        if is_light(stage, self.specs):
            self.made[stage.array] = stage

    def again(self, stage: Stage, group: Group, rows: Index | None) -> dict[int, int]:
        """Let a group over rows make what a stage reads of its own row ↦ the names by which it is to read that."""
        names: dict[int, int] = {}
        if rows is None or group.flat or group.tiled or group.blocks is not None:
            return names
        for number in stage.reads():
            maker = self.made.get(number)
            if maker is None or number in group.writes() or not self.has_rows(maker, group):
                continue
            if not all(
                own_row(load, self.specs[number], rows) for load in loads(stage.formula) if load.input == number
            ):
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


def is_light(stage: Stage, specs: Sequence[Spec]) -> bool:
    """Whether to make an array again takes less than to read it."""
    if stage.scatter is not None or stage.run is not None or stage.total or folds(stage.formula):
        return False
    spec = specs[stage.array]
    if 2 * sum(specs[number].nbytes for number in stage.reads()) > spec.nbytes:
        return False
    words = [term.word for term in parts(stage.formula) if isinstance(term, Word)]
    if len(words) > FEW or not QUICK.issuperset(words):
        return False
    return all(load.guard is None and is_plain(address(load, specs[load.input])) for load in loads(stage.formula))
