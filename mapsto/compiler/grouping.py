"""Stages ↦ groups: what one kernel does.

A stage joins a group if it needs only its own row of what the group makes; so whatever happens to an example happens
while it is in the cache, and what no other group reads is never written to memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from mapsto.compiler.blocks import Blocks, blocks_of
from mapsto.compiler.conditions import phases
from mapsto.compiler.contractions import address
from mapsto.compiler.cutting import cut
from mapsto.compiler.flat_loops import FlatLoops
from mapsto.compiler.fuse import Flag, Fusion, HostStep, Stage
from mapsto.compiler.gathering import gather_sums
from mapsto.compiler.groups import CHUNKS, READ_AGAIN, Group, Member, Step, shares, step_outputs
from mapsto.compiler.kinds import Kinds
from mapsto.compiler.lanes import NEUTRAL
from mapsto.compiler.nests import Nest
from mapsto.compiler.pieces import pieces
from mapsto.compiler.recompute import Light, Recompute
from mapsto.compiler.rows import by_rows_of, depends_on, first_axis, outermost, own_row, top_fold, without_units
from mapsto.compiler.terms import folds, loads, rebuilt, renamed
from mapsto.core.spec import DTYPES, Spec
from mapsto.ir.formula import Formula, Index, Load, Reduce

LARGE_OPERAND = 2**19  # bytes that every chunk would read again; half of a second-level cache
SMALL_OPERAND = 2**15  # bytes that stay in the first-level cache
LONG_SUMS = 80_000  # steps between two readings of a slot, times those of the whole sum; see `slots_pay`
FEW_PLACES = 16  # rows of a product below which reading the other operand is what costs


@dataclass(frozen=True, eq=False)
class Option:
    """What a stage could run over: an index and how many rows that makes; `formula` is the stage's in terms of it, or
    the fold over the rows. `becomes`: what the stage's formula is exchanged for."""

    rows: Index | None
    count: int
    flat: bool
    folded: bool
    formula: Formula
    becomes: Formula | None = None

    @cached_property
    def reads(self) -> frozenset[int]:
        """The arrays that the formula reads."""
        return frozenset(load.input for load in loads(self.formula))


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
        self.recompute, self.light = Recompute(fusion), Light(fusion)
        self.flat_loops = FlatLoops(self.specs)
        self.by_blocks: list[int] = []  # the positions of groups with blocks
        self.made: dict[int, float] = {}  # array ↦ the step that makes it; a half more if it is there only after it
        for step in scalars_first(fusion):
            if isinstance(step, HostStep):
                self.steps.append(step)
                self.made.update(dict.fromkeys(step.outputs, len(self.steps) - 0.5))
            else:
                self.place(step)
        self.finish()

    def finish(self) -> None:
        """Gather sums, decide on the chunks, and let the formulas have the chunks' indices."""
        renamed = gather_sums(self.steps, self.made, self.specs)
        groups = [step for step in self.steps if isinstance(step, Group) and step.members]
        for group in groups:
            before = group.chunk
            cut(group, self.specs)
            renamed[before] = group.chunk

        def new_name(term: Formula) -> Formula | None:
            """The last of the names that an index was given, one after another."""
            found: Formula | None = None
            while isinstance(term, Index) and renamed.get(term, term) is not term:
                found = term = renamed[term]
            return found

        for group in groups:
            for stage in [member.stage for member in group.members]:
                stage.formula = rebuilt(stage.formula, new_name)
        self.steps = [step for step in self.steps if not isinstance(step, Group) or step.members]

    def place(self, stage: Stage) -> None:
        options = self.in_order(stage, list(self.options(stage)))
        blocks = blocks_of(stage, self.readers, self.specs)
        begin = int(self.first(stage.reads()) + 0.5)
        for position in self.by_blocks:
            if position >= begin and self.fits_blocks(stage, self.steps[position], blocks):
                return self.join_blocks(stage, position)
        if blocks is not None:
            self.by_blocks.append(len(self.steps))
            self.steps.append(Group(prod(blocks.extents), blocks=blocks))
            return self.join_blocks(stage, len(self.steps) - 1)
        after = [(option, self.first(option.reads), self.long_ones(option.reads)) for option in options]
        for position in range(min([int(first + 0.5) for _, first, _ in after], default=0), len(self.steps)):
            group = self.steps[position]
            if not isinstance(group, Group) or group.tiled or group.blocks is not None:
                continue
            for option, first, read in after:
                if may_join(position, first, group, read) and self.fits(stage, group, option):
                    return self.join(stage, position, option)
        option = self.best(stage, options)
        group = Group(option.count, flat=option.flat)
        if self.contracts(stage) and not self.by_rows(stage, group, option):
            group, option = Group(1, tiled=True), Option(None, 1, False, False, stage.formula)
        self.steps.append(group)
        return self.join(stage, len(self.steps) - 1, option)

    # what a stage could run over

    def options(self, stage: Stage) -> Iterator[Option]:
        """Every element by itself, the first axis of some extent, or the outermost fold."""
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
        """Without those by which a sum would read a large array across its order, once for every row of its own."""
        reads = [load for load in loads(stage.formula) if self.specs[load.input].nbytes > LARGE_OPERAND]
        if not reads or not folds(stage.formula) or stage.product() is not None or self.slots_cost(stage):
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

    # joining

    def first(self, read: Collection[int]) -> float:
        """The step that makes the last of some arrays, and a half more if it is there only after that."""
        return max((self.made.get(number, -1) for number in read), default=-1)

    def long_ones(self, read: Collection[int]) -> frozenset[int]:
        """Those of some arrays that have more than one element."""
        return frozenset(number for number in read if self.specs[number].size > 1)

    def fits(self, stage: Stage, group: Group, option: Option) -> bool:
        alike = group.rows == option.count and group.flat == option.flat
        if not alike and option.becomes is not None:
            return False
        if not alike and not (group.flat and not option.flat and self.loosens(group, option.count)):
            return False
        if not self.local(group, option):
            return False
        if stage.product() is not None:
            return self.by_rows(stage, group, option)
        return not (option.folded and self.slots_cost(stage))

    def fits_blocks(self, stage: Stage, group: Step, own: Blocks | None) -> bool:
        """Whether a stage can be done block by block with a group: it needs what the group makes, or is as large."""
        if not isinstance(group, Group) or group.blocks is None or stage.total or stage.flag is not None:
            return False
        blocks = group.blocks
        if own is not None and own.extents != blocks.extents:
            return False
        return self.recompute.fits(stage, blocks, group.writes(), begins=own is not None)

    def join_blocks(self, stage: Stage, position: int) -> None:
        group = self.steps[position]
        assert isinstance(group, Group) and group.blocks is not None
        for one in (*self.recompute.again(stage, group.blocks), stage):
            self.join(one, position, Option(None, group.rows, False, False, one.formula))
            self.recompute.note(one, group.blocks)

    def loosens(self, group: Group, count: int) -> bool:
        """Whether a flat group could as well run over so many rows."""
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

    def contracts(self, stage: Stage) -> bool:
        """Whether a stage is a contraction, or several, that tiles can do."""
        nest = Nest((stage.array,), stage.domain, tuple(stage.domain), (stage.formula,))
        return stage.product() is not None and pieces(nest, self.specs) is not None

    def by_rows(self, stage: Stage, group: Group, option: Option) -> bool:
        """Whether a contraction is done chunk by chunk of the rows, rather than by tiles of its own."""
        product, rows = stage.product(), option.rows
        if product is None or rows is None or option.count < 2 or option.flat:
            return False
        if phases((product.fold,), (rows,)):
            return False  # rows are taken in order, phases are not
        whole = [load.input for load in (product.x, product.y) if not depends_on(load, rows)]
        read = sum(self.specs[load.input].nbytes for load in (product.x, product.y) if depends_on(load, rows))
        out = self.specs[stage.array]
        if option.folded:
            pairs = sum(extent > 1 for extent in out.shape) > 1  # else a matrix and a vector: its tiles are columns
            apart = all(outermost(load, rows, self.specs) for load in (product.x, product.y))
            return (
                not whole
                and apart
                and pairs
                and 2 * CHUNKS * out.nbytes < read
                and self.slots_pay(stage, group, option)
            )
        if any(self.specs[number].nbytes > LARGE_OPERAND for number in whole):
            return False
        places = out.size // max(out.shape[-1] if out.shape else 1, 1) // option.count
        small = all(self.specs[number].nbytes <= SMALL_OPERAND for number in whole)
        return places >= FEW_PLACES or (small and option.count >= FEW_PLACES)

    def slots_pay(self, stage: Stage, group: Group, option: Option) -> bool:
        """Whether a sum of products over the rows, read and written in its slot once a block, takes less than tiles.

        Slots cost a share of the products' time that falls with the steps of a block (10 / steps, in the second cache);
        what tiles lose to a sum that they cannot keep in the caches grows with all its steps (steps / 8,000).
        """
        if self.specs[stage.array].nbytes <= SMALL_OPERAND:
            return True
        known = {*group.known, *stage.reads()}
        row = sum(self.specs[n].nbytes // option.count for n in known if self.specs[n].size >= option.count)
        block = min(max(READ_AGAIN // max(row, 1), 1), option.count // CHUNKS)
        inner = prod(fold.index.extent for fold in folds(option.formula)[1:])
        return inner * block * inner * option.count >= LONG_SUMS

    def slots_cost(self, stage: Stage) -> bool:
        """Whether the slots of a sum would be larger than what it reads."""
        read = sum(self.specs[number].nbytes for number in stage.reads())
        return 2 * CHUNKS * self.specs[stage.array].nbytes > max(read, 2**16)

    def join(self, stage: Stage, position: int, option: Option) -> None:
        group, rows = self.steps[position], option.rows
        assert isinstance(group, Group)
        if group.flat and not option.flat:
            self.unflatten(group, option.count)
        stage.formula = option.becomes or stage.formula
        if stage.product() is not None and (names := self.light.again(stage, group, rows)):
            stage.formula = renamed(stage.formula, names)
        self.light.note(stage)
        if not option.folded:
            group.add(Member(stage, rows))
            self.made[stage.array] = position
            if stage.flag is not None:
                self.flags.append((stage.flag, stage.array))
            return
        fold = top_fold(stage.formula)
        assert fold is not None and rows is not None
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
    """Whether a group comes late enough, and makes, reads or has as its own something of what is read."""
    return position >= int(first + 0.5) and (position == int(first) or shares(read, group))


def scalars_first(fusion: Fusion) -> list[Stage | HostStep]:
    """The steps in order, but before all others the numbers that depend on inputs alone: what needs them, such as an
    update that needs how many there were, can then join the group of those that do not."""
    made = {number for step in fusion.steps for number in step_outputs(step)}
    early: list[Stage | HostStep] = []
    for step in fusion.steps:
        number = isinstance(step, Stage) and fusion.specs[step.array].size == 1 and not folds(step.formula)
        if isinstance(step, Stage) and number and made.isdisjoint(step.reads()):
            early.append(step)
            made.discard(step.array)
    return [*early, *(step for step in fusion.steps if step not in early)]
