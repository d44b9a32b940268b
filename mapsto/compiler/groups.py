"""Stages ↦ groups: what one kernel does. A group runs over rows (examples, or single elements), chunk by chunk.

A stage joins a group if it needs only its own row of what the group makes; so whatever happens to an example happens
while it is in the cache, and what no other group reads is never written to memory. A stage that sums over the rows
joins too: every chunk keeps a sum of its own in a slot, and a later stage adds the slots up in order. The sums are the
same for any number of threads, because chunks follow from shapes alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod

from mapsto.compiler import blocks as by_blocks
from mapsto.compiler.blocks import Blocks, blocks_of
from mapsto.compiler.conditions import phases
from mapsto.compiler.contractions import address
from mapsto.compiler.fuse import Flag, Fusion, HostStep, Stage
from mapsto.compiler.kinds import Kinds
from mapsto.compiler.lanes import NEUTRAL
from mapsto.compiler.nests import Nest, nests_of
from mapsto.compiler.pieces import pieces
from mapsto.compiler.recompute import Recompute
from mapsto.compiler.rows import by_rows_of, depends_on, first_axis, outermost, own_row, top_fold, without_units
from mapsto.compiler.terms import folds, loads, rebuilt
from mapsto.core.spec import DTYPES, Spec
from mapsto.ir.formula import Formula, Index, Load, Reduce

CHUNKS = 8  # of a group over rows, at most
FLAT = 8192  # elements of a flat chunk, at least
WORTH = 100_000  # operations and bytes that make a chunk worth its while
LARGE_OPERAND = 2**19  # bytes that every chunk would read again; half of a second-level cache
SMALL_OPERAND = 2**15  # bytes that stay in the first-level cache
SQUARE = 16  # rows of a chunk, where rows lie side by side in what is read, and so share cache lines
FEW_PLACES = 16  # rows of a product below which reading the other operand is what costs


@dataclass(eq=False)
class Member:
    """A stage in a group. `rows` is the index that runs over the rows; `slots` is where a sum over them goes."""

    stage: Stage
    rows: Index | None
    slots: int | None = None


@dataclass(eq=False)
class Group:
    """Stages over the same number of rows, or over the same blocks. A contraction that is cut by tiles is alone."""

    rows: int
    members: list[Member] = field(default_factory=list[Member])
    flat: bool = False
    tiled: bool = False
    blocks: Blocks | None = None
    chunk: Index = field(default_factory=lambda: Index(CHUNKS))
    per_chunk: int = 1

    @property
    def chunks(self) -> int:
        return self.chunk.extent

    def sums_alone(self) -> bool:
        """Whether it has nothing but sums over its rows, and these not of products."""
        return not self.tiled and all(one.slots is not None and one.stage.product() is None for one in self.members)

    def writes(self) -> list[int]:
        return [member.stage.array for member in self.members if member.slots is None]


Step = Group | HostStep


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
        self.recompute = Recompute(fusion)
        self.made: dict[int, float] = {}  # array ↦ the step that makes it; a half more if it is there only after it
        for step in scalars_first(fusion):
            if isinstance(step, HostStep):
                self.steps.append(step)
                self.made.update(dict.fromkeys(step.outputs, len(self.steps) - 0.5))
            else:
                self.place(step)
        self.gather_sums()
        for step in self.steps:
            if isinstance(step, Group):
                self.cut(step)

    def place(self, stage: Stage) -> None:
        options = self.in_order(stage, list(self.options(stage)))
        blocks = blocks_of(stage, self.readers, self.specs)
        first = max((self.made.get(number, -1) for number in stage.reads()), default=-1)
        for position in range(max(0, int(first + 0.5)), len(self.steps)):
            if self.fits_blocks(stage, self.steps[position], blocks):
                return self.join_blocks(stage, position)
        for position, group in enumerate(self.steps) if blocks is None else ():
            if not isinstance(group, Group) or group.tiled or group.blocks is not None:
                continue
            for option in options:
                if self.may_join(option, position, group) and self.fits(stage, group, option):
                    return self.join(stage, position, option)
        if blocks is not None:
            self.steps.append(Group(prod(blocks.extents), blocks=blocks))
            return self.join_blocks(stage, len(self.steps) - 1)
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
        if fold is None and not own_loops and (flat := flat_nest(stage, self.specs)) is not None:
            yield Option(flat.axes[0] if flat.axes else None, size, True, False, flat.formulas[0])
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

    def may_join(self, option: Option, position: int, group: Group) -> bool:
        """Whether a group comes late enough, and makes, reads or has as its own something that a formula reads."""
        read = {load.input for load in loads(option.formula)}
        first = max((self.made.get(number, -1) for number in read), default=-1)
        return position >= int(first + 0.5) and (position == int(first) or self.shares(read, group))

    def shares(self, read: set[int], group: Group) -> bool:
        """Whether a group reads or makes something large that is read."""
        known = {number for member in group.members for number in (*member.stage.reads(), member.stage.array)}
        return any(number in known and self.specs[number].size > 1 for number in read) or group.rows == 1

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
            if option.rows is None or not own_row(load, spec, option.rows, option.count):
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
            return not whole and apart and pairs and 2 * CHUNKS * out.nbytes < read
        if any(self.specs[number].nbytes > LARGE_OPERAND for number in whole):
            return False
        places = out.size // max(out.shape[-1] if out.shape else 1, 1) // option.count
        small = all(self.specs[number].nbytes <= SMALL_OPERAND for number in whole)
        return places >= FEW_PLACES or (small and option.count >= FEW_PLACES)

    def slots_cost(self, stage: Stage) -> bool:
        """Whether the slots of a sum would be larger than what it reads."""
        read = sum(self.specs[number].nbytes for number in stage.reads())
        return 2 * CHUNKS * self.specs[stage.array].nbytes > max(read, 2**16)

    def join(self, stage: Stage, position: int, option: Option) -> None:
        group, rows = self.steps[position], option.rows
        assert isinstance(group, Group)
        if group.flat and not option.flat:
            self.unflatten(group, option.count)
        if not option.folded:
            group.members.append(Member(stage, rows))
            self.made[stage.array] = position
            if stage.flag is not None:
                self.flags.append((stage.flag, stage.array))
            return
        stage.formula = option.becomes or stage.formula
        fold = top_fold(stage.formula)
        assert fold is not None and rows is not None
        part = without_units(stage, fold)
        dtype = DTYPES[Kinds(self.specs).dtype(fold)]
        slots = self.fusion.new_array(Spec(dtype, (CHUNKS, *(axis.extent for axis in part.domain))))
        group.members.append(Member(part, rows, slots))
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

    def gather_sums(self) -> None:
        """Let sums that have a group of their own join another one that reads the same, so that it is read once."""
        for place, group in enumerate(self.steps):
            if not isinstance(group, Group) or not group.sums_alone():
                continue
            first = int(max((self.made.get(number, -1) for number in reads_of(group)), default=-1) + 1)
            others = (*self.until_read(place), *self.steps[first:place])
            other = next((step for step in others if isinstance(step, Group) and self.takes(step, group)), None)
            if other is not None:
                other.members += group.members
                self.rename(group.chunk, other.chunk)
                group.members = []
        self.steps = [step for step in self.steps if not isinstance(step, Group) or step.members]

    def until_read(self, place: int) -> Iterator[Step]:
        """The steps behind a group before the first that reads its sums."""
        group = self.steps[place]
        made = {member.slots for member in group.members} if isinstance(group, Group) else set[int | None]()
        return itertools.takewhile(lambda step: made.isdisjoint(reads_of(step)), self.steps[place + 1 :])

    def takes(self, group: Group, sums: Group) -> bool:
        """Whether a group runs over the same rows as some sums, and reads some of the same."""
        alike = not group.tiled and group.blocks is None and (group.rows, group.flat) == (sums.rows, sums.flat)
        return alike and self.shares(set(reads_of(sums)), group)

    def rename(self, old: Index, new: Index) -> None:
        """Exchange an index in all formulas."""
        for step in self.steps:
            for member in step.members if isinstance(step, Group) else ():
                stage = member.stage
                stage.formula = rebuilt(stage.formula, lambda term: new if term is old else None)

    # chunks

    def cut(self, group: Group) -> None:
        """Decide on the chunks, by the shapes alone."""
        if group.tiled:
            return
        if group.blocks is not None:
            group.blocks.size([member.stage for member in group.members], self.specs)
            units = group.blocks.places * group.blocks.each
            group.per_chunk = -(-units // by_blocks.CHUNKS)
            group.chunk = Index(-(-units // group.per_chunk))
            return
        if group.flat:
            least = FLAT // max(row_size(member) for member in group.members)
            per = max(least, -(-group.rows // (2 * CHUNKS)))
            group.per_chunk = -(-per // 64) * 64
        else:
            work = sum(self.work(member.stage) for member in group.members)
            group.per_chunk = -(-group.rows // max(1, min(CHUNKS, work // WORTH)))
            if group.rows >= 2 * SQUARE and any(rows_within(member, self.specs) for member in group.members):
                group.per_chunk = -(-group.per_chunk // SQUARE) * SQUARE
        chunks = max(1, -(-group.rows // group.per_chunk))
        old, group.chunk = group.chunk, Index(chunks)
        if not any(member.slots is not None for member in group.members):
            return
        for member in group.members:
            if member.slots is not None:
                spec = self.specs[member.slots]
                self.specs[member.slots] = Spec(spec.dtype, (chunks, *spec.shape[1:]))
        self.rename(old, group.chunk)

    def work(self, stage: Stage) -> int:
        """Operations and bytes of a stage."""
        nodes = stage.members or ((stage.node,) if stage.node else ())
        nbytes = sum(self.specs[number].nbytes for number in (*stage.reads(), stage.array))
        return nbytes + sum(node.flops for node in nodes)


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


def step_outputs(step: Stage | HostStep) -> Sequence[int]:
    return step.outputs if isinstance(step, HostStep) else (step.array,)


def reads_of(step: Step) -> Sequence[int]:
    return step.inputs if isinstance(step, HostStep) else [n for member in step.members for n in member.stage.reads()]


def row_size(member: Member) -> int:
    """How many elements a row of a flat group has: those of the folds within the one that runs over the rows."""
    if member.slots is None:
        return 1
    fold = top_fold(member.stage.formula)
    return 1 if fold is None else prod(inner.index.extent for inner in folds(fold.body))


def rows_within(member: Member, specs: Sequence[Spec]) -> bool:
    """Whether the rows lie side by side in something that is read and has other axes, too: it is transposed."""
    if member.rows is None or member.slots is not None:
        return False
    read = [load for load in loads(member.stage.formula) if specs[load.input].size > member.rows.extent]
    return any(address(load, specs[load.input]).coefficient(member.rows) == 1 for load in read)


def flat_nest(stage: Stage, specs: Sequence[Spec]) -> Nest | None:
    """A stage as one loop over all its elements, if it is one."""
    nests = nests_of(Nest((stage.array,), stage.domain, stage.domain, (stage.formula,)), specs)
    if len(nests) != 1:
        return None
    nest = nests[0]
    return nest if len([axis for axis in nest.axes if axis.extent > 1]) <= 1 else None
