"""Stages ↦ groups: what one kernel does.

A stage joins a group if it needs only its own row of what the group makes; so whatever happens to an example happens
while it is in the cache, and what no other group reads is never written to memory.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import prod

from mapsto.compiler.blocks import Blocks, blocks_of
from mapsto.compiler.cutting import cut
from mapsto.compiler.fuse import Flag, Fusion, HostStep, Stage
from mapsto.compiler.gathering import gather_sums
from mapsto.compiler.groups import CHUNKS, Group, Member, Step, shares, step_outputs
from mapsto.compiler.kinds import Kinds
from mapsto.compiler.options import Option, Options, slots_cost
from mapsto.compiler.recompute_blocks import RecomputeInBlocks
from mapsto.compiler.recompute_rows import RecomputeInRows
from mapsto.compiler.rows import first_axis, own_row, top_fold, without_units
from mapsto.compiler.rows_or_tiles import is_contraction, runs_by_rows
from mapsto.compiler.terms import folds, loads, rebuilt, renamed
from mapsto.core.spec import DTYPES, Spec
from mapsto.ir.formula import Formula, Index, Load, Reduce


class Grouping:
    """Goes through the stages in order and finds a place for each."""

    def __init__(self, fusion: Fusion) -> None:
        self.fusion, self.specs = fusion, fusion.specs
        self.steps: list[Step] = []
        self.flags: list[tuple[Flag, int]] = []  # what each is about, and the array of truth values
        self.readers: dict[int, list[Stage | None]] = {}
        for step in fusion.steps:
            for number in step.inputs if isinstance(step, HostStep) else step.reads():
                self.readers.setdefault(number, []).append(None if isinstance(step, HostStep) else step)
        self.in_blocks, self.in_rows = RecomputeInBlocks(fusion), RecomputeInRows(fusion)
        self.options = Options(self.specs)
        self.by_blocks: list[int] = []  # the positions of groups with blocks
        # Array ↦ the step that makes it: n if later stages of step n can read it, n + 1/2 if it is there only after it.
        self.made: dict[int, float] = {}
        for step in scalars_first(fusion):
            if isinstance(step, HostStep):
                self.steps.append(step)
                self.made.update(dict.fromkeys(step.outputs, len(self.steps) - 0.5))
            else:
                self.place(step)
        self.finish()

    def finish(self) -> None:
        """Gather sums, decide on the chunks, and let the formulas have the chunks' indices."""
        later_names = gather_sums(self.steps, self.made, self.specs)
        groups = [step for step in self.steps if isinstance(step, Group) and step.members]
        for group in groups:
            before = group.chunk
            cut(group, self.specs)
            later_names[before] = group.chunk

        def new_name(term: Formula) -> Formula | None:
            """The last of the names that an index was given, one after another."""
            found: Formula | None = None
            while isinstance(term, Index) and later_names.get(term, term) is not term:
                found = term = later_names[term]
            return found

        for group in groups:
            for stage in [member.stage for member in group.members]:
                stage.formula = rebuilt(stage.formula, new_name)
        self.steps = [step for step in self.steps if not isinstance(step, Group) or step.members]

    def place(self, stage: Stage) -> None:
        """Let a stage join the first group that it fits: one with blocks, or one over rows; else it begins one."""
        if self.place_in_blocks(stage):
            return
        options = self.options.in_order(stage, list(self.options.of(stage)))
        if not self.place_in_rows(stage, options):
            self.begin(stage, self.options.best(stage, options))

    def place_in_blocks(self, stage: Stage) -> bool:
        """Let a stage join a group with blocks, or begin one if it has blocks itself ↦ whether it did."""
        blocks = blocks_of(stage, self.readers, self.specs)
        begin = int(self.first(stage.reads()) + 0.5)
        for position in self.by_blocks:
            if position >= begin and self.fits_blocks(stage, self.steps[position], blocks):
                self.join_blocks(stage, position)
                return True
        if blocks is None:
            return False
        self.by_blocks.append(len(self.steps))
        self.steps.append(Group(prod(blocks.extents), blocks=blocks))
        self.join_blocks(stage, len(self.steps) - 1)
        return True

    def place_in_rows(self, stage: Stage, options: Sequence[Option]) -> bool:
        """Let a stage join the first group over rows that one of its options fits ↦ whether there is one."""
        after = [(option, self.first(option.reads), self.long_ones(option.reads)) for option in options]
        for position in range(min([int(first + 0.5) for _, first, _ in after], default=0), len(self.steps)):
            group = self.steps[position]
            if not isinstance(group, Group) or group.tiled or group.blocks is not None:
                continue
            for option, first, read in after:
                if may_join(position, first, group, read) and self.fits(stage, group, option):
                    self.join(stage, position, option)
                    return True
        return False

    def begin(self, stage: Stage, option: Option) -> None:
        """Let a stage begin a group of its own, over rows or by tiles."""
        group = Group(option.count, flat=option.flat)
        if is_contraction(stage, self.specs) and not runs_by_rows(stage, group, option, self.specs):
            group, option = Group(1, tiled=True), Option(None, 1, False, False, stage.formula)
        self.steps.append(group)
        self.join(stage, len(self.steps) - 1, option)

    # joining

    def first(self, read: Collection[int]) -> float:
        """The step from which on some arrays are there: n for within step n, n + 1/2 for after it."""
        return max((self.made.get(number, -1) for number in read), default=-1)

    def long_ones(self, read: Collection[int]) -> frozenset[int]:
        """The arrays, out of some, that have more than one element."""
        return frozenset(number for number in read if self.specs[number].size > 1)

    def fits(self, stage: Stage, group: Group, option: Option) -> bool:
        """Whether a stage, run by an option, can be done row by row with a group."""
        alike = group.rows == option.count and group.flat == option.flat
        if not alike and option.becomes is not None:
            return False
        if not alike and not (group.flat and not option.flat and self.loosens(group, option.count)):
            return False
        if not self.local(group, option):
            return False
        if stage.product() is not None:
            return runs_by_rows(stage, group, option, self.specs)
        return not (option.folded and slots_cost(stage, self.specs))

    def fits_blocks(self, stage: Stage, group: Step, own: Blocks | None) -> bool:
        """Whether a stage can be done block by block with a group: it needs what the group makes, or is as large."""
        if not isinstance(group, Group) or group.blocks is None or stage.total or stage.flag is not None:
            return False
        blocks = group.blocks
        if own is not None and own.extents != blocks.extents:
            return False
        return self.in_blocks.fits(stage, blocks, group.writes(), begins=own is not None)

    def join_blocks(self, stage: Stage, position: int) -> None:
        """Let a stage join a group with blocks, after what the group has to compute again for it."""
        group = self.steps[position]
        assert isinstance(group, Group) and group.blocks is not None
        for one in (*self.in_blocks.copies_for(stage, group.blocks), stage):
            self.join(one, position, Option(None, group.rows, False, False, one.formula))
            self.in_blocks.note(one, group.blocks)

    def loosens(self, group: Group, count: int) -> bool:
        """Whether a flat group can run over `count` rows instead: all its stages have a first axis of that extent."""
        return all(
            member.slots is None and (axis := first_axis(member.stage)) is not None and axis.extent == count
            for member in group.members
        )

    def local(self, group: Group, option: Option) -> bool:
        """Whether a stage reads, of what the group makes, its own row alone."""
        made = set(group.writes())
        for load in loads(option.formula):
            spec = self.specs[load.input]
            if load.input not in made or (spec.size == 1 and option.count == 1):
                continue
            if option.rows is None or not own_row(load, spec, option.rows):
                return False
        return True

    def join(self, stage: Stage, position: int, option: Option) -> None:
        """Let a stage join the group at a position, run by an option."""
        group, rows = self.steps[position], option.rows
        assert isinstance(group, Group)
        if group.flat and not option.flat:
            self.unflatten(group, option.count)
        stage.formula = option.becomes or stage.formula
        if stage.product() is not None and (names := self.in_rows.copies_for(stage, group, rows)):
            stage.formula = renamed(stage.formula, names)
        self.in_rows.note(stage)
        if option.folded:
            return self.join_sum(stage, position, rows)
        group.add(Member(stage, rows))
        self.made[stage.array] = position
        if stage.flag is not None:
            self.flags.append((stage.flag, stage.array))

    def join_sum(self, stage: Stage, position: int, rows: Index | None) -> None:
        """Let a fold over a group's rows join it: a partial sum for every chunk, in a slot, then their total."""
        group = self.steps[position]
        fold = top_fold(stage.formula)
        assert isinstance(group, Group) and fold is not None and rows is not None
        part = without_units(stage, fold)
        dtype = DTYPES[Kinds(self.specs).dtype(fold)]
        slots = self.fusion.new_array(Spec(dtype, (CHUNKS, *(axis.extent for axis in part.domain))))
        group.add(Member(part, rows, slots))
        self.made[slots] = position + 0.5
        if stage.flag is not None:
            self.flags.append((stage.flag, slots))
            return
        whole = Reduce(fold.word, group.chunk, fold.start, Load(slots, (group.chunk, *part.domain)))
        formula = rebuilt(stage.formula, lambda term: whole if term is fold else None)
        self.place(Stage(stage.array, stage.domain, formula, stage.node, (), total=True))

    def unflatten(self, group: Group, count: int) -> None:
        """Let a flat group run over rows."""
        group.flat, group.rows = False, count
        for member in group.members:
            member.rows = first_axis(member.stage)


def may_join(position: int, first: float, group: Group, read: Collection[int]) -> bool:
    """Whether all that is read is there when the group runs, and the group makes or reads some of it, too."""
    return position >= int(first + 0.5) and (position == int(first) or shares(read, group))


def scalars_first(fusion: Fusion) -> list[Stage | HostStep]:
    """The steps in order, but numbers that depend on inputs alone come before all others.

    What needs such a number, as an update of a parameter needs the count of steps, can then join the group of those
    that do not.
    """
    made = {number for step in fusion.steps for number in step_outputs(step)}
    early: list[Stage | HostStep] = []
    for step in fusion.steps:
        number = isinstance(step, Stage) and fusion.specs[step.array].size == 1 and not folds(step.formula)
        if isinstance(step, Stage) and number and made.isdisjoint(step.reads()):
            early.append(step)
            made.discard(step.array)
    return [*early, *(step for step in fusion.steps if step not in early)]
