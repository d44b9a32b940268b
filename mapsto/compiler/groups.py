"""Stages ↦ groups: what one kernel does. A group runs over rows (examples, or single elements), chunk by chunk.

A stage joins a group if it needs only its own row of what the group makes; so whatever happens to an example happens
while it is in the cache, and what no other group reads is never written to memory. A stage that sums over the rows
joins too: every chunk keeps a sum of its own in a slot, and a later stage adds the slots up in order. The sums are the
same for any number of threads, because chunks follow from shapes alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod

from mapsto.compiler import blocks as by_blocks
from mapsto.compiler.affine import Affine, affine
from mapsto.compiler.blocks import Blocks, blocks_of
from mapsto.compiler.conditions import decided, phases
from mapsto.compiler.contractions import address
from mapsto.compiler.fuse import Flag, Fusion, HostStep, Stage
from mapsto.compiler.kinds import Kinds
from mapsto.compiler.lanes import NEUTRAL
from mapsto.compiler.nests import Nest, depends, nests_of
from mapsto.compiler.pieces import pieces
from mapsto.compiler.recompute import Recompute
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

    def writes(self) -> list[int]:
        return [member.stage.array for member in self.members if member.slots is None]


Step = Group | HostStep


@dataclass(frozen=True, eq=False)
class Option:
    """What a stage could run over: an index and how many rows that makes; `formula` is the stage's in terms of it."""

    rows: Index | None
    count: int
    flat: bool
    folded: bool
    formula: Formula


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
        for step in self.steps:
            if isinstance(step, Group):
                self.cut(step)

    def place(self, stage: Stage) -> None:
        options = list(self.options(stage))
        first = max((self.made.get(number, -1) for number in stage.reads()), default=-1)
        blocks = blocks_of(stage, self.readers, self.specs)
        places = range(max(0, int(first + 0.5)), len(self.steps))
        for position in places:
            if self.fits_blocks(stage, self.steps[position], blocks):
                return self.join_blocks(stage, position)
        for position in places if blocks is None else ():
            group = self.steps[position]
            if not isinstance(group, Group) or group.tiled or group.blocks is not None:
                continue
            if position != int(first) and not self.shares(stage, group):
                continue
            for option in options:
                if self.fits(stage, group, option):
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
                yield Option(fold.index, fold.index.extent, True, True, formula)
            yield Option(fold.index, fold.index.extent, False, True, formula)
            if stage.flag is not None and (apart := by_rows_of(fold, self.specs)) is not None:
                yield Option(apart.index, apart.index.extent, False, True, apart)

    def best(self, stage: Stage, options: Sequence[Option]) -> Option:
        """How a stage that joins nobody runs: flat, or over what is outermost in the largest array that it reads."""
        flat = [option for option in options if option.flat and not option.folded]
        if flat:
            return flat[0]
        options = [option for option in options if option.formula is stage.formula]
        if not options:
            return Option(None, 1, False, False, stage.formula)
        largest = max(loads(stage.formula), key=lambda load: self.specs[load.input].size, default=None)
        if largest is None:
            return options[0]
        number = address(largest, self.specs[largest.input])
        return max(options, key=lambda option: (number.coefficient(option.rows), not option.folded))

    # joining

    def shares(self, stage: Stage, group: Group) -> bool:
        """Whether a group reads or makes something large that the stage reads."""
        known = {number for member in group.members for number in (*member.stage.reads(), member.stage.array)}
        return any(number in known and self.specs[number].size > 1 for number in stage.reads()) or group.rows == 1

    def fits(self, stage: Stage, group: Group, option: Option) -> bool:
        alike = group.rows == option.count and group.flat == option.flat
        if not alike and option.formula is not stage.formula:
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
        stage.formula = option.formula
        fold = top_fold(stage.formula)
        assert fold is not None and rows is not None
        dtype = DTYPES[Kinds(self.specs).dtype(fold)]
        slots = self.fusion.new_array(Spec(dtype, (CHUNKS, *(axis.extent for axis in stage.domain))))
        group.members.append(Member(stage, rows, slots))
        self.made[slots] = position + 0.5
        if stage.flag is not None:
            self.flags.append((stage.flag, slots))
            return
        whole = Reduce(fold.word, group.chunk, fold.start, Load(slots, (group.chunk, *stage.domain)))
        formula = rebuilt(stage.formula, lambda term: whole if term is fold else None)
        self.place(Stage(stage.array, stage.domain, formula, stage.node, (), total=True))

    def unflatten(self, group: Group, count: int) -> None:
        """Let a flat group run over rows."""
        group.flat, group.rows = False, count
        for member in group.members:
            member.rows = first_axis(member.stage)

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
        for step in self.steps:
            for member in step.members if isinstance(step, Group) else ():
                stage = member.stage
                stage.formula = rebuilt(stage.formula, lambda term: group.chunk if term is old else None)

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


def first_axis(stage: Stage) -> Index | None:
    """The outermost axis that has more than one place, and is not gone along in order."""
    along = None if stage.run is None else stage.run.axis
    return next((axis for axis in stage.domain if axis.extent > 1 and axis is not along), None)


def top_fold(formula: Formula) -> Reduce | None:
    """The outermost fold, if all others are within it."""
    found = folds(formula)
    if not found:
        return None
    inside = {id(fold) for fold in folds(found[0])}
    return found[0] if all(id(fold) in inside for fold in found) else None


def by_rows_of(fold: Reduce, specs: Sequence[Spec]) -> Reduce | None:
    """A fold over all elements of an array as one over its rows of folds over each; None if either would be one."""
    read = next((specs[load.input] for load in loads(fold.body) if specs[load.input].size == fold.index.extent), None)
    if read is None or read.shape[0] in (1, read.size):
        return None
    rows, rest = Index(read.shape[0]), Index(read.size // read.shape[0])
    place = rows * rest.extent + rest
    body = decided(rebuilt(fold.body, lambda term: place if term is fold.index else None))
    return Reduce(fold.word, rows, fold.start, Reduce(fold.word, rest, fold.start, body))


def flat_nest(stage: Stage, specs: Sequence[Spec]) -> Nest | None:
    """A stage as one loop over all its elements, if it is one."""
    nests = nests_of(Nest((stage.array,), stage.domain, stage.domain, (stage.formula,)), specs)
    if len(nests) != 1:
        return None
    nest = nests[0]
    return nest if len([axis for axis in nest.axes if axis.extent > 1]) <= 1 else None


def own_row(load: Load, spec: Spec, rows: Index, count: int) -> bool:
    """Whether an element read lies in the row that `rows` names, out of `count`."""
    if spec.size % count:
        return False
    if spec.shape and spec.shape[0] == count and affine(load.index[0]) == Affine(((rows, 1),)):
        return True
    size = spec.size // count
    number = address(load, spec)
    rest = Affine(tuple((atom, c) for atom, c in number.terms if atom is not rows), number.constant)
    if number.coefficient(rows) != size or any(depends(atom, rows) for atom in rest.atoms):
        return False
    low, high = rest.range()
    return low >= 0 and high < size


def depends_on(load: Load, rows: Index) -> bool:
    return any(depends(part, rows) for part in load.index)


def outermost(load: Load, rows: Index, specs: Sequence[Spec]) -> bool:
    """Whether nothing moves further through an array than `rows` does: every row of it lies by itself."""
    number = address(load, specs[load.input])
    return number.coefficient(rows) == max(abs(c) for _, c in number.terms)
