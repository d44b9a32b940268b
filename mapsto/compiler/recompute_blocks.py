"""What a group with blocks computes once more, so that another one never writes it out.

A backward pass needs the probabilities of the forward pass. Attention's are as many as queries times keys, for every
head; to make them again from q, k and the softmax's maxima and sums takes less than to write and read them.
"""

from __future__ import annotations

from mapsto.compiler.blocks import Blocks, own_places
from mapsto.compiler.fuse import Fusion, Stage
from mapsto.compiler.terms import renamed


class RecomputeInBlocks:
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
        """The stages that a group has to compute again, in order, before it can do a stage.

        Only such as need nothing but their own place in the block.
        """
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
        """Whether a group can do a stage, which must read its own place of what the group makes.

        A stage that could not begin a group itself (`begins`) must read something that the group makes.
        """
        made = {*writes, *self.copies.get(blocks, {}), *(one.array for one in self.needed(stage, blocks))}
        if not begins and made.isdisjoint(stage.reads()):
            return False
        return own_places(stage, blocks, made, self.specs) and blocks.can_do(stage, self.specs)

    def copies_for(self, stage: Stage, blocks: Blocks) -> list[Stage]:
        """Copies of the stages that are needed, for the group to do before this stage, which now reads the copies."""
        copies, made = self.copies.setdefault(blocks, {}), list[Stage]()
        for one in self.needed(stage, blocks):
            copies[one.array] = self.fusion.new_array(self.specs[one.array])
            formula = renamed(one.formula, copies)
            made.append(Stage(copies[one.array], one.domain, formula, one.node, one.members))
        stage.formula = renamed(stage.formula, copies)
        return made
